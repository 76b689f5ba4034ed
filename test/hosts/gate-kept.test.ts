import { beforeAll, expect, test } from 'vitest'
import { runInHost, setFaults, shellInHost } from '../lab/index.ts'
import { proven } from './directory-site.ts'
import {
  begin,
  databaseOf,
  folderOf,
  type Gated,
  gated,
  gatedApps,
  isRunning,
  journalOf,
  memoryOf,
  readOwner,
  rowsOnceUp,
  stop,
  writeUploaded,
} from './gated.ts'
import { type Site, site, until, writeRow } from './site.ts'
import { appOf, codes, statusOf } from './status-answer.ts'

// What is only on this host is never written over, nor emptied, without a word of where it is.
const names = ['kep-place', 'kep-busy', 'kep-back', 'kep-two', 'kep-memory']
const parts = gatedApps('kep-one', 8561, names, {
  'kep-two': { database: undefined, databases: { main: 'data/notes.db', other: 'data/other.db' } },
  'kep-memory': { storage: { ephemeral: '64M' } },
})
let lab: Site
const app = (name: string): Gated => gated(lab, 'gate-kept', parts, name)

beforeAll(async () => {
  lab = await site('gate-kept', [{ name: 'kep-one' }], { apps: parts })
  await lab.provision()
})

/** Rows of all copies of a database that lie aside, read without touching them. */
async function rowsAside(one: Gated, file = 'notes.db'): Promise<string[]> {
  const script = `cd "$1" && for copy in .streamside-aside/*/; do
    [ -e "$copy/$2" ] || continue
    cp -r "$copy" /var/tmp/aside && sqlite3 "/var/tmp/aside/$2" 'SELECT text FROM rows ORDER BY rowid'; rm -r /var/tmp/aside
  done`
  return (await shellInHost(one.host, script, [folderOf(one), file])).split('\n').filter(Boolean)
}

const asApp = (one: Gated, file: string, sql: string) =>
  shellInHost(one.host, 'setpriv --reuid "$1" --regid "$1" --clear-groups sqlite3 "$2" "$3"', [one.name, file, sql])

test('Litestream that has lost its folder is halted before it counts from 1 again, and nobody calls the app protected', async () => {
  const one = app('kep-place')
  await writeUploaded(one, 'first', 'second')
  await proven(one)
  await shellInHost(one.host, 'rm -rf "$1"/.notes.db-litestream', [folderOf(one)])
  await writeRow(one.host, one.port, 'only here')
  await runInHost(one.host, ['systemctl', 'start', `${one.name}-check.service`])
  const litestream = () => shellInHost(one.host, 'systemctl is-active "$1" || :', [`${one.name}-litestream`])
  await until('Litestream to be down', 30, async () => ((await litestream()).trim() === 'active' ? null : true))
  expect(await journalOf(one)).toContain('Litestream has lost its place')
  expect(await isRunning(one)).toBe(true)
  const answer = await statusOf(lab)
  expect(codes(appOf(answer, one.name, 'kep-one').wrong)).toContain('place-lost')
  expect(answer.code).not.toBe(0)
  // its own check keeps it down, and the app up
  await shellInHost(one.host, 'sleep 12')
  expect([(await litestream()).trim() === 'active', await isRunning(one)]).toEqual([false, true])
  // what the replica holds comes back, and what is only in the file is kept
  await stop(one)
  await begin(one, 'start')
  expect(await rowsOnceUp(one)).toEqual(['first', 'second'])
  expect(await rowsAside(one)).toContain('only here')
})

test('an app that writes all the time is not taken for one whose place is lost', async () => {
  const one = app('kep-busy')
  await writeUploaded(one, 'first')
  const writing = shellInHost(
    one.host,
    'for n in $(seq 150); do curl -fsS --data-binary "$n" "http://127.0.0.1:$1/rows" >/dev/null || exit 1; sleep 0.1; done',
    [String(one.port)],
  )
  // as the timer does, while transactions go on to be uploaded
  for (let n = 0; n < 4; n += 1) await runInHost(one.host, ['systemctl', 'start', `${one.name}-check.service`])
  await writing
  expect(await shellInHost(one.host, 'ls "$1" 2>/dev/null || :', [memoryOf(one, 'alerts')])).toBe('')
  expect(await journalOf(one)).not.toContain('lost its place')
})

