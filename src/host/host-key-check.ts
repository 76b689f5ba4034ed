import { exitCodes, Problem } from '../problem.ts'
import { errorText } from './error-code.ts'
import type { Report } from '../report/events.ts'
import {
  certificateAuthorities,
  fingerprint,
  hostKeyAlgorithms,
  judgeHostKey,
  keyTypeName,
  type HostKeyAlgorithm,
  type HostNames,
} from './host-keys.ts'
import { takesNewKey, type NewHostKey } from './new-host-key.ts'
import { readKnownHosts, readRevokedKeys, recordHostKey } from './known-hosts-files.ts'
import { knownHostsName, type KnownHostsLine } from './known-hosts.ts'
import type { SshSettings } from './ssh-settings.ts'

export interface HostKeyPolicy {
  /** Inventory name, for messages. */
  host: string
  settings: SshSettings
  /** The inventory's own known_hosts file, beside the user's; new keys go there. */
  knownHosts: string | null
  acceptNew: boolean
  /** Asks a person; absent when there is no terminal. */
  confirm?: ((question: string) => Promise<boolean>) | undefined
  /** A changed key may be taken, when somebody vouches for it; absent where it never is. */
  newKey?: NewHostKey | undefined
  report: Report
}

export interface HostKeyCheck {
  /** For `algorithms.serverHostKey`. */
  algorithms: HostKeyAlgorithm[]
  /** Returns when the key may be trusted; throws Problem `host-key-unknown`, `host-key-changed` or `host-key-revoked`. */
  check(key: Buffer): Promise<void>
  /** Whether `check` has let this very key pass. */
  trusts(key: Buffer): boolean
}

/** Reads what is known of a host's keys, before it is asked for one. */
export async function hostKeyCheck(policy: HostKeyPolicy): Promise<HostKeyCheck> {
  const { settings } = policy
  const names = hostNames(settings)
  const own = policy.knownHosts === null ? [] : [policy.knownHosts]
  const lines = [
    ...(await readKnownHosts([...own, ...settings.userKnownHosts, ...settings.globalKnownHosts])),
    ...(settings.revokedHostKeys === null ? [] : await readRevokedKeys(settings.revokedHostKeys, policy.host)),
  ]
  let trusted: Buffer | null = null
  return {
    algorithms: hostKeyAlgorithms(lines, names),
    trusts: (key) => trusted?.equals(key) === true,
    async check(key) {
      await decide(key)
      trusted = key
    },
  }

  async function decide(key: Buffer): Promise<void> {
    const verdict = judgeHostKey(lines, names, key)
    if (verdict.kind === 'known') return
    if (verdict.kind === 'revoked') throw revoked(policy, verdict.line, key)
    if (verdict.kind === 'changed') {
      if (await takesNewKey(policy, lines, names, key)) return
      throw changed(policy, verdict.lines, key, names)
    }
    await meet(policy, lines, names, key)
  }
}

/** The names under which a host stands in known_hosts. */
export function hostNames(settings: SshSettings): HostNames {
  // An alias is looked up as it is, without the port (get_hostfile_hostname_ipaddr() in OpenSSH's sshconnect.c).
  if (settings.hostKeyAlias !== null) return { name: settings.hostKeyAlias.toLowerCase(), plain: null }
  const name = knownHostsName(settings.hostName, settings.port)
  const plain = knownHostsName(settings.hostName, 22)
  return { name, plain: plain === name ? null : plain }
}

