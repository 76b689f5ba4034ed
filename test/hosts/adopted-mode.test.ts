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
