import { execFile } from 'node:child_process'
import os from 'node:os'
import path from 'node:path'
import { exitCodes, Problem } from '../problem.ts'

/** What the user's ssh client would do to reach one address. */
export interface SshSettings {
  /** The address as it was asked for: what `Host` patterns matched and `%n` means. */
  asked: string
  /** The file in which its user can mend them. */
  config: string
  hostName: string
  port: number
  user: string
  /** Absolute paths, in ssh's order; a missing one is no error. */
  identityFiles: string[]
  identitiesOnly: boolean
  /** Socket of the agent; null = no agent. */
  identityAgent: string | null
  proxyJump: string | null
  /** The command, with its `%h` still in it. */
  proxyCommand: string | null
  /** First one is where ssh itself would write; empty when the user said `none`. */
  userKnownHosts: string[]
  globalKnownHosts: string[]
  /** The name to look up instead of address and port. */
  hostKeyAlias: string | null
  hashKnownHosts: boolean
  /** `no` of the user's configuration counts as `ask`: streamside always checks. */
  strictHostKeyChecking: 'yes' | 'ask' | 'accept-new'
  revokedHostKeys: string | null
  connectTimeoutSeconds: number | null
  addressFamily: 0 | 4 | 6
  bindAddress: string | null
}

export interface SshTarget {
  address: string
  port: number | null
  user: string | null
  /** `ssh -F`; null = the user's own configuration. */
  config: string | null
  /** Who the messages are about: the host's name in the inventory. */
  host: string
}

/**
 * Asks `ssh -G` how it would reach the target, so that Include, Match, tokens and defaults are exactly the user's own
 * (no npm parser resolves them all). Without an ssh client: the defaults of ssh_config(5).
 * Throws Problem `ssh-address` (an address that would be read as an option) or `ssh-config` (ssh refuses its configuration).
 */
export async function sshSettings(target: SshTarget): Promise<SshSettings> {
  const { address } = target
  if (address === '' || address.startsWith('-'))
    throw new Problem({
      code: 'ssh-address',
      doing: `reading the ssh settings of ${target.host}`,
      found: `the address ${JSON.stringify(address)} would be taken for an option of ssh`,
      next: `give ${target.host} a host name or an IP address in the inventory`,
      host: target.host,
      exit: exitCodes.usage,
    })
  const argv = ['-G']
  if (target.config !== null) argv.push('-F', target.config)
  if (target.port !== null) argv.push('-p', String(target.port))
  if (target.user !== null) argv.push('-l', target.user)
  const answer = await askSsh([...argv, '--', address])
  if (answer.kind === 'failed')
    throw new Problem({
      code: 'ssh-config',
      doing: `reading the ssh settings of ${target.host}`,
      found: `ssh -G says: ${answer.said}`,
      next: `mend ${target.config ?? usualConfig} until \`ssh -G ${address}\` prints settings`,
      host: target.host,
      exit: exitCodes.usage,
    })
  return answer.kind === 'settings'
    ? parseSshSettings(answer.text, address, target.config ?? usualConfig)
    : defaultSettings(target)
}

type Answer = { kind: 'settings'; text: string } | { kind: 'failed'; said: string } | { kind: 'no-ssh' }

function askSsh(argv: string[]): Promise<Answer> {
  return new Promise((resolve) => {
    // `Match exec` may run a program of the user's: a limit, but a generous one.
    const child = execFile('ssh', argv, { timeout: 15_000, encoding: 'utf8' }, (error, text, said) => {
      if (!error) resolve({ kind: 'settings', text })
      else if (error.code === 'ENOENT') resolve({ kind: 'no-ssh' })
      else resolve({ kind: 'failed', said: said.trim() || (error.killed ? 'nothing within 15 s' : error.message) })
    })
    child.stdin?.end()
  })
}