/** First contact: a person, `--accept-new` or `StrictHostKeyChecking accept-new` decides; the key is then recorded. */
async function meet(policy: HostKeyPolicy, lines: KnownHostsLine[], names: HostNames, key: Buffer): Promise<void> {
  const { host, settings, report } = policy
  const shown = `${keyTypeName(key)} key ${fingerprint(key)}`
  const strict = settings.strictHostKeyChecking
  const told = policy.newKey?.fingerprint ?? null
  const accepted =
    told !== null
      ? told === fingerprint(key)
      : policy.acceptNew || strict === 'accept-new'
        ? true
        : strict === 'ask' && policy.confirm
          ? await policy.confirm(
              `${host} (${names.name}) is not known yet. It shows the ${shown}.\nTrust this key and remember it?`,
            )
          : false
  if (!accepted) throw unknown(policy, lines, names, shown)
  const file = policy.knownHosts ?? settings.userKnownHosts[0]
  if (file === undefined || file === '/dev/null') return
  try {
    await recordHostKey(file, names.name, key, settings.hashKnownHosts)
  } catch (error) {
    // As ssh: the key was accepted, and this connection is as safe as with a record of it.
    report({
      type: 'warning',
      host,
      code: 'host-key-not-recorded',
      message: `the ${shown} was accepted, but could not be recorded: ${errorText(error)}`,
      next: `make ${file} writable, or the same question comes with the next run`,
    })
    return
  }
  report({ type: 'host-step', host, step: 'host-key', detail: `new ${shown}, recorded in ${file}` })
}

function unknown(policy: HostKeyPolicy, lines: KnownHostsLine[], names: HostNames, shown: string): Problem {
  const authority = certificateAuthorities(lines, names)[0]
  const refused = policy.confirm !== undefined && policy.settings.strictHostKeyChecking === 'ask'
  return new Problem({
    code: 'host-key-unknown',
    doing: `connecting to ${policy.host}`,
    found:
      `no known_hosts file holds a key of ${names.name}; it shows the ${shown}` +
      (refused ? ', which was not accepted' : '') +
      (authority
        ? ` (the @cert-authority line ${at(authority)} does not help: streamside cannot check host certificates)`
        : ''),
    next:
      'compare the fingerprint with the one on the host (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub), then run this ' +
      'again on a terminal and answer yes, or with --accept-new',
    host: policy.host,
    exit: exitCodes.unreachable,
  })
}

function changed(policy: HostKeyPolicy, lines: KnownHostsLine[], key: Buffer, names: HostNames): Problem {
  const held = lines.map((line) => `${keyTypeName(line.key)} key ${fingerprint(line.key)} (${at(line)})`)
  const files = [...new Set(lines.map((line) => line.file))]
  return new Problem({
    code: 'host-key-changed',
    doing: `connecting to ${policy.host}`,
    found: `it shows the ${keyTypeName(key)} key ${fingerprint(key)}, but known is the ${held.join(' and the ')}`,
    next: policy.newKey
      ? vouching(policy, key)
      : `if its card was replaced: streamside restore ${policy.host}. If you changed its keys yourself: ` +
        `${files.map((file) => `ssh-keygen -R '${names.name}' -f '${file}'`).join(' and ')}. ` +
        'If neither, somebody may stand between you and the host: find out before you go on',
    host: policy.host,
    exit: exitCodes.unreachable,
  })
}

/** How the key of a new card is taken; said where that is possible. */
function vouching({ host, newKey }: HostKeyPolicy, key: Buffer): string {
  const told = newKey?.fingerprint ?? null
  const compare = 'look at the machine itself (on its console: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub)'
  return told === null
    ? `${compare}: when its key is this one, run this again on a terminal and answer yes, or with --host-key ${fingerprint(key)}. ` +
        'When it is not, somebody may stand between you and the host'
    : `${compare}: --host-key says ${told}, which is not what ${host} shows. Nothing was done; somebody may stand between you and the host`
}

function revoked(policy: HostKeyPolicy, line: KnownHostsLine, key: Buffer): Problem {
  return new Problem({
    code: 'host-key-revoked',
    doing: `connecting to ${policy.host}`,
    found: `it shows the ${keyTypeName(key)} key ${fingerprint(key)}, which ${at(line)} marks as revoked`,
    next: 'give the host new keys (ssh-keygen -A on it, after removing the old ones), then accept the new fingerprint',
    host: policy.host,
    exit: exitCodes.unreachable,
  })
}

function at(line: KnownHostsLine): string {
  return `${line.file}:${line.line}`
}
