import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { type LabHost, shellInHost } from '../lab/index.ts'
import { changesOf } from './host-state.ts'
import { type Site, site, until } from './site.ts'

let lab: Site
let one: LabHost

const database = '/var/lib/keeper/keep.db'

/** A row a second, in the journal mode that a file says, which is set at each start: as vnstat does. */
const keeper = `[Service]
User=games
StateDirectory=keeper
Restart=on-failure
RestartSec=1
ExecStart=/bin/sh -c 'set -e; mode=$$(cat /etc/keeper-mode); [ "$$(sqlite3 ${database} "PRAGMA journal_mode=$$mode")" = "$$mode" ]; sqlite3 ${database} "CREATE TABLE IF NOT EXISTS mine (x)"; while sleep 1; do sqlite3 -cmd ".timeout 5000" ${database} "INSERT INTO mine VALUES (1)"; done'
[Install]
WantedBy=multi-user.target
`

const sql = async (statement: string) =>
  (await shellInHost(one, 'sqlite3 -cmd ".timeout 5000" "$1" "$2"', [database, statement])).trim()
const saidSince = (time: string, text: string) =>
  shellInHost(one, 'journalctl --unit=keeper --since="@$1" --output=cat | grep -c -- "$2" || :', [time, text])
const now = async () => (await shellInHost(one, 'date +%s')).trim()
/** Sets the mode in the service's own configuration and restarts it. */
const restartIn = async (mode: string) => {
  await shellInHost(one, 'echo "$1" >/etc/keeper-mode', [mode])
  const since = await now()
  await shellInHost(one, 'systemctl restart keeper')
  return since
}

beforeAll(async () => {
  lab = await site('adopted-mode', [{ name: 'mode-one' }], { apps: {} })
  one = lab.host('mode-one')
  const unit = path.join(path.dirname(lab.inventory), 'keeper.service')
  await writeFile(unit, keeper)
  await shellInHost(one, 'echo wal >/etc/keeper-mode')
  const service = { unit: 'keeper.service', from: unit }
  await lab.rewrite({ apps: { keeper: { host: 'mode-one', service, database, litestream: { wal: 'switch' } } } })
  await lab.provision()
})

test('a service that sets another mode at its start is told of, and runs on without Litestream', async () => {
  const since = await restartIn('delete')
  const status = await until('not-wal to be told', 60, async () => {
    const { stdout } = await lab.run(['status', '--json'])
    return stdout.includes('"code":"not-wal"') ? stdout : null
  })
  expect(status).toContain('set WAL mode in the configuration of the service')
  // once: after that it has the database for itself
  expect(await saidSince(since, 'database is locked')).toBe('1\n')
  expect(await shellInHost(one, 'systemctl is-active keeper')).toBe('active\n')
  expect(await sql('PRAGMA journal_mode')).toBe('delete')
  const rows = Number(await sql('SELECT count(*) FROM mine'))
  await until('more rows', 20, async () => (Number(await sql('SELECT count(*) FROM mine')) > rows ? true : null))
  const run = await lab.provision([], 1)
  expect(run.stdout).toMatch(/"code":"unprotected".*not-wal: keeper\.service has main in rollback mode/)
})

test('and is not kept from its start by it any more', async () => {
  const since = await restartIn('delete')
  await shellInHost(one, 'sleep 10')
  expect(await saidSince(since, 'database is locked')).toBe('0\n')
  expect(await sql('PRAGMA journal_mode')).toBe('delete')
})

test('with WAL mode in its own configuration it is replicated again', async () => {
  await restartIn('wal')
  await until('Litestream to run', 60, async () => {
    const state = await shellInHost(one, 'systemctl is-active keeper-litestream || :; ls /run/streamside/apart')
    return state === 'active\n' || null
  })
  expect(await sql('PRAGMA journal_mode')).toBe('wal')
  await lab.provision()
  expect(changesOf(await lab.provision())).toEqual([])
  expect((await lab.run(['status', '--json'])).stdout).not.toContain('"code":"not-wal"')
})

/** Ends twice at once, as what waits for a port or an image does; then it makes its database, in SQLite's own mode. */
const late = `[Service]
User=games
UMask=0077
StateDirectory=late
Restart=on-failure
RestartSec=1
ExecStart=/bin/sh -c 'echo x >>/var/lib/late/tries; [ $$(wc -l </var/lib/late/tries) -gt 3 ] || exit 1; while :; do sqlite3 -cmd ".timeout 5000" /var/lib/late/l.db "CREATE TABLE IF NOT EXISTS mine (x); INSERT INTO mine VALUES (1)"; sleep 1; done'
[Install]
WantedBy=multi-user.target
`

test('one that fails before it makes its database sets no mode: it is replicated, restored as it was, and given back as it would be', async () => {
  const unit = path.join(path.dirname(lab.inventory), 'late.service')
  await writeFile(unit, late)
  const app = {
    host: 'mode-one',
    service: { unit: 'late.service', from: unit },
    database: '/var/lib/late/l.db',
    litestream: { wal: 'switch' },
  }
  await lab.rewrite({ apps: { late: app } })
  await lab.run(['provision', '--accept-new'])
  await until('late to be protected', 120, async () => {
    await shellInHost(one, 'systemctl start late-check || :')
    return (await shellInHost(one, 'cat /run/streamside/proof/late || :')).includes('"held":true') || null
  })
  const journal = await shellInHost(one, 'journalctl -u late -u late-gate -u late-litestream -o cat --no-pager')
  expect(journal).not.toContain('not-wal')
  const rows = async () => Number(await shellInHost(one, 'sqlite3 /var/lib/late/l.db "SELECT count(*) FROM mine"'))
  const before = await rows()
  await shellInHost(one, 'rm -f /var/lib/streamside/apps/late/attributes')
  await shellInHost(
    one,
    'systemctl stop late && rm -r /var/lib/late/l.db* /var/lib/late/.l.db-litestream && systemctl start late',
  )
  await until('it to be back', 60, async () => ((await rows().catch(() => 0)) >= before ? true : null))
  expect(await shellInHost(one, 'stat -c "%a %U" /var/lib/late/l.db')).toBe('600 games\n')
  await lab.rewrite({ apps: {} })
  await lab.provision(['--prune'])
  // its unit came from the inventory, and went with it
  expect(await shellInHost(one, 'sqlite3 /var/lib/late/l.db "PRAGMA journal_mode"')).toBe('delete\n')
})
