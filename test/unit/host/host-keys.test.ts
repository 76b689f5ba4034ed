import { describe, expect, test } from 'vitest'
import { certificateAuthorities, fingerprint, hostKeyAlgorithms, judgeHostKey } from '../../../src/host/host-keys.ts'
import { parseKnownHosts } from '../../../src/host/known-hosts.ts'

const wire = (type: string, fill: number): Buffer => {
  const name = Buffer.from(type)
  const head = Buffer.alloc(4)
  head.writeUInt32BE(name.length)
  return Buffer.concat([head, name, Buffer.alloc(36, fill)])
}
const held = (names: string, key: Buffer, before = '') =>
  `${before}${names} ${key.toString('latin1', 4, 4 + key.readUInt32BE(0))} ${key.toString('base64')}`
const ed1 = wire('ssh-ed25519', 1)
const ed2 = wire('ssh-ed25519', 2)
const rsa1 = wire('ssh-rsa', 3)
const plain = { name: 'pi', plain: null }
const judge = (text: string, key: Buffer, names: { name: string; plain: string | null } = plain) =>
  judgeHostKey(parseKnownHosts(text, 'f'), names, key).kind

describe('a host key', () => {
  test('is known when one of its lines holds it, whatever the others say', () => {
    expect(judge([held('pi', ed2), held('pi,other', ed1)].join('\n'), ed1)).toBe('known')
  })

  test('is unknown when no line names the host', () => {
    expect(judge(held('other', ed1), ed1)).toBe('unknown')
  })

  test('is changed when another of its type stands there', () => {
    expect(judge(held('pi', ed2), ed1)).toBe('changed')
  })

  test('is changed, not new, when only keys of other types stand there: a new type must not pass for a first contact', () => {
    expect(judge(held('pi', rsa1), ed1)).toBe('changed')
  })

  test('is refused when it is revoked, even if another line holds it', () => {
    expect(judge([held('pi', ed1), held('*', ed1, '@revoked ')].join('\n'), ed1)).toBe('revoked')
  })

  test('is not judged by another key that is revoked', () => {
    expect(judge([held('pi', ed1), held('*', ed2, '@revoked ')].join('\n'), ed1)).toBe('known')
  })

  test('is known on another port when the plain name holds the same key, as ssh has it', () => {
    const names = { name: '[pi]:2222', plain: 'pi' }
    expect(judge(held('pi', ed1), ed1, names)).toBe('known')
    expect(judge(held('pi', ed2), ed1, names)).toBe('unknown')
    expect(judge(held('[pi]:2222', ed2), ed1, names)).toBe('changed')
  })

  test('is not vouched for by a certificate authority, which is told apart', () => {
    const text = held('*', ed1, '@cert-authority ')
    expect(judge(text, ed1)).toBe('unknown')
    expect(certificateAuthorities(parseKnownHosts(text, 'f'), plain)).toHaveLength(1)
  })

  test('is asked for in the types that are held first, RSA with SHA-2', () => {
    expect(hostKeyAlgorithms(parseKnownHosts(held('pi', rsa1), 'f'), plain).slice(0, 3)).toEqual([
      'rsa-sha2-512',
      'rsa-sha2-256',
      'ssh-ed25519',
    ])
    expect(hostKeyAlgorithms([], plain)[0]).toBe('ssh-ed25519')
  })

  test('has the fingerprint that ssh-keygen prints', () => {
    // ssh-keygen -lf of the key 'AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl' (GitHub's own)
    const github = Buffer.from('AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl', 'base64')
    expect(fingerprint(github)).toBe('SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU')
  })
})
