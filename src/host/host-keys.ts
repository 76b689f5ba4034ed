import { createHash } from 'node:crypto'
import { hostKeyType, namesMatch, type KnownHostsLine } from './known-hosts.ts'

/** What known_hosts says about a key that a host has shown. */
export type HostKeyVerdict =
  | { kind: 'known'; line: KnownHostsLine }
  | { kind: 'unknown' }
  /** Another key stands there for this host; `lines` are the ones it contradicts. */
  | { kind: 'changed'; lines: KnownHostsLine[] }
  | { kind: 'revoked'; line: KnownHostsLine }

export interface HostNames {
  /** The name that is looked up and recorded: `[host]:port` off port 22, or the HostKeyAlias. */
  name: string
  /** The same without its port: a key recorded for the plain name is accepted too, as ssh does. */
  plain: string | null
}

/** Judges a key (wire format) by the lines of all known_hosts files, as OpenSSH's check_host_key() does. */
export function judgeHostKey(lines: KnownHostsLine[], names: HostNames, key: Buffer): HostKeyVerdict {
  const own = lines.filter((line) => namesMatch(line.names, names.name))
  const plain = names.plain === null ? [] : lines.filter((line) => namesMatch(line.names, names.plain ?? ''))
  const revoked = [...own, ...plain].find((line) => line.marker === 'revoked' && line.key.equals(key))
  if (revoked) return { kind: 'revoked', line: revoked }
  const held = own.filter((line) => line.marker === null)
  const same = [...held, ...plain.filter((line) => line.marker === null)].find((line) => line.key.equals(key))
  if (same) return { kind: 'known', line: same }
  // Stricter than ssh, which takes a key of a type it has not seen for a new one: the types held are asked for first, so a
  // host that shows another has lost the key we know.
  if (held.length > 0) return { kind: 'changed', lines: held }
  return { kind: 'unknown' }
}

/** Lines that could only vouch for a host certificate, which ssh2 does not know. */
export function certificateAuthorities(lines: KnownHostsLine[], names: HostNames): KnownHostsLine[] {
  return lines.filter((line) => line.marker === 'cert-authority' && namesMatch(line.names, names.name))
}

/** ssh2's algorithms for host keys, the ones we would choose for a new host first. */
const allAlgorithms = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
] as const

export type HostKeyAlgorithm = (typeof allAlgorithms)[number]

/**
 * The order in which key types are asked for: the ones held first. A server shows only the first it has, and one that is
 * not held would make a good host look changed.
 */
export function hostKeyAlgorithms(lines: KnownHostsLine[], names: HostNames): HostKeyAlgorithm[] {
  const held = new Set(
    lines
      .filter((line) => line.marker === null)
      .filter(
        (line) => namesMatch(line.names, names.name) || (names.plain !== null && namesMatch(line.names, names.plain)),
      )
      // An RSA key is held as ssh-rsa and shown with either of the SHA-2 signatures (RFC 8332).
      .flatMap((line) => (line.keyType === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256'] : [line.keyType])),
  )
  return [...allAlgorithms.filter((name) => held.has(name)), ...allAlgorithms.filter((name) => !held.has(name))]
}

/** `SHA256:…`, as ssh and ssh-keygen -l print it. */
export function fingerprint(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`
}

/** `ED25519`, `ECDSA`, `RSA`: how ssh names a key's type to people. */
export function keyTypeName(key: Buffer): string {
  const type = hostKeyType(key) ?? 'unreadable'
  return type
    .replace(/^ssh-/, '')
    .replace(/^ecdsa-.*/, 'ecdsa')
    .toUpperCase()
}
