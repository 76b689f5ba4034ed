import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { type LabHost, shellInHost } from '../lab/index.ts'
import { drifts } from './drift-cases.ts'
import { changesOf, mainPid, pagesApp } from './host-state.ts'
import { eventsOf, notesApp, readRows, type Site, site, writeRow, until } from './site.ts'

let lab: Site
let hosts: LabHost[]
let apps: Record<string, Record<string, unknown>>
const port = 8171

/** Names are the same on both releases of Debian, so that one list of drifts is tried on both. */
const names = ['drf-twelve', 'drf-thirteen']
const units = ['drift.service', 'drift-litestream.service', 'drift-static.service']

beforeAll(async () => {
  const file = { from: path.resolve(import.meta.dirname, '../lab/app/notes'), template: false }
  apps = {
    drift: notesApp('', port, {
      host: undefined,
      hosts: names,
      database: undefined,
      databases: { main: 'data/notes.db', second: 'other/deep/second.db' },
      files: { settings: file, 'conf/inner': file },
    }),
    'drift-static': { ...pagesApp('', port + 1), host: undefined, hosts: names },
  }
  lab = await site('drift', [{ name: 'drf-twelve' }, { name: 'drf-thirteen', suite: 'trixie' }], { apps })
  hosts = names.map((name) => lab.host(name))
  await lab.provision()
  for (const host of hosts) await writeRow(host, port, 'kept')
})

const everywhere = (script: string) => Promise.all(hosts.map((host) => shellInHost(host, script)))
const pids = (host: LabHost) => Promise.all(units.map((unit) => mainPid(host, unit)))

const plain = (changes: string[]) =>
  changes.map((change) =>
    change
      .replace(/releases\/[0-9a-f]{8,}/, 'releases/DIGEST')
      .replace(/\/usr\/local\/lib\/streamside\/litestream-\S+/, 'LITESTREAM')
      .replace(/\/usr\/local\/lib\/streamside\/programs-[0-9a-f]+/, 'PROGRAMS'),
  )

describe('drift is named by plan, mended by provision, and then there is none:', () => {
  test.each(Object.entries(drifts))('%s', async (_, drift) => {
    await everywhere(drift.script)
    const before = await Promise.all(hosts.map(pids))
    const plan = await lab.run(['plan', '--json'])
    expect(plan.code).toBe(7)
    const run = await lab.provision()
    for (const [index, host] of hosts.entries()) {
      const of = (each: typeof run) => ({
        ...each,
        events: each.events.filter((event) => event['host'] === host.name),
      })
      expect(plain(changesOf(of(plan)))).toEqual(drift.changes)
      expect(plain(changesOf(of(run)))).toEqual(drift.changes)
      const now = await pids(host)
      const renewed = units.filter((_unit, n) => now[n] !== before[index]?.[n])
      expect(renewed).toEqual(drift.restarts)
      if (drift.after) expect(await shellInHost(host, drift.after[0])).toBe(drift.after[1])
      expect(await readRows(host, port)).toEqual(['kept'])
    }
    const again = await lab.provision()
    expect(changesOf(again)).toEqual([])
    expect(eventsOf(again, 'host-done').map((event) => event['execs'])).toEqual([1, 1])
  })
})

test('an app that was started while its database was closed to it is started once more when that is opened', async () => {
  const [twelve] = hosts
  const limited = ['--limit', 'drf-twelve']
  await shellInHost(twelve!, 'chmod 0400 /var/lib/drift/data/notes.db; sleep 1.1; systemctl restart drift.service')
  const before = await pids(twelve!)
  expect(changesOf(await lab.provision(limited))).toEqual(['update /var/lib/drift/data/notes.db'])
  const after = await pids(twelve!)
  expect(after[units.indexOf('drift.service')]).not.toBe(before[units.indexOf('drift.service')])
  await until('the app to answer', 20, () => readRows(twelve!, port).catch(() => null))
  expect(changesOf(await lab.provision(limited))).toEqual([])
})

test('what is not ours is never touched: other units, other files, users and packages stay', async () => {
  await everywhere(
    `printf '[Service]\\nExecStart=/bin/sleep infinity\\n' >/etc/systemd/system/theirs.service
     mkdir -p /opt/theirs /etc/streamside.d /var/lib/drift/uploads; echo kept >/opt/theirs/file
     echo kept >/var/lib/drift/uploads/picture; systemctl daemon-reload; systemctl start theirs.service`,
  )
  expect(changesOf(await lab.provision())).toEqual([])
  const [twelve] = hosts
  expect(
    await shellInHost(twelve!, 'systemctl is-active theirs; cat /opt/theirs/file /var/lib/drift/uploads/picture'),
  ).toBe('active\nkept\nkept\n')
})

