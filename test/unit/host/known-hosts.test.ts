import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hashedNames, knownHostsName, namesMatch, parseKnownHosts } from '../../../src/host/known-hosts.ts'
import { makeKey } from './local-sshd.ts'

let folder: string
let key: string

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'streamside-known-hosts-'))
  key = makeKey(path.join(folder, 'key')).split(' ').slice(0, 2).join(' ')
})

afterAll(() => rmSync(folder, { recursive: true }))

/** The lines of a known_hosts text that ssh-keygen itself finds for a name. */
function foundBySshKeygen(text: string, name: string): number[] {
  const file = path.join(folder, 'known_hosts')
  writeFileSync(file, text)
  const answer = spawnSync('ssh-keygen', ['-F', name, '-f', file], { encoding: 'utf8' })
  return [...answer.stdout.matchAll(/^# Host .* found: line (\d+)/gm)].map((match) => Number(match[1]))
}

function foundByUs(text: string, name: string): number[] {
  return parseKnownHosts(text, 'known_hosts')
    .filter((line) => namesMatch(line.names, name))
    .map((line) => line.line)
}

describe('which lines of known_hosts mean a host', () => {
  const label = fc.stringMatching(/^[a-c]{1,3}$/)
  const hostName = fc.oneof(
    label,
    fc.tuple(label, label).map((parts) => parts.join('.')),
    fc.constantFrom('192.168.1.21', 'fe80::1', 'Pi-Attic'),
  )
  const name = fc.tuple(hostName, fc.constantFrom(22, 22, 2222)).map(([host, port]) => knownHostsName(host, port))
  const pattern = fc
    .tuple(
      fc.constantFrom('', '', '', '!'),
      fc.oneof(name, fc.stringMatching(/^[ab*?.]{1,5}$/), fc.constantFrom('*', '[*]:2222', '*.b', 'a?', 'PI-*')),
    )
    .map((parts) => parts.join(''))
  const names = fc.oneof(
    fc.array(pattern, { minLength: 1, maxLength: 4 }).map((patterns) => patterns.join(',')),
    fc
      .tuple(name, fc.uint8Array({ minLength: 20, maxLength: 20 }))
      .map(([host, salt]) => hashedNames(host, Buffer.from(salt))),
  )
  const line = fc.oneof(
    {
      weight: 6,
      arbitrary: fc
        .tuple(fc.constantFrom('', '', ' ', '\t', '@revoked ', '@cert-authority '), names)
        .map(([before, names]) => `${before}${names} ${key} comment # not one`),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom('', '# a comment', 'zz', 'zz ssh-ed25519', '@unknown zz ssh-ed25519 AAAA'),
    },
  )

  test('are the ones that ssh-keygen -F finds, for patterns, negations, ports and hashes', () => {
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 6 }), name, (lines, host) => {
        const text = `${lines.join('\n')}\n`
        expect(foundByUs(text, host)).toEqual(foundBySshKeygen(text, host))
      }),
      { numRuns: 120 },
    )
  })

  test('are the same after ssh-keygen -H has hashed the names', () => {
    fc.assert(
      fc.property(fc.uniqueArray(name, { minLength: 1, maxLength: 4 }), (hosts) => {
        const file = path.join(folder, 'to-hash')
        writeFileSync(file, hosts.map((host) => `${host} ${key}\n`).join(''))
        execFileSync('ssh-keygen', ['-H', '-f', file], { stdio: 'ignore' })
        const hashed = readFileSync(file, 'utf8')
        expect(hashed).not.toContain(`${hosts[0]} `)
        for (const [index, host] of hosts.entries()) expect(foundByUs(hashed, host)).toEqual([index + 1])
        expect(foundByUs(hashed, 'someone.else')).toEqual([])
      }),
      { numRuns: 20 },
    )
  })

  test('a name we have hashed is found by ssh-keygen', () => {
    const text = `${hashedNames('[pi-attic]:2222', Buffer.alloc(20, 7))} ${key}\n`
    expect(foundBySshKeygen(text, '[pi-attic]:2222')).toEqual([1])
  })

  test('a pattern of many stars is decided at once', () => {
    const began = performance.now()
    expect(namesMatch(`${'*a'.repeat(40)}b`, 'a'.repeat(200))).toBe(false)
    expect(performance.now() - began).toBeLessThan(500)
  })

  test('lines that hold no key, or a key of another type than they say, are not read', () => {
    const lines = [
      'a',
      'a ssh-ed25519',
      'a ssh-ed25519 !!!',
      'a ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIA==',
      `@unknown a ${key}`,
    ]
    expect(parseKnownHosts(lines.join('\n'), 'f')).toEqual([])
  })

  test('a file with Windows line ends is read like any other', () => {
    expect(parseKnownHosts(`a ${key}\r\n@revoked b ${key}\r\n`, 'f').map((line) => [line.names, line.marker])).toEqual([
      ['a', null],
      ['b', 'revoked'],
    ])
  })
})
