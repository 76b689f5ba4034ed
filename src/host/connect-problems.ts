import { exitCodes, Problem } from '../problem.ts'
import { LoginFailed, type KeyTrials } from './login.ts'
import type { SshSettings } from './ssh-settings.ts'

export interface ConnectAttempt {
  /** Inventory name. */
  host: string
  settings: SshSettings
  /** Whether a jump host or a proxy command carries the connection. */
  via: string | null
}

/** The Problem for whatever ended a try to connect. Problems pass through as they are; bugs too. */
export function connectProblem(error: unknown, attempt: ConnectAttempt): unknown {
  if (error instanceof Problem || !(error instanceof Error)) return error
  if (error instanceof LoginFailed) return loginProblem(error, attempt)
  const { code } = first(error)
  const told = code === undefined ? undefined : systemErrors[code]
  if (told === undefined && code === undefined) return error
  const { host, settings } = attempt
  return problem(attempt, error, {
    code: told?.code ?? 'host-unreachable',
    found: told ? told.found(address(settings)) : first(error).message,
    next: told ? told.next(settings, host) : `see whether \`ssh ${settings.asked}\` gets through`,
  })
}

interface Telling {
  code: string
  found: (address: string) => string
  next: (settings: SshSettings, host: string) => string
}

const unreachable: Telling = {
  code: 'host-unreachable',
  found: (address) => `there is no way to ${address} (no route)`,
  next: (settings, host) => `see whether ${host} is switched on and in the same network (ping ${settings.hostName})`,
}

const unknownName: Telling = {
  code: 'host-not-found',
  found: (address) => `no address is known for ${address}`,
  next: (settings, host) =>
    `mend the address of ${host} in the inventory, or HostName in ${settings.config}, or the name in your DNS (getent hosts ${settings.hostName})`,
}

/** What a connect(2) or a name look-up may answer, and what that means to someone with a Pi in the attic. */
const systemErrors: Record<string, Telling> = {
  ENOTFOUND: unknownName,
  EAI_AGAIN: {
    ...unknownName,
    found: (address) => `the name server gave no answer for ${address}`,
    next: () => 'see whether this machine has a network and a name server, then run it again',
  },
  EHOSTUNREACH: unreachable,
  ENETUNREACH: unreachable,
  EHOSTDOWN: unreachable,
  ETIMEDOUT: {
    ...unreachable,
    found: (address) => `${address} does not answer`,
  },
  ECONNREFUSED: {
    code: 'connection-refused',
    found: (address) => `${address} is up, but nothing listens for ssh there`,
    next: (settings, host) =>
      `see whether ${host} is still booting and whether sshd runs on port ${settings.port} (systemctl status ssh)`,
  },
}

/** The Problem for a host that has not let us in within the time for connecting. */
export function connectTimeout(attempt: ConnectAttempt, seconds: number): Problem {
  return problem(attempt, undefined, {
    code: 'connect-timeout',
    found: `${address(attempt.settings)} has not let us in within ${seconds} s`,
    next: `see whether ${attempt.host} is switched on and not overloaded (ping ${attempt.settings.hostName}); ConnectTimeout in ${attempt.settings.config} gives it longer`,
  })
}

function loginProblem(error: LoginFailed, attempt: ConnectAttempt): Problem {
  const { settings, host } = attempt
  if (error.level === 'client-authentication' || /too many authentication failures/i.test(error.message))
    return authProblem(error, attempt)
  if (/no matching key exchange/i.test(error.message))
    return problem(attempt, error, {
      code: 'ssh-handshake',
      found:
        `${error.message}: the host offers none that this program has, only newer ones (as mlkem768x25519-sha256 and ` +
        'sntrup761x25519-sha512@openssh.com are) or ones that are too old',
      next:
        `see which on ${host} (sudo sshd -T | grep -i kexalgorithms), and add curve25519-sha256 to the line KexAlgorithms of its ` +
        'sshd_config, which OpenSSH has without such a line; where it does not know that, update openssh-server',
    })
  if (/no matching/i.test(error.message))
    return problem(attempt, error, {
      code: 'ssh-handshake',
      found: `${error.message}: the host offers only methods that are too old or unknown`,
      next: `update openssh-server on ${host}, and see KexAlgorithms, Ciphers and HostKeyAlgorithms in its sshd_config`,
    })
  return problem(attempt, error, {
    code: error.greeted ? 'ssh-handshake' : 'connection-dropped',
    found: `${address(settings)} ended the connection before the login was through (${error.message})`,
    next: error.greeted
      ? `look at the journal of sshd on ${host} (journalctl -u ssh)`
      : `see whether too many connections wait at its sshd (MaxStartups, PerSourcePenalties), or whether something else than ssh listens there`,
  })
}

function authProblem(error: LoginFailed, attempt: ConnectAttempt): Problem {
  const { settings, host } = attempt
  const { trials } = error
  const tried = trials.tried.length > 0 ? `tried: ${trials.tried.join(', ')}` : 'there was no key to try'
  const unusable = trials.unusable.length > 0 ? `; not usable: ${trials.unusable.join('; ')}` : ''
  return problem(attempt, error, {
    code: 'auth-failed',
    found: trials.partial
      ? `the user ${settings.user} is asked for a second factor after the key, which cannot be answered here`
      : `the user ${settings.user} was not let in (${tried}${unusable})`,
    next: adviceFor(error, trials, settings, host),
  })
}

function adviceFor(error: LoginFailed, trials: KeyTrials, settings: SshSettings, host: string): string {
  if (trials.partial)
    return `let ${settings.user} in with a key alone (AuthenticationMethods publickey in sshd_config on ${host})`
  const encrypted = trials.unusable.find((text) => text.includes('encrypted'))
  if (encrypted) return `put the key into the agent first: ssh-add ${encrypted.split(':')[0]}`
  if (/too many/i.test(error.message))
    return `the host gives up after a few keys: name the right one with IdentityFile and IdentitiesOnly yes for ${settings.asked} in ${settings.config}`
  const copy = `ssh-copy-id -p ${settings.port} ${settings.user}@${settings.hostName}`
  return trials.methods.includes('password')
    ? `put your key on the host with its password: ${copy}; or mend the user of ${host} in the inventory`
    : `mend the user of ${host} in the inventory, or name the right key with IdentityFile in ${settings.config}, or put it on the host: ${copy}`
}

function problem(
  attempt: ConnectAttempt,
  cause: unknown,
  told: { code: string; found: string; next: string },
): Problem {
  return new Problem({
    ...told,
    doing:
      attempt.via === null ? `connecting to ${attempt.host}` : `connecting to ${attempt.host} through ${attempt.via}`,
    host: attempt.host,
    exit: exitCodes.unreachable,
    cause,
  })
}

function address(settings: SshSettings): string {
  const name = settings.hostName === settings.asked ? settings.hostName : `${settings.asked} (${settings.hostName})`
  return `${name} port ${settings.port}`
}

/** Several addresses of one name fail together: the first of their errors speaks for all. */
function first(error: Error): NodeJS.ErrnoException {
  const inner: unknown = error instanceof AggregateError ? error.errors[0] : error
  return inner instanceof Error ? inner : error
}