test('a file that people have put back while a restore was not proven yet is kept', async () => {
  const one = app('kep-back')
  await writeUploaded(one, 'first')
  await proven(one)
  const data = `${one.prefix}${(await readOwner(one)).path}`
  await setFaults(lab.lab.instance, [
    { method: 'PUT', path: `.*/${one.prefix}.*[.]ltx`, do: { kind: 'status', status: 503 } },
  ])
  try {
    await writeRow(one.host, one.port, 'not uploaded')
    await runInHost(one.host, ['systemctl', 'kill', '--signal=SIGKILL', `${one.name}-litestream.service`])
    await stop(one)
    await runInHost(one.host, ['systemctl', 'stop', `${one.name}-litestream.service`])
    await shellInHost(one.host, 'mkdir /root/copy && mv "$1"/notes.db* /root/copy/', [folderOf(one)])
    await begin(one, 'start')
    await until(
      `a restore from ${data} that is not proven`,
      60,
      async () =>
        (await shellInHost(one.host, 'cat "$1"', [memoryOf(one, 'claim')])).includes('"proven":false') || null,
    )
    await stop(one)
    await shellInHost(one.host, 'systemctl stop "$1-gate" "$1-litestream"', [one.name])
    await shellInHost(one.host, 'rm -f "$1"/notes.db* && mv /root/copy/* "$1/"', [folderOf(one)])
  } finally {
    await setFaults(lab.lab.instance, [])
  }
  await begin(one, 'start')
  expect(await rowsOnceUp(one, 90)).toEqual(['first'])
  expect(await rowsAside(one)).toContain('not uploaded')
})

test('of a database that is whole and is restored with another, people are told, and its newest rows are kept', async () => {
  const one = app('kep-two')
  const other = `${folderOf(one)}/other.db`
  await writeUploaded(one, 'first')
  await asApp(one, other, "PRAGMA journal_mode = WAL; CREATE TABLE rows (text); INSERT INTO rows VALUES ('uploaded')")
  await proven(one)
  await setFaults(lab.lab.instance, [
    { method: 'PUT', path: `.*/${one.prefix}.*[.]ltx`, do: { kind: 'status', status: 503 } },
  ])
  try {
    await asApp(one, other, "INSERT INTO rows VALUES ('not uploaded')")
    await runInHost(one.host, ['systemctl', 'kill', '--signal=SIGKILL', `${one.name}-litestream.service`])
    await stop(one)
    await runInHost(one.host, ['systemctl', 'stop', `${one.name}-litestream.service`])
  } finally {
    await setFaults(lab.lab.instance, [])
  }
  await shellInHost(one.host, 'rm -f "$1"*', [databaseOf(one)])
  await begin(one, 'start')
  expect(await rowsOnceUp(one, 60)).toEqual(['first'])
  const alerts = await shellInHost(one.host, 'cat "$1"/* ', [memoryOf(one, 'alerts')])
  expect(alerts).toContain('restored with it: other, whose files here are kept in .streamside-aside')
  expect(await rowsAside(one, 'other.db')).toEqual(['uploaded', 'not uploaded'])
})

test('rows that somebody writes while an app with ephemeral storage is stopped are there when it starts', async () => {
  const one = app('kep-memory')
  await writeUploaded(one, 'first')
  await proven(one)
  await stop(one)
  await asApp(one, databaseOf(one), "INSERT INTO rows (text) VALUES ('by hand')")
  await begin(one, 'start')
  expect(await rowsOnceUp(one)).toEqual(['first', 'by hand'])
})

test('those who write there once Litestream is stopped as well find their file aside', async () => {
  const one = app('kep-memory')
  await proven(one)
  await stop(one)
  await runInHost(one.host, ['systemctl', 'stop', `${one.name}-litestream.service`])
  await asApp(one, databaseOf(one), "INSERT INTO rows (text) VALUES ('beside it')")
  await begin(one, 'start')
  expect(await rowsOnceUp(one)).toEqual(['first', 'by hand'])
  expect(await rowsAside(one)).toContain('beside it')
})