/** Reads what `ssh -G` printed: one `keyword value` a line, keywords in lower case, repeated ones in order. */
export function parseSshSettings(text: string, asked: string, config = usualConfig): SshSettings {
  const values = new Map<string, string[]>()
  for (const line of text.split('\n')) {
    const space = line.indexOf(' ')
    if (space < 1) continue
    const key = line.slice(0, space).toLowerCase()
    values.set(key, [...(values.get(key) ?? []), line.slice(space + 1).trim()])
  }
  const one = (key: string): string | null => {
    const value = values.get(key)?.[0]
    return value === undefined || value === '' || value === 'none' ? null : value
  }
  // a host and a user may be called so
  const hostName = values.get('hostname')?.[0] || asked
  const port = Number(one('port') ?? 22)
  const user = values.get('user')?.[0] || os.userInfo().username
  const hostKeyAlias = one('hostkeyalias')
  const expand = pathExpander({ asked, hostName, port, user, hostKeyAlias })
  const files = (key: string, fallback: string) => splitPaths(values.get(key)?.join(' ') ?? fallback).map(expand)
  const revoked = one('revokedhostkeys')
  const strict = one('stricthostkeychecking')
  return {
    asked,
    config,
    hostName,
    port,
    user,
    identityFiles: (values.get('identityfile') ?? defaultIdentities).filter((file) => file !== 'none').map(expand),
    identitiesOnly: one('identitiesonly') === 'yes',
    identityAgent: agentSocket(values.get('identityagent')?.[0], expand),
    proxyJump: one('proxyjump'),
    proxyCommand: one('proxycommand'),
    userKnownHosts: files('userknownhostsfile', '~/.ssh/known_hosts ~/.ssh/known_hosts2'),
    globalKnownHosts: files('globalknownhostsfile', '/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2'),
    hostKeyAlias,
    hashKnownHosts: one('hashknownhosts') === 'yes',
    strictHostKeyChecking:
      strict === 'true' || strict === 'yes' ? 'yes' : strict === 'accept-new' ? 'accept-new' : 'ask',
    revokedHostKeys: revoked === null ? null : expand(revoked),
    connectTimeoutSeconds: Number(one('connecttimeout')) || null,
    addressFamily: { inet: 4 as const, inet6: 6 as const }[one('addressfamily') ?? ''] ?? 0,
    bindAddress: one('bindaddress'),
  }
}

const usualConfig = '~/.ssh/config'

/** Keys ssh tries when none are named, less those that ssh2 cannot use from a file (`*_sk`, XMSS, DSA). */
const defaultIdentities = ['~/.ssh/id_rsa', '~/.ssh/id_ecdsa', '~/.ssh/id_ed25519']

function defaultSettings(target: SshTarget): SshSettings {
  const lines = [`user ${target.user ?? os.userInfo().username}`, `port ${target.port ?? 22}`]
  return parseSshSettings(lines.join('\n'), target.address)
}

function agentSocket(value: string | undefined, expand: (file: string) => string): string | null {
  if (value === 'none') return null
  if (value === undefined || value === '' || value === 'SSH_AUTH_SOCK') return process.env['SSH_AUTH_SOCK'] || null
  if (value.startsWith('$') && !value.startsWith('${')) return process.env[value.slice(1)] || null
  return expand(value)
}

/** `ssh -G` joins a list of paths with spaces and quotes nothing: a new path starts where an absolute one can. */
function splitPaths(list: string): string[] {
  return list.split(/\s+(?=[/~$%])/).filter((file) => file !== '' && file !== 'none')
}

/** `~`, `${VAR}` and the `%` tokens of ssh_config(5), which `ssh -G` leaves unexpanded in some paths. */
function pathExpander(of: Pick<SshSettings, 'asked' | 'hostName' | 'port' | 'user' | 'hostKeyAlias'>) {
  // ssh takes the home from the password database, not from $HOME.
  const local = os.userInfo()
  const tokens: Record<string, string> = {
    '%': '%',
    d: local.homedir,
    h: of.hostName,
    i: String(local.uid),
    k: of.hostKeyAlias ?? of.hostName,
    L: os.hostname().split('.')[0] ?? '',
    l: os.hostname(),
    n: of.asked,
    p: String(of.port),
    r: of.user,
    u: local.username,
  }
  return (file: string): string => {
    const expanded = file
      .replace(/^~(?=\/|$)/, local.homedir)
      .replaceAll(/\$\{(\w+)\}/g, (_, name: string) => process.env[name] ?? '')
      .replaceAll(/%(.)/g, (whole, token: string) => tokens[token] ?? whole)
    return path.resolve(local.homedir, '.ssh', expanded)
  }
}

/** The command line of a ProxyCommand with its tokens filled in (ssh_config(5), TOKENS: %%, %h, %n, %p, %r). */
export function expandProxyCommand(command: string, settings: SshSettings): string {
  const tokens: Record<string, string> = {
    '%': '%',
    h: settings.hostName,
    n: settings.asked,
    p: String(settings.port),
    r: settings.user,
  }
  return command.replaceAll(/%(.)/g, (whole, token: string) => tokens[token] ?? whole)
}
