import { setTimeout as sleep } from 'node:timers/promises'
import type { Host, Inventory } from '../inventory/model.ts'
import { exitCodes, Problem } from '../problem.ts'
import type { Report } from '../report/events.ts'
import { connectProblem, connectTimeout, type ConnectAttempt } from './connect-problems.ts'
import type { SshConnection } from './connection.ts'
import { countdown } from './countdown.ts'
import { errorCode } from './error-code.ts'
import { hostKeyCheck } from './host-key-check.ts'
import { createKeyring, type AskPassphrase, type Keyring } from './identities.ts'
import { createBastions, type Bastion, type Bastions } from './jump.ts'
import { login, LoginFailed } from './login.ts'
import type { NewHostKey } from './new-host-key.ts'
import { openProxyCommand, openSocket, type Transport } from './socket.ts'
import { sshConnection, type LoggedIn } from './ssh-connection.ts'
import { sshSettings, type SshSettings, type SshTarget } from './ssh-settings.ts'

export interface ConnectOptions {
  ssh: Inventory['ssh']
  /** Take and record the key of a host that is not known yet (`--accept-new`). A changed key is never taken. */
  acceptNew: boolean
  /** `restore`: the host, though none of its jump hosts, may show a new key that somebody vouches for. */
  newKey?: NewHostKey
  /** Asks a person yes or no; absent without a terminal. */
  confirm?: (question: string) => Promise<boolean>
  /** Asks a person for the passphrase of a key; absent without a terminal. */
  passphrase?: AskPassphrase
  report: Report
  /** Until the host has let us in, a person's answers not counted. Default: ConnectTimeout of ssh_config, else 15. */
  connectTimeoutSeconds?: number
  /** What the hosts of one run share; without it each connection has its own. */
  shared?: SharedConnections
}

/** What the connections of one run share: keys that were decrypted, jump hosts that were reached. Close it at the end. */
export interface SharedConnections {
  readonly keyring: Keyring
  readonly bastions: Bastions
  close(): Promise<void>
}

/** Makes what the hosts of one run share, so that a passphrase is asked once and a bastion connected to once. */
export function shareConnections(options: Omit<ConnectOptions, 'shared'>): SharedConnections {
  const bastions = createBastions(async (hop, via, name) => {
    const settings = await sshSettings({ ...hop, config: options.ssh.config, host: name })
    return connectionTo(name, settings, { ...options, report: reportForBastion(name, options.report), shared }, via)
  })
  const shared: SharedConnections = {
    keyring: createKeyring(options.passphrase),
    bastions,
    close: () => bastions.close(),
  }
  return shared
}

/** A jump host is none of the run's hosts: what it does is a note, not a step in their table. */
function reportForBastion(name: string, report: Report): Report {
  return (event) => {
    if (event.type === 'host-step')
      report({ type: 'note', message: `jump host ${name}: ${event.detail ?? event.step}` })
    else report(event)
  }
}

/**
 * Connects to a host of the inventory, as the user's own ssh would: its configuration, agent, keys, jump hosts; the host
 * key always checked. Throws Problems with exit code 3: `host-not-found`, `host-unreachable`, `connection-refused`,
 * `connect-timeout`, `connection-dropped`, `ssh-handshake`, `auth-failed`, `host-key-unknown`, `host-key-changed`,
 * `host-key-revoked`; and with exit code 2: `ssh-address`, `ssh-config`.
 */
export async function connectHost(host: Host, options: ConnectOptions): Promise<SshConnection> {
  options.report({ type: 'host-step', host: host.name, step: 'connect' })
  const target: SshTarget = { ...host, config: options.ssh.config, host: host.name }
  const settings = await sshSettings(target)
  if (options.shared) return connectionTo(host.name, settings, { ...options, shared: options.shared }, null)
  const shared = shareConnections(options)
  try {
    return await connectionTo(host.name, settings, { ...options, shared }, null, () => shared.close())
  } catch (error) {
    await shared.close()
    throw error
  }
}

