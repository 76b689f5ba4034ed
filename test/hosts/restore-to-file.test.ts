import { DatabaseSync } from 'node:sqlite'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type LabHost, shellInHost } from '../lab/index.ts'
import { proven } from './directory-site.ts'
import { chainOf, type Gated, gated, readOwner, rowsOnceUp, spoil, writeUploaded } from './gated.ts'
import { eventsOf, notesApp, type Run, type Site, site } from './site.ts'

// `restore HOST --to-file`: a database as its replica holds it, on the operator's machine, and nothing else.
const name = 'fetch-one'
const apps = { 'fetch-notes': notesApp(name, 8531) }
let lab: Site
let host: LabHost
let notes: Gated
let folder: string
let early: string

const restore = (...args: string[]) => lab.run(['restore', name, '--json', '--app', 'fetch-notes', ...args])
const problem = (run: Run) => eventsOf(run, 'problem').map((event) => event['problem'] as Record<string, string>)[0]
const said = (run: Run) => run.stdout + run.stderr
const pause = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000))
/** What lies where the host restores it, and where the program lay. */
const left = () => shellInHost(host, 'ls -d /var/tmp/*.file.* /run/streamside/* 2>/dev/null || :')
const pid = () => shellInHost(host, 'systemctl show -P MainPID fetch-notes')

function rowsIn(file: string): string[] {
  const database = new DatabaseSync(file, { readOnly: true })
  try {
    return database
      .prepare('SELECT text FROM rows ORDER BY id')
      .all()
      .map((row) => String(row['text']))
  } finally {
    database.close()
  }
}

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'streamside-to-file-'))
  lab = await site('restore-to-file', [{ name }], { apps })
  host = lab.host(name)
  notes = gated(lab, 'restore-to-file', apps, 'fetch-notes')
  await lab.provision()
  await writeUploaded(notes, 'first')
  await pause(2)
  early = new Date().toISOString()
  await pause(2)
  await writeUploaded(notes, 'second')
  await proven(notes)
})

afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
})

test('the newest rows, and those of a time, are fetched while the app goes on, and nothing of it changes', async () => {
  const before = [await pid(), await readOwner(notes), await left()]
  const now = path.join(folder, 'now.db')
  const run = await restore('--to-file', now)
  expect(run.code, said(run)).toBe(0)
  expect(rowsIn(now)).toEqual(['first', 'second'])
  expect(eventsOf(run, 'fetched')[0]).toMatchObject({ database: 'main', file: now, bytes: (await stat(now)).size })
  // what it holds is nobody else's business on a machine with several users
  expect((await stat(now)).mode & 0o777).toBe(0o600)
  expect((await restore('--to-file', folder, '--at', early)).code).toBe(0)
  expect(rowsIn(path.join(folder, 'fetch-notes-main.db'))).toEqual(['first'])
  expect([await pid(), await readOwner(notes), await left()]).toEqual(before)
})

test('a file that is there is not written over, and a dry run writes none', async () => {
  const there = path.join(folder, 'now.db')
  const run = await restore('--to-file', there)
  expect([run.code, said(run)]).toEqual([2, expect.stringContaining('file-exists')])
  expect((await restore('--to-file', path.join(folder, 'dry.db'), '--dry-run')).code).toBe(0)
  expect((await readdir(folder)).filter((file) => file.endsWith('.db'))).toEqual(['fetch-notes-main.db', 'now.db'])
})

test('what cannot be restored leaves no file, and the last point that can be is tried and named', async () => {
  await writeUploaded(notes, 'third', 'fourth')
  await proven(notes)
  const rows = await rowsOnceUp(notes)
  const chain = (await chainOf(notes)).toSorted((a, b) => b.max - a.max)
  const put = await spoil(
    notes,
    chain.filter(({ max }) => max === chain[0]?.max).map(({ key }) => key),
    (body) => Buffer.concat([body.subarray(0, -20), Buffer.alloc(20, 0x5a)]),
  )
  try {
    const run = await restore('--to-file', path.join(folder, 'damaged.db'))
    expect([run.code, problem(run)?.['code']], said(run)).toEqual([1, 'fetch-not-restored'])
    const [, txid = ''] = /--txid (main=[0-9a-f]+)$/.exec(problem(run)?.['next'] ?? '') ?? []
    const best = path.join(folder, 'best.db')
    const again = await restore('--to-file', best, '--txid', txid)
    expect(again.code, said(again)).toBe(0)
    expect(rowsIn(best)).toEqual(rows.slice(0, -1))
    expect((await readdir(folder)).filter((file) => file.includes('damaged'))).toEqual([])
  } finally {
    await put()
  }
})

test('a host that was wiped is said to need a restore first', async () => {
  // as on a new card: the app is in the replica, and nothing of it on the host
  await shellInHost(host, 'mv /etc/streamside/apps/fetch-notes /root/')
  try {
    const run = await restore('--to-file', path.join(folder, 'none.db'))
    expect([run.code, problem(run)?.['code']]).toEqual([1, 'fetch-not-there'])
    expect(problem(run)?.['next']).toContain(`streamside restore ${name}`)
  } finally {
    await shellInHost(host, 'mv /root/fetch-notes /etc/streamside/apps/')
  }
})
