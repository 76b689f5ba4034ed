import { copyFile, mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { connect } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { authorityFolder, siteAuthority } from '../../src/rollout/site-authority.ts'
import { type LabHost, putFile, runInHost, shellInHost } from '../lab/index.ts'
import { changesOf } from './host-state.ts'
import { arrived, dial, foundOn, logOn } from './logging-site.ts'
import { eventsOf, type Site, site } from './site.ts'

let lab: Site
let one: LabHost
let two: LabHost
let scratch: string

const logs = { servers: ['tls-one', 'tls-two'], transport: 'tls' }

beforeAll(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'streamside-tls-'))
  process.env['XDG_STATE_HOME'] = scratch
  lab = await site('logging-tls', [{ name: 'tls-one' }, { name: 'tls-two', suite: 'trixie' }], { apps: {}, logs })
  one = lab.host('tls-one')
  two = lab.host('tls-two')
})

afterAll(() => rm(scratch, { recursive: true, force: true }))

/** Sends a line in TLS, with a certificate or without one; whether the server has refused the connection or not. */
async function sendInTls(server: LabHost, text: string, identity: { cert?: string; key?: string }): Promise<void> {
  const socket = connect({ host: server.address, port: 6514, rejectUnauthorized: false, ...identity })
  await new Promise<void>((resolve) => {
    socket.once('error', () => resolve()).once('close', () => resolve())
    socket.once('secureConnect', () => socket.end(`<13>1 2026-01-01T00:00:00Z h p - - - ${text}\n`))
    socket.resume()
  })
}

describe('an authority that streamside makes for the site', () => {
  test('lies in the operator’s own folder, its keys for nobody else; the next run makes none', async () => {
    const first = await lab.provision()
    const folder = authorityFolder(lab.lab.instance.name)
    expect(eventsOf(first, 'note').map((event) => String(event['message']))).toContainEqual(
      expect.stringContaining(`made a certificate authority for the logs of ${lab.lab.instance.name}, in ${folder}`),
    )
    expect(folder.startsWith(scratch)).toBe(true)
    expect(((await stat(folder)).mode & 0o777).toString(8)).toBe('700')
    for (const key of ['ca.key', 'host-tls-one.key', 'host-tls-two.key'])
      expect(((await stat(path.join(folder, key))).mode & 0o777).toString(8)).toBe('600')
    const secret = (await readFile(path.join(folder, 'host-tls-one.key'), 'utf8')).split('\n')[1] ?? ''
    expect(secret.length).toBeGreaterThan(20)
    expect(first.stdout + first.stderr).not.toContain(secret)
    expect(await shellInHost(one, 'stat -c "%a %U" /etc/rsyslog.d/streamside/host.key')).toBe('600 root\n')
    expect(await shellInHost(one, 'ls /etc/rsyslog.d/streamside')).not.toContain('ca.key')
    const second = await lab.provision()
    expect(changesOf(second)).toEqual([])
    expect(eventsOf(second, 'note')).toEqual([])
  })

  test('lets lines through in both directions', async () => {
    await logOn(one, 'told in tls by one')
    await logOn(two, 'told in tls by two')
    expect(await arrived(two, 'told in tls by one')).toEqual({ 'tls-one/messages.log': 1 })
    expect(await arrived(one, 'told in tls by two')).toEqual({ 'tls-two/messages.log': 1 })
  })

  test('keeps out plain text, and whoever has no certificate from it', async () => {
    const stranger = await siteAuthority('elsewhere', ['tls-two'], path.join(scratch, 'elsewhere'))
    const theirs = stranger.identities.get('tls-two')
    const socket = await dial(one, 6514)
    socket.on('error', () => undefined).end('<13>1 2026-01-01T00:00:00Z h p - - - told in the clear\n')
    await sendInTls(one, 'told by nobody', {})
    await sendInTls(one, 'told by a stranger', { cert: theirs?.certificate ?? '', key: theirs?.key ?? '' })
    await logOn(two, 'told after those')
    await arrived(one, 'told after those')
    for (const text of ['told in the clear', 'told by nobody', 'told by a stranger'])
      expect(await foundOn(one, text)).toEqual({})
  })
})

test('certificates of one’s own take the place of those, and a server that is another is told nothing', async () => {
  const own = await siteAuthority('own', ['tls-one', 'tls-two'], path.join(scratch, 'own'))
  expect(own.made).toBe(true)
  const certificates = path.join(scratch, 'certificates')
  await mkdir(certificates)
  for (const host of ['tls-one', 'tls-two'])
    for (const kind of ['pem', 'key'])
      await copyFile(path.join(scratch, 'own', `host-${host}.${kind}`), path.join(certificates, `${host}.${kind}`))
  const tls = { ca: path.join(scratch, 'own', 'ca.pem'), certificates }
  await lab.rewrite({ apps: {}, logs: { servers: ['tls-one', 'tls-two'], tls } })
  const run = await lab.provision()
  expect(changesOf(run)).toContain('update /etc/rsyslog.d/streamside/host.key')
  await logOn(one, 'told with own certificates')
  await arrived(two, 'told with own certificates')

  // the certificate of another host, though from the same authority
  for (const kind of ['pem', 'key'])
    await copyFile(path.join(scratch, 'own', `host-tls-one.${kind}`), path.join(certificates, `tls-two.${kind}`))
  const refused = await lab.provision([], 2)
  expect(eventsOf(refused, 'problem')).toEqual([
    expect.objectContaining({
      problem: expect.objectContaining({
        code: 'log-certificate',
        found: expect.stringContaining('tls-two.pem does not bear the name tls-two'),
      }),
    }),
  ])
  // as somebody has it who sits on that address
  for (const kind of ['pem', 'key'])
    await putFile(
      two,
      `/etc/rsyslog.d/streamside/host.${kind}`,
      await readFile(path.join(certificates, `tls-two.${kind}`), 'utf8'),
    )
  await runInHost(two, ['systemctl', 'restart', 'rsyslog.service'])
  await logOn(one, 'told to an impostor')
  await logOn(two, 'told by the impostor')
  await arrived(one, 'told by the impostor')
  expect(await foundOn(two, 'told to an impostor')).toEqual({})
})
