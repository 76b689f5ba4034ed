import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connectHost } from '../../../src/host/connect.ts'
import { echo, refusal } from './connecting.ts'
import { type LocalSshd, makeKey, optionsFor, startSshd } from './local-sshd.ts'

// A new card has new keys: `restore` alone takes one that contradicts what is known, when somebody vouches for it.
let sshd: LocalSshd
let name: string

beforeAll(async () => {
  sshd = await startSshd()
  name = `[127.0.0.1]:${sshd.port}`
})
afterAll(() => sshd.stop())

/** Known is another key, as of the card before. */
function knowAnother(...more: string[]): string {
  const old = makeKey(path.join(sshd.folder, `old-${Math.random()}`))
  const text = `${name} ${old}\n${more.map((line) => `${line}\n`).join('')}`
  writeFileSync(sshd.knownHosts, text)
  return text
}
const known = () => readFileSync(sshd.knownHosts, 'utf8')
const asking = (answer: boolean, asked: string[]) => ({
  newKey: { fingerprint: null },
  confirm: async (question: string) => {
    asked.push(question)
    return answer
  },
})

test('is taken on a terminal after both keys were shown, and is then the known one', async () => {
  const text = knowAnother()
  const asked: string[] = []
  expect(await echo(sshd.host, optionsFor(sshd, asking(true, asked)))).toBe('hello\n')
  expect(asked).toHaveLength(1)
  expect(asked[0]).toContain(sshd.fingerprint)
  expect(asked[0]).toMatch(/known: {2}ED25519 SHA256:/)
  expect(known()).toBe(`${name} ${sshd.hostKey}\n`)
  expect(readFileSync(`${sshd.knownHosts}.old`, 'utf8')).toBe(text)
  expect(await echo(sshd.host, optionsFor(sshd))).toBe('hello\n')
})

test('is refused after a no, and without a terminal the words name the option with the fingerprint', async () => {
  const text = knowAnother()
  const no = await refusal(connectHost(sshd.host, optionsFor(sshd, asking(false, []))))
  expect(no.code).toBe('host-key-changed')
  const alone = await refusal(connectHost(sshd.host, optionsFor(sshd, { newKey: { fingerprint: null } })))
  expect(alone).toMatchObject({ code: 'host-key-changed', exit: 3 })
  expect(alone.next).toMatch(/on its console/)
  expect(alone.next).toContain(`--host-key ${sshd.fingerprint}`)
  expect(known()).toBe(text)
})

test('is taken by exactly its fingerprint and by no other, and nobody is asked then', async () => {
  const text = knowAnother()
  const wrong = `SHA256:${'A'.repeat(43)}`
  const asked: string[] = []
  const told = (fingerprint: string) => optionsFor(sshd, { ...asking(true, asked), newKey: { fingerprint } })
  const problem = await refusal(connectHost(sshd.host, told(wrong)))
  expect(problem.code).toBe('host-key-changed')
  expect(problem.next).toContain(wrong)
  expect(known()).toBe(text)
  expect(await echo(sshd.host, told(sshd.fingerprint))).toBe('hello\n')
  expect(known()).toBe(`${name} ${sshd.hostKey}\n`)
  writeFileSync(sshd.knownHosts, '')
  expect((await refusal(connectHost(sshd.host, { ...told(wrong), acceptNew: true }))).code).toBe('host-key-unknown')
  expect(await echo(sshd.host, told(sshd.fingerprint))).toBe('hello\n')
  expect(asked).toEqual([])
})

test('is never taken when it is revoked, or while a pattern that means other hosts too contradicts it', async () => {
  const newKey = { fingerprint: sshd.fingerprint }
  const revoking = knowAnother(`@revoked * ${sshd.hostKey}`)
  expect((await refusal(connectHost(sshd.host, optionsFor(sshd, { newKey })))).code).toBe('host-key-revoked')
  expect(known()).toBe(revoking)
  const pattern = makeKey(path.join(sshd.folder, `pattern-${Math.random()}`))
  const patterned = knowAnother(`[127.0.0.*]:* ${pattern}`)
  expect((await refusal(connectHost(sshd.host, optionsFor(sshd, { newKey })))).code).toBe('host-key-changed')
  expect(known()).toBe(patterned)
})

test('takes the place of its own name alone: an authority and other hosts stay', async () => {
  const other = makeKey(path.join(sshd.folder, `other-${Math.random()}`))
  const rest = [`pi-cellar ${other}`, `@cert-authority *.lan ${other}`]
  knowAnother(...rest)
  const newKey = { fingerprint: sshd.fingerprint }
  expect(await echo(sshd.host, optionsFor(sshd, { newKey }))).toBe('hello\n')
  expect(known().split('\n').filter(Boolean)).toEqual([...rest, `${name} ${sshd.hostKey}`])
})
