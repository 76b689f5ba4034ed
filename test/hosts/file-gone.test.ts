import { beforeAll, expect, test } from 'vitest'
import { type LabHost, runInHost, shellInHost } from '../lab/index.ts'
import { proven } from './directory-site.ts'
import {
  begin,
  databaseOf,
  type Gated,
  gated,
  isRunning,
  loseDatabase,
  readOwner,
  rowsOnceUp,
  stop,
  writeUploaded,
} from './gated.ts'
import { eventsOf, notesApp, type Run, type Site, site, writeRow } from './site.ts'
import { appOf, codes, statusOf } from './status-answer.ts'

// What an app writes to a file that was taken away under it is nowhere: nobody finds it, and nobody uploads it.
const name = 'fgo-one'
const port = 8531
const apps = (more: Record<string, unknown> = {}) => ({ 'fgo-notes': notesApp(name, port, more) })
let lab: Site
let host: LabHost
let notes: Gated

const problems = (run: Run) => eventsOf(run, 'problem').map(({ problem }) => problem as Record<string, string>)
const mainPid = () => shellInHost(host, 'systemctl show -P MainPID fgo-notes')
const check = () => shellInHost(host, 'systemctl start fgo-notes-check.service; cat /run/streamside/proof/fgo-notes')

beforeAll(async () => {
  lab = await site('file-gone', [{ name, suite: 'trixie' }], { apps: apps() })
  host = lab.host(name)
  notes = gated(lab, 'file-gone', apps(), 'fgo-notes')
  await lab.provision()
  await writeUploaded(notes, 'first')
  await proven(notes)
})

test('a database that is removed under the app is told, and no proof holds', async () => {
  await loseDatabase(notes)
  const status = await statusOf(lab)
  expect(status.code).not.toBe(0)
  const seen = appOf(status, 'fgo-notes', name)
  expect(seen.replica).toMatchObject({
    protection: 'unprotected',
    text: expect.stringContaining('gone under the running app'),
  })
  expect(codes(seen.wrong)).toContain('unprotected')
  const proof = JSON.parse(await check()) as { held: boolean; text: string }
  expect(proof).toMatchObject({
    held: false,
    text: expect.stringMatching(/main: its file is gone, under the running app/),
  })
})

test('nothing stops the app that still has it open: neither a move of its database, nor its leaving', async () => {
  await begin(notes)
  await rowsOnceUp(notes)
  await proven(notes)
  // as an app that keeps its connection: a process of the unit's has the file open
  await shellInHost(
    host,
    'tail -f "$1" >/dev/null 2>&1 & echo $! >"/sys/fs/cgroup$(systemctl show -P ControlGroup fgo-notes)/cgroup.procs"; sleep 0.3; rm -f "$1"',
    [databaseOf(notes)],
  )
  const pid = await mainPid()
  await lab.rewrite({ apps: apps({ database: 'data/moved.db' }) })
  const moved = await lab.provision([], 6)
  expect(problems(moved)[0]).toMatchObject({
    code: 'not-proven',
    found: expect.stringMatching(
      /deleted or replaced under the running app: process \d+ has the former one open still, as \/proc\/\d+\/fd\/\d+/,
    ),
  })
  await lab.rewrite({ apps: {} })
  const left = await lab.provision(['--prune'], 6)
  expect(problems(left)[0]).toMatchObject({ code: 'not-released', found: expect.stringContaining('open still') })
  expect(await mainPid()).toBe(pid)
  expect((await readOwner(notes)).holder).not.toBeNull()
  await lab.rewrite({ apps: apps() })
  await stop(notes)
  await begin(notes)
  expect(await rowsOnceUp(notes)).toEqual(['first'])
})

test('a start after one whose end nobody saw is a start: the gate does not take the app for running', async () => {
  await proven(notes)
  await writeRow(host, port, 'second')
  await proven(notes)
  // whatever kills all of the app's processes kills what runs after it as well: the mark stays
  await runInHost(host, ['systemctl', 'kill', '--signal=SIGKILL', 'fgo-notes.service'])
  await stop(notes)
  await shellInHost(host, 'touch /run/streamside/running/fgo-notes')
  await loseDatabase(notes)
  await begin(notes)
  expect(await rowsOnceUp(notes, 60)).toEqual(['first', 'second'])
  await proven(notes)
  expect(await isRunning(notes)).toBe(true)
})

test('a file that took the place of the database under the app is put aside, and what the replica holds is back', async () => {
  await proven(notes)
  const file = databaseOf(notes)
  // as a program does that opens its database once a request: it makes a new one, and nothing looks wrong to it
  await shellInHost(
    host,
    `rm -f "$1" "$1-wal" "$1-shm"
    runuser -u fgo-notes -- sqlite3 "$1" 'CREATE TABLE rows (id INTEGER PRIMARY KEY, text TEXT NOT NULL)'
    systemctl restart fgo-notes`,
    [file],
  )
  expect(await rowsOnceUp(notes, 60)).toEqual(['first', 'second'])
  const aside = await shellInHost(host, 'ls "$(dirname "$1")"/.streamside-aside/*/', [file])
  expect(aside).toContain('notes.db')
  const status = await statusOf(lab)
  expect(
    appOf(status, 'fgo-notes', name)
      .alerts.map(({ text }) => text)
      .join(),
  ).toContain('replaced under the running app')
  await proven(notes)
})
