import { X509Certificate } from 'node:crypto'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { authorityFolder, siteAuthority } from '../../../src/rollout/site-authority.ts'

let scratch: string
beforeEach(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'streamside-authority-'))
})
afterEach(() => rm(scratch, { recursive: true, force: true }))

test('the authority of a site lies in the operator’s state folder, whatever the inventory’s is', () => {
  expect(authorityFolder('home', { XDG_STATE_HOME: '/state' })).toBe('/state/streamside/authorities/home')
  expect(authorityFolder('home', {})).toMatch(/\/\.local\/state\/streamside\/authorities\/home$/)
})

test('it is made once, and a certificate for each host by its name', async () => {
  const folder = path.join(scratch, 'home')
  const first = await siteAuthority('my home', ['pi-attic', 'pi_2.lan'], folder)
  expect(first.made).toBe(true)
  const authority = new X509Certificate(first.authority)
  expect(authority.ca).toBe(true)
  for (const [name, { certificate }] of first.identities) {
    const own = new X509Certificate(certificate)
    expect(own.verify(authority.publicKey)).toBe(true)
    expect(own.subjectAltName).toBe(`DNS:${name}`)
    expect(own.ca).toBe(false)
  }
  const again = await siteAuthority('my home', ['pi-attic', 'pi_2.lan', 'pi-new'], folder)
  expect(again.made).toBe(false)
  expect(again.identities.get('pi-attic')).toEqual(first.identities.get('pi-attic'))
  expect(again.identities.has('pi-new')).toBe(true)
  for (const name of await readdir(folder))
    if (name.endsWith('.key')) expect((await stat(path.join(folder, name))).mode & 0o777).toBe(0o600)
  expect((await readdir(folder)).filter((name) => name.startsWith('.'))).toEqual([])
})

test('a host’s certificate of another authority is made anew', async () => {
  const folder = path.join(scratch, 'home')
  const first = await siteAuthority('home', ['pi-attic'], folder)
  await rm(path.join(folder, 'ca.pem'))
  const second = await siteAuthority('home', ['pi-attic'], folder)
  expect(second.made).toBe(true)
  expect(second.identities.get('pi-attic')).not.toEqual(first.identities.get('pi-attic'))
  const own = new X509Certificate(second.identities.get('pi-attic')?.certificate ?? '')
  expect(own.verify(new X509Certificate(second.authority).publicKey)).toBe(true)
})

test('without openssl it is said what is missing, and nothing half made is left', async () => {
  const before = process.env['PATH']
  process.env['PATH'] = scratch
  try {
    await expect(siteAuthority('home', ['pi-attic'], path.join(scratch, 'home'))).rejects.toMatchObject({
      code: 'openssl',
      found: 'this machine has no openssl',
      exit: 2,
    })
  } finally {
    process.env['PATH'] = before
  }
  expect(await readdir(path.join(scratch, 'home'))).toEqual([])
})