type Sharing = ConnectOptions & { shared: SharedConnections }

async function connectionTo(
  host: string,
  settings: SshSettings,
  options: Sharing,
  via: Bastion | null,
  onClose: () => Promise<void> = async () => {},
): Promise<SshConnection> {
  const bastion = via ?? (await bastionFor(host, settings, options))
  const connect = () => logInPatiently(host, settings, options, bastion)
  return sshConnection(host, await (bastion ? bastion.slots(connect) : connect()), onClose)
}

async function bastionFor(host: string, settings: SshSettings, options: Sharing): Promise<Bastion | null> {
  if (settings.proxyJump === null) return null
  try {
    return await options.shared.bastions.through(settings.proxyJump, host)
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    // All hosts behind it share this failure: each names itself.
    throw new Problem({
      code: error.code,
      doing: `connecting to ${host} through ${settings.proxyJump}: ${error.doing}`,
      found: error.found,
      next: error.next,
      host,
      exit: error.exit,
      cause: error,
    })
  }
}

/** Three tries, but only against an sshd that drops us before it has spoken (MaxStartups): the rest would fail again. */
async function logInPatiently(
  host: string,
  settings: SshSettings,
  options: Sharing,
  via: Bastion | null,
): Promise<LoggedIn> {
  const attempt: ConnectAttempt = { host, settings, via: settings.proxyJump ?? settings.proxyCommand }
  for (let tries = 1; ; tries += 1) {
    try {
      return await logIn(attempt, options, via)
    } catch (error) {
      if (tries === 3 || !wasDropped(error)) throw connectProblem(error, attempt)
      await sleep(tries * 300 + Math.random() * 700)
    }
  }
}

function wasDropped(error: unknown): boolean {
  if (error instanceof LoginFailed) return !error.greeted && error.level !== 'client-authentication'
  return errorCode(error) === 'ECONNRESET'
}

async function logIn(attempt: ConnectAttempt, options: Sharing, via: Bastion | null): Promise<LoggedIn> {
  const { host, settings } = attempt
  const seconds = options.connectTimeoutSeconds ?? settings.connectTimeoutSeconds ?? 15
  const limit = countdown(seconds, () => connectTimeout(attempt, seconds))
  try {
    const hostKey = await hostKeyCheck({
      host,
      settings,
      knownHosts: options.ssh.knownHosts,
      acceptNew: options.acceptNew,
      confirm: options.confirm,
      newKey: options.newKey,
      report: options.report,
    })
    const identities = await options.shared.keyring.identities(settings)
    const { socket, lastWords } = await transport(settings, via, limit.signal)
    try {
      return await login({ socket, user: settings.user, hostKey, identities, limit })
    } catch (error) {
      if (!(error instanceof LoginFailed) || error.greeted) throw error
      // What a proxy command wrote to its stderr is the reason, not that the stream ended.
      const said = await lastWords()
      throw said === '' ? error : proxyFailed(attempt, said, error)
    }
  } finally {
    limit.stop()
  }
}

async function transport(settings: SshSettings, via: Bastion | null, signal: AbortSignal): Promise<Transport> {
  const lastWords = async () => ''
  if (via) return { socket: await via.open(settings.hostName, settings.port), lastWords }
  if (settings.proxyCommand !== null) return openProxyCommand(settings, settings.proxyCommand)
  return { socket: await openSocket(settings, signal), lastWords }
}

function proxyFailed(attempt: ConnectAttempt, said: string, cause: Error): Problem {
  return new Problem({
    code: 'proxy-command',
    doing: `connecting to ${attempt.host} through its ProxyCommand`,
    found: said,
    next: `see whether \`ssh ${attempt.settings.asked}\` gets through, and mend ProxyCommand in ${attempt.settings.config}`,
    host: attempt.host,
    exit: exitCodes.unreachable,
    cause,
  })
}
