import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { connectHost } from '../../../src/host/connect.ts'
import { configWith, echo, makeKeyFile, refusal, run } from './connecting.ts'
import { know, type LocalSshd, makeKey, optionsFor, startSshd } from './local-sshd.ts'

let sshd: LocalSshd

beforeAll(async () => {
  sshd = await startSshd()
})

afterAll(() => sshd.stop())

beforeEach(() => know(sshd))

describe('the key of the host', () => {
  test('that is known is accepted without a word', async () => {
    const options = optionsFor(sshd)
    expect(await echo(sshd.host, options)).toBe('hello\n')
    expect(options.events).toEqual([{ type: 'host-step', host: 'pi-test', step: 'connect' }])
  })

  test('that nobody knows is refused, with its fingerprint and what to do', async () => {
    writeFileSync(sshd.knownHosts, '')
    const problem = await refusal(connectHost(sshd.host, optionsFor(sshd)))
    expect(problem).toMatchObject({ code: 'host-key-unknown', exit: 3, host: 'pi-test' })
    expect(problem.found).toContain(sshd.fingerprint)
    expect(problem.next).toContain('--accept-new')
    expect(readFileSync(sshd.knownHosts, 'utf8')).toBe('')
  })

  test('is asked about on a terminal, and remembered after a yes', async () => {
    writeFileSync(sshd.knownHosts, '')
    const asked: string[] = []
    const confirm = async (question: string) => {
      asked.push(question)
      return true
    }
    expect(await echo(sshd.host, optionsFor(sshd, { confirm }))).toBe('hello\n')
    expect(await echo(sshd.host, optionsFor(sshd))).toBe('hello\n')
    expect(asked).toHaveLength(1)
    expect(asked[0]).toContain(sshd.fingerprint)
  })

  test('may be compared for longer than connecting may take', async () => {
    writeFileSync(sshd.knownHosts, '')
    const confirm = async () => {
      await new Promise((resolve) => setTimeout(resolve, 1500))
      return true
    }
    expect(await echo(sshd.host, optionsFor(sshd, { confirm, connectTimeoutSeconds: 1 }))).toBe('hello\n')
  })

  test('is not remembered after a no', async () => {
    writeFileSync(sshd.knownHosts, '')
    const problem = await refusal(connectHost(sshd.host, optionsFor(sshd, { confirm: async () => false })))
    expect(problem.code).toBe('host-key-unknown')
    expect(readFileSync(sshd.knownHosts, 'utf8')).toBe('')
  })

  test("is recorded by --accept-new in the inventory's own file, which is then read", async () => {
    writeFileSync(sshd.knownHosts, '')
    const knownHosts = path.join(sshd.folder, 'inventory-known-hosts')
    const ssh = { config: sshd.config, knownHosts }
    expect(await echo(sshd.host, optionsFor(sshd, { ssh, acceptNew: true }))).toBe('hello\n')
    expect(readFileSync(knownHosts, 'utf8')).toBe(`[127.0.0.1]:${sshd.port} ${sshd.hostKey}\n`)
    expect(readFileSync(sshd.knownHosts, 'utf8')).toBe('')
    expect(await echo(sshd.host, optionsFor(sshd, { ssh }))).toBe('hello\n')
  })

  test('is recorded with a hashed name when the user hashes names', async () => {
    writeFileSync(sshd.knownHosts, '')
    const ssh = { config: configWith(sshd, 'HashKnownHosts yes'), knownHosts: null }
    await echo(sshd.host, optionsFor(sshd, { ssh, acceptNew: true }))
    expect(readFileSync(sshd.knownHosts, 'utf8')).toMatch(/^\|1\|/)
    expect(await echo(sshd.host, optionsFor(sshd, { ssh }))).toBe('hello\n')
  })

  test('that cannot be recorded is used all the same, with a warning', async () => {
    const ssh = { config: sshd.config, knownHosts: path.join(sshd.key, 'not-a-folder', 'known_hosts') }
    writeFileSync(sshd.knownHosts, '')
    const options = optionsFor(sshd, { ssh, acceptNew: true })
    expect(await echo(sshd.host, options)).toBe('hello\n')
    expect(options.events).toContainEqual(expect.objectContaining({ type: 'warning', code: 'host-key-not-recorded' }))
  })

  test('is not taken for new when a known_hosts file cannot be read', async () => {
    const ssh = { config: sshd.config, knownHosts: sshd.folder }
    const problem = await refusal(connectHost(sshd.host, optionsFor(sshd, { ssh, acceptNew: true })))
    expect(problem).toMatchObject({ code: 'known-hosts-unreadable', exit: 2 })
  })

  test('that has changed is refused even with --accept-new, naming both keys, the line and the ways out', async () => {
    const other = makeKey(path.join(sshd.folder, `other-${Math.random()}`))
    writeFileSync(sshd.knownHosts, `# a comment\n[127.0.0.1]:${sshd.port} ${other}\n`)
    const problem = await refusal(
      connectHost(sshd.host, optionsFor(sshd, { acceptNew: true, confirm: async () => true })),
    )
    expect(problem).toMatchObject({ code: 'host-key-changed', exit: 3 })
    expect(problem.found).toContain(sshd.fingerprint)
    expect(problem.found).toContain(`${sshd.knownHosts}:2`)
    expect(problem.next).toContain('streamside restore pi-test')
    expect(problem.next).toContain(`ssh-keygen -R '[127.0.0.1]:${sshd.port}'`)
  })

  test('that is revoked is refused', async () => {
    appendFileSync(sshd.knownHosts, `@revoked * ${sshd.hostKey}\n`)
    const problem = await refusal(connectHost(sshd.host, optionsFor(sshd, { acceptNew: true })))
    expect(problem).toMatchObject({ code: 'host-key-revoked', exit: 3 })
  })

  test('that RevokedHostKeys lists is refused, and a list that cannot be read is a problem of its own', async () => {
    const list = path.join(sshd.folder, 'revoked-keys')
    const ssh = { config: configWith(sshd, `RevokedHostKeys ${list}`), knownHosts: null }
    await expect(connectHost(sshd.host, optionsFor(sshd, { ssh }))).rejects.toMatchObject({
      code: 'ssh-config',
      exit: 2,
    })
    writeFileSync(list, `# lost cards\n${sshd.hostKey} a comment\n`)
    expect(await refusal(connectHost(sshd.host, optionsFor(sshd, { ssh })))).toMatchObject({ code: 'host-key-revoked' })
    await run('ssh-keygen', ['-k', '-f', list, path.join(sshd.folder, 'host-key.pub')], {})
    expect((await refusal(connectHost(sshd.host, optionsFor(sshd, { ssh })))).found).toContain('revocation list')
  })

  test('is asked about once, although a long upload makes host and client exchange keys anew', async () => {
    const rekeying = await startSshd(['RekeyLimit 1M'])
    try {
      let questions = 0
      const confirm = async () => {
        questions += 1
        return true
      }
      const connection = await connectHost(rekeying.host, optionsFor(rekeying, { confirm }))
      const sent = await connection.exec('wc -c', { deadlineSeconds: 30, input: Buffer.alloc(8_000_000) })
      await connection.close()
      expect([sent.stdout.trim(), questions]).toEqual(['8000000', 1])
    } finally {
      await rekeying.stop()
    }
  })

  test('is looked up under its HostKeyAlias', async () => {
    writeFileSync(sshd.knownHosts, `the-alias ${sshd.hostKey}\n`)
    const ssh = { config: configWith(sshd, 'HostKeyAlias the-alias'), knownHosts: null }
    expect(await echo(sshd.host, optionsFor(sshd, { ssh }))).toBe('hello\n')
  })

  test('is asked for in the type that is known, although the host would rather show another', async () => {
    const both = await startSshd([`HostKey ${makeKeyFile(sshd, 'rsa-host-key', 'rsa')}`])
    try {
      const rsa = readFileSync(path.join(sshd.folder, 'rsa-host-key.pub'), 'utf8').trim()
      writeFileSync(both.knownHosts, `[127.0.0.1]:${both.port} ${rsa}\n`)
      expect(await echo(both.host, optionsFor(both))).toBe('hello\n')
    } finally {
      await both.stop()
    }
  })
})