test('what may be meant for others stays, and is told: a second name of their file, a drop-in for every name that begins so', async () => {
  const [twelve] = hosts
  const folder = '/var/lib/drift/data/.notes.db-litestream'
  const dropIn = '/etc/systemd/system/drift-.service.d'
  await shellInHost(
    twelve!,
    `echo theirs >/srv/shared; ln /srv/shared ${folder}/extra; chown root ${folder}
     mkdir ${dropIn}; printf '[Service]\nNice=3\n' >${dropIn}/nice.conf; systemctl daemon-reload`,
  )
  const limited = ['--limit', 'drf-twelve']
  const refused = await lab.provision(limited, 1)
  expect(eventsOf(refused, 'problem')).toMatchObject([
    { problem: { code: 'hard-link', found: expect.stringContaining(`${folder}/extra`) } },
  ])
  expect(eventsOf(refused, 'warning')).toMatchObject([
    { code: 'drop-in-by-prefix', message: expect.stringContaining('drift-litestream.service') },
  ])
  expect(await shellInHost(twelve!, `stat -c %U /srv/shared ${folder}; cat ${dropIn}/nice.conf`)).toBe(
    'root\nroot\n[Service]\nNice=3\n',
  )
  await shellInHost(twelve!, `rm -r ${folder}/extra /srv/shared ${dropIn}; systemctl daemon-reload`)
  expect(changesOf(await lab.provision(limited))).toEqual(['update /var/lib/drift/data/notes.db'])
  expect(await readRows(twelve!, port)).toEqual(['kept'])
})

test('a record with a damaged entry is written anew and told of, and the other host is as ever', async () => {
  const [twelve] = hosts
  await shellInHost(twelve!, `cd /var/lib/streamside; jq -c '.data.zed = null' manifest >/run/m; cat /run/m >manifest`)
  const plan = await lab.run(['plan', '--json'])
  const run = await lab.provision()
  for (const each of [plan, run])
    expect(eventsOf(each, 'warning')).toMatchObject([{ code: 'record-damaged', host: 'drf-twelve' }])
  expect(changesOf(plan)).toEqual(['update /var/lib/streamside/manifest'])
  expect(await shellInHost(twelve!, `rm /run/m; jq '.data | has("zed")' /var/lib/streamside/manifest`)).toBe('false\n')
  const again = await lab.provision()
  expect([changesOf(again), eventsOf(again, 'warning')]).toEqual([[], []])
})

test('a host whose stat prints for ever is given up, and the other one is as ever', async () => {
  const [twelve] = hosts
  await shellInHost(
    twelve!,
    `printf '#!/bin/sh\nexec yes aaaaaaaaaaaaaaa\n' >/usr/local/bin/stat; chmod +x /usr/local/bin/stat`,
  )
  const plan = await lab.run(['plan', '--json'])
  await shellInHost(twelve!, 'rm /usr/local/bin/stat')
  expect(plan.code).toBe(1)
  expect(eventsOf(plan, 'problem')).toMatchObject([{ problem: { code: 'answer-too-long', host: 'drf-twelve' } }])
  expect(eventsOf(plan, 'host-done')).toContainEqual(
    expect.objectContaining({ host: 'drf-thirteen', outcome: 'unchanged', changes: 0 }),
  )
  expect(changesOf(await lab.provision())).toEqual([])
})

test('an app that is no longer to be backed up loses gate, Litestream and timer, and keeps its rows', async () => {
  const { databases: _databases, ...bare } = apps['drift']!
  apps['drift'] = bare
  await lab.rewrite({ apps })
  const run = await lab.provision()
  expect([...new Set(changesOf(run, 'unit').filter((change) => change.startsWith('stop')))].sort()).toEqual([
    'stop drift-check.service',
    'stop drift-check.timer',
    'stop drift-gate.service',
    'stop drift-litestream.service',
  ])
  for (const host of hosts) {
    expect(
      await shellInHost(
        host,
        `systemctl list-units --all --plain --no-legend 'drift*' | awk '{ print $1, $3 }' | sort`,
      ),
    ).toBe('drift-static.service active\ndrift.service active\n')
    expect(await readRows(host, port)).toEqual(['kept'])
  }
  expect(changesOf(await lab.provision())).toEqual([])
})
