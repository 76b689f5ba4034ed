import { createHmac, timingSafeEqual } from 'node:crypto'

/** One line of a known_hosts file that holds a key (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"). */
export interface KnownHostsLine {
  file: string
  /** From 1. */
  line: number
  marker: 'revoked' | 'cert-authority' | null
  /** The names field as it stands: a list of patterns, or one hashed name. */
  names: string
  keyType: string
  /** The key in wire format. */
  key: Buffer
}

/** Reads a known_hosts file. Comments, empty lines and lines that ssh itself would skip as unreadable are left out. */
export function parseKnownHosts(text: string, file: string): KnownHostsLine[] {
  const lines: KnownHostsLine[] = []
  for (const [index, raw] of text.split('\n').entries()) {
    const parsed = parseLine(raw.replace(/\r$/, ''))
    if (parsed) lines.push({ file, line: index + 1, ...parsed })
  }
  return lines
}

function parseLine(raw: string): Omit<KnownHostsLine, 'file' | 'line'> | null {
  let rest = raw.replace(/^[ \t]+/, '')
  if (rest === '' || rest.startsWith('#')) return null
  let marker: KnownHostsLine['marker'] = null
  if (rest.startsWith('@')) {
    const match = /^@(?:(revoked)|cert-authority)[ \t]+/.exec(rest)
    if (!match) return null
    marker = match[1] === 'revoked' ? 'revoked' : 'cert-authority'
    rest = rest.slice(match[0].length)
  }
  const [names, keyType, encoded] = rest.split(/[ \t]+/)
  if (!names || !keyType || !encoded) return null
  const key = Buffer.from(encoded, 'base64')
  // The key says its own type first; a line whose two types differ is one ssh cannot read.
  if (hostKeyType(key) !== keyType) return null
  return { marker, names, keyType, key }
}

/** The type that a key in wire format names itself: `ssh-ed25519`, `ssh-rsa` …; null when it is no key. */
export function hostKeyType(key: Buffer): string | null {
  if (key.length < 4) return null
  const length = key.readUInt32BE(0)
  if (length === 0 || length > 64 || key.length < 4 + length) return null
  return key.toString('latin1', 4, 4 + length)
}

/** The name under which a host stands in known_hosts: lower case, and `[name]:port` off port 22. */
export function knownHostsName(hostName: string, port: number): string {
  const name = hostName.toLowerCase()
  return port === 22 ? name : `[${name}]:${port}`
}

/** Whether the names field of a line means this host (`knownHostsName`). */
export function namesMatch(names: string, host: string): boolean {
  if (names.startsWith('|')) return hashedNameMatches(names, host)
  let matched = false
  for (const entry of names.split(',')) {
    const negated = entry.startsWith('!')
    const pattern = (negated ? entry.slice(1) : entry).toLowerCase()
    if (!wildcardMatches(pattern, host)) continue
    // match_pattern_list() in OpenSSH's match.c: a negated match settles it, whatever else the list says.
    if (negated) return false
    matched = true
  }
  return matched
}

/** `|1|salt|hash`: HMAC-SHA1 of the name, keyed with the salt (OpenSSH's hostfile.c). */
function hashedNameMatches(names: string, host: string): boolean {
  const match = /^\|1\|([A-Za-z0-9+/=]+)\|([A-Za-z0-9+/=]+)$/.exec(names)
  if (!match) return false
  const hash = Buffer.from(match[2] ?? '', 'base64')
  const own = hashName(host, Buffer.from(match[1] ?? '', 'base64'))
  return hash.length === own.length && timingSafeEqual(hash, own)
}

function hashName(host: string, salt: Buffer): Buffer {
  return createHmac('sha1', salt).update(host).digest()
}

/** The names field of a hashed line. `salt`: 20 random bytes. */
export function hashedNames(host: string, salt: Buffer): string {
  return `|1|${salt.toString('base64')}|${hashName(host, salt).toString('base64')}`
}

/** `*` and `?` as in ssh_config(5) PATTERNS, without the exponential time of plain backtracking. */
function wildcardMatches(pattern: string, text: string): boolean {
  let p = 0
  let t = 0
  let star = -1
  let retry = 0
  while (t < text.length) {
    if (pattern[p] === '*') {
      star = p
      p += 1
      retry = t
    } else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === text[t])) {
      p += 1
      t += 1
    } else if (star >= 0) {
      p = star + 1
      retry += 1
      t = retry
    } else return false
  }
  while (pattern[p] === '*') p += 1
  return p === pattern.length
}
