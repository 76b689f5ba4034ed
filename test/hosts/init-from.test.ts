import { spawnSync } from 'node:child_process'
import { cpSync, readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  environmentOf,
  type LabHost,
  listObjects,
  litestreamVersion,
  putFile,
  readAccess,
  shellInHost,
} from '../lab/index.ts'
import { snapshotOf } from './host-state.ts'
import { notesApp, readRows, type Run, type Site, site, streamside, until, writeRow } from './site.ts'

const notes = path.resolve(import.meta.dirname, '../lab/app/notes')
/** A name that would end the comment it stands in, the mapping, and the file. */
const odd = `a b'"#\n: {x}\napps: # c.sqlite`
let lab: Site
let one: LabHost
let folder: string
let access: Awaited<ReturnType<typeof readAccess>>

const unit = (lines: string[]) => ['[Service]', ...lines, ''].join('\n')
const run = async (...args: string[]): Promise<Run> =>
  streamside(args, { cwd: folder, env: { ...process.env, ...(await environmentOf(lab.lab.instance)), NO_COLOR: '1' } })

beforeAll(async () => {
  lab = await site('from', [{ name: 'fro-one' }, { name: 'fro-asks', sudo: 'password' }], {
    apps: { ours: notesApp('fro-one', 8304) },
  })
  one = lab.host('fro-one')
  access = await readAccess(lab.lab.instance)
  folder = await mkdtemp(path.join(os.tmpdir(), 'streamside-from-'))
  await lab.provision(['--limit', 'fro-one'])
  await shellInHost(
    one,
    'DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends vnstat && useradd -r shop && install -d -o shop /srv/shop/data',
    [],
    { deadlineSeconds: 200 },
  )
  const program = readFileSync(notes)
  for (const place of ['/opt/shop/notes', '/opt/till/notes']) await putFile(one, place, program, { mode: '0755' })
  await putFile(
    one,
    '/opt/shop/serve',
    `#!/bin/sh\nexport DATABASES="main=/srv/shop/data/till.db,odd=/srv/shop/data/$(cat /opt/shop/odd),bad=/srv/shop/data/$(printf '\\377').db"\nexec /opt/shop/notes\n`,
    { mode: '0755' },
  )
  await putFile(one, '/opt/shop/odd', odd)
  const units = {
    'shop.service': [
      'User=shop',
      'WorkingDirectory=/srv/shop',
      'Environment=PORT=8300 SHOP_TOKEN=hunter2-hunter2',
      'ExecStart=/opt/shop/serve --api-key sesame-sesame "--title=a: #b"',
    ],
    'till.service': [
      'StateDirectory=till',
      'Environment=PORT=8301 DATABASE=/var/lib/till/notes.db',
      'ExecStart=/usr/bin/python3 /opt/till/notes',
    ],
    'we\\x20ird@a.service': ['ExecStart=/usr/bin/python3 -m http.server 8302 --bind 127.0.0.1 --directory /srv'],
  }
  for (const [name, lines] of Object.entries(units)) await putFile(one, `/etc/systemd/system/${name}`, unit(lines))
  await shellInHost(
    one,
    `python3 -c "import sqlite3; c = sqlite3.connect('/srv/shop/closed.db'); c.execute('create table t(x)'); c.commit(); c.close()"
     printf hello >/srv/shop/no.db; chown -R shop /srv/shop
     systemctl daemon-reload; systemctl start shop till 'we\\x20ird@a'`,
  )
  for (const port of [8300, 8301])
    await until(`port ${port}`, 20, () =>
      writeRow(one, port, 'kept').then(
        () => true,
        () => null,
      ),
    )
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const from = (...args: string[]) =>
  run('init', '--from', 'fro-one', '--ssh-config', access.sshConfig, '--accept-new', ...args)

describe('init --from a host that runs already', () => {
  test('prints an inventory with what is there, and changes nothing on the host', async () => {
    const before = await snapshotOf(one)
    const { code, stdout, stderr } = await from('--dry-run')
    expect([code, stderr]).toEqual([0, ''])
    expect(await snapshotOf(one)).toEqual(before)
    expect(spawnSync('ls', ['-A'], { cwd: folder, encoding: 'utf8' }).stdout).toBe('')
    const lines = stdout.split('\n')
    for (const line of [
      '##   database /srv/shop/data/till.db: 4.0 KB, WAL, shop:shop 644, open',
      '##   database /srv/shop/closed.db: 8.0 KB, no WAL, shop:root 644, not open just now',
      `##   database /srv/shop/data/a b'"#\\n: {x}\\napps: # c.sqlite: 4.0 KB, WAL, shop:shop 644, open`,
      '##   database /srv/shop/data/\\xff.db (no UTF-8: an inventory cannot name it): 4.0 KB, WAL, shop:shop 644, open',
      '##   database /var/lib/vnstat/vnstat.db: 68 KB, no WAL, vnstat:vnstat 644, open',
      '##   runs as shop in /srv/shop: /opt/shop/serve --api-key FILL-IN "--title=a: #b"',
      '##   listens on 127.0.0.1:8302',
      '##   /lib/systemd/system/vnstat.service, of the package vnstat',
      '## Of streamside already, and left out: ours-litestream.service, ours.service.',
      '#       SHOP_TOKEN: !secret shop-app-shop-token',
      '#       package: vnstat',
      '#     database: /var/lib/vnstat/vnstat.db',
    ])
      expect(lines).toContain(line)
    expect(stdout).not.toMatch(/hunter2|sesame|no\.db/)
  })

  test('writes one that check takes as it is, and that a second run does not touch', async () => {
    const first = await from()
    expect([first.code, first.stderr]).toEqual([0, ''])
    const check = await run('check')
    expect([check.stdout, check.stderr]).toEqual(['inventory is sound: 1 host, 0 apps, 0 replicas\n', ''])
    const written = await readFile(path.join(folder, 'inventory.yaml'), 'utf8')
    const again = await from()
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('there is one already')])
    expect(await readFile(path.join(folder, 'inventory.yaml'), 'utf8')).toBe(written)
  })

  test('proposes apps that check takes once they are filled in and uncommented', async () => {
    const bucket = ['--endpoint', access.s3.endpoint, '--bucket', access.s3.bucket, '--prefix', 'from-taken']
    const keys = { BACKUP_KEY: access.s3.accessKeyId, BACKUP_SECRET: access.s3.secretAccessKey }
    const args = ['init', '--from', 'fro-one', '--ssh-config', access.sshConfig, '--force', ...bucket]
    const made = await streamside(args, { cwd: folder, env: { ...process.env, ...keys } })
    expect([made.code, made.stderr]).toEqual([0, ''])
    const file = path.join(folder, 'inventory.yaml')
    const lines = (await readFile(file, 'utf8')).split('\n')
    const begin = lines.indexOf('# apps:')
    const proposed = lines
      .slice(begin)
      .map((line) => (line.startsWith('##') ? line : line.replace(/^# ?/, '')))
      .join('\n')
    await writeFile(
      file,
      [...lines.slice(0, begin), proposed, ''].join('\n').replaceAll('FILL-IN', '/var/lib/till/notes.db'),
    )
    for (const app of ['till', 'shop-app', 'we-x20ird-a'])
      cpSync(path.dirname(notes), path.join(folder, app), { recursive: true })
    cpSync(notes, path.join(folder, 'shop-app/serve'))
    await writeFile(
      path.join(folder, 'secrets.yaml'),
      `${await readFile(path.join(folder, 'secrets.yaml'), 'utf8')}shop-app-shop-token: x\n`,
    )
    const check = await run('check')
    expect(check.stderr.replaceAll(/\S+: warning: outside of[^^]*\^~*\n(?: {4}.*\n)*\n?/g, '')).not.toContain('mistake')
    expect([check.code, check.stdout]).toEqual([0, expect.stringContaining('1 host, 4 apps, 1 replica')])
  })

  test('an app that is taken over goes on from the rows that there were', async () => {
    const file = path.join(folder, 'inventory.yaml')
    const text = await readFile(file, 'utf8')
    const till = /^ {2}till:\n(?: {4}.*\n)+/m.exec(text)?.[0] ?? ''
    const lab17 = `litestream: { version: ${litestreamVersion}, from: "${access.releases}/v${litestreamVersion}" }`
    await writeFile(file, `${text.slice(0, text.indexOf('apps:\n'))}${lab17}\napps:\n${till}`)
    await shellInHost(one, 'systemctl disable --now till.service; mv /etc/systemd/system/till.service /root/')
    const provision = await run('provision', '--json')
    expect([provision.code, provision.stderr]).toEqual([0, ''])
    expect(await readRows(one, 8301)).toEqual(['kept'])
    const keys = (await listObjects(lab.lab.instance, 'from-taken/till/')).map(({ key }) => key)
    expect(keys).toContainEqual(expect.stringMatching(/^from-taken\/till\/e0001-[0-9a-f]{8}\/main\//))
  })

  test('says what it needs of a sudo that asks, when nobody can be asked', async () => {
    const { code, stderr } = await run(
      'init',
      '--from',
      'fro-asks',
      '--ssh-config',
      access.sshConfig,
      '--accept-new',
      '--force',
    )
    expect(code).toBe(1)
    expect(stderr).toContain('sudo asks for a password')
    expect(stderr.replaceAll(/\s+/g, ' ')).toContain('run this on a terminal')
  })

  test('takes no key of an unknown host without being told to', async () => {
    await writeFile(access.knownHosts, '')
    const { code, stderr } = await run('init', '--from', 'fro-one', '--ssh-config', access.sshConfig, '--force')
    expect([code, stderr]).toEqual([3, expect.stringContaining('--accept-new')])
  })
})
