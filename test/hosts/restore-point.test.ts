import { beforeAll, describe, expect, test } from 'vitest'
import type { Owner } from '../../src/replica/owner.ts'
import { cutPower, killIfThere, type LabHost, listObjects, setFaults, shellInHost, wipe } from '../lab/index.ts'
import { proven } from './directory-site.ts'
import {
  chainOf,
  type Gated,
  gated,
  isRunning,
  loseDatabase,
  newestIn,
  readOwner,
  reasonOf,
  refused,
  rowsOnceUp,
  spoil,
  writeUploaded,
} from './gated.ts'
import { changesOf } from './host-state.ts'
import { eventsOf, notesApp, type Run, type Site, site, writeRow } from './site.ts'
import { allWell } from './status-answer.ts'

// `restore HOST --at TIME`, `--txid ID`: a bad delete, say, is undone (ownership.md, "Revert, --at").
const name = 'pit-one'
const apps = {
  'pit-notes': notesApp(name, 8521),
  'pit-other': notesApp(name, 8522),
}
let lab: Site
let host: LabHost
let notes: Gated
let other: Gated

const restore = (...args: string[]) => lab.run(['restore', name, '--json', '--yes', '--app', 'pit-notes', ...args])
const problems = (run: Run) => eventsOf(run, 'problem').map(({ problem }) => problem as Record<string, string>)
const codes = (run: Run) => problems(run).map(({ code }) => code)
const said = (run: Run) => run.stdout + run.stderr
const pause = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000))
/** A time that lies between what was uploaded before and what will be: the server tells it in whole seconds. */
async function moment(): Promise<string> {
  await pause(2)
  const now = new Date().toISOString()
  await pause(2)
  return now
}
const otherPid = () => shellInHost(host, 'systemctl show -P MainPID pit-other')
const keysUnder = async (of: string) =>
  (await listObjects(lab.lab.instance, `${notes.prefix}${of}/`))
    .map(({ key }) => key)
    .filter((key) => key.endsWith('.ltx'))

beforeAll(async () => {
  lab = await site('restore-point', [{ name }], { apps })
  host = lab.host(name)
  notes = gated(lab, 'restore-point', apps, 'pit-notes')
  other = gated(lab, 'restore-point', apps, 'pit-other')
  await lab.provision()
  await writeUploaded(notes, 'first')
  await writeUploaded(other, 'theirs')
})

describe('a point in time', () => {
  let early: string
  let late: string
  let first: Owner

  beforeAll(async () => {
    early = await moment()
    await writeUploaded(notes, 'second')
    late = await moment()
    await writeUploaded(notes, 'third')
    await proven(notes)
    first = await readOwner(notes)
  })

  test('is shown before anything is done', async () => {
    const pid = await shellInHost(host, 'systemctl show -P MainPID pit-notes')
    const run = await restore('--at', early, '--dry-run')
    expect(run.code, said(run)).toBe(0)
    const [source] = eventsOf(run, 'restore-source')
    expect(source).toMatchObject({ app: 'pit-notes', action: 'go-back', path: first.path, discarded: ['main'] })
    type Shown = { txid: string; writtenAt: string; next: { writtenAt: string } }
    const [point] = (source?.['points'] ?? []) as Shown[]
    expect(point?.writtenAt.localeCompare(early)).toBe(-1)
    expect(point?.next.writtenAt.localeCompare(early)).toBe(1)
    expect(await readOwner(notes)).toEqual(first)
    expect(await shellInHost(host, 'systemctl show -P MainPID pit-notes')).toBe(pid)
  })

  test('that the replica does not reach back to is refused with the first there is', async () => {
    const run = await restore('--at', '2001-01-01')
    expect([run.code, codes(run)]).toEqual([1, ['restore-point-none']])
    expect(problems(run)[0]?.['found']).toMatch(
      /^the replica goes back to \d{4}-\d\d-\d\d .* UTC \(main: transaction \w+\)$/,
    )
    expect(await isRunning(notes)).toBe(true)
  })

  test('is gone back to: what was written until then is there, and nothing else; other apps go on', async () => {
    const pid = await otherPid()
    const run = await restore('--at', early)
    expect(run.code, said(run)).toBe(0)
    expect(await rowsOnceUp(notes)).toEqual(['first'])
    expect(changesOf(run)).toEqual(expect.arrayContaining(['stop pit-notes', 'start pit-notes.service']))
    expect(await otherPid()).toBe(pid)
    const owner = await readOwner(notes)
    expect(owner).toMatchObject({ epoch: 2, from: null })
    const [point] = eventsOf(run, 'restored')
    expect(point).toMatchObject({ app: 'pit-notes', path: owner.path, secondsToHealthy: expect.any(Number) })
  })

  test('leaves what is younger in the replica, and is no second history', async () => {
    const keys = await keysUnder(first.path)
    expect(keys.length).toBeGreaterThan(0)
    await writeUploaded(notes, 'after')
    await proven(notes)
    // the two-minute timer looks at the paths of the past
    await shellInHost(host, 'systemctl start pit-notes-check.service')
    await allWell(lab)
    expect(await keysUnder(first.path)).toEqual(keys)
    const again = await lab.provision()
    expect(changesOf(again)).toEqual([])
  })

  test('that lies before that is found under the earlier path: there is a way back from going back', async () => {
    const run = await restore('--at', late)
    expect(run.code, said(run)).toBe(0)
    expect(eventsOf(run, 'restore-source')[0]).toMatchObject({ path: first.path })
    expect(await rowsOnceUp(notes)).toEqual(['first', 'second'])
    await proven(notes)
    await shellInHost(host, 'systemctl start pit-notes-check.service')
    await allWell(lab)
  })
})

describe('a transaction', () => {
  test('that is no point is refused with the nearest that are', async () => {
    await proven(notes)
    const run = await restore('--txid', 'ffff')
    expect([run.code, codes(run)]).toEqual([1, ['restore-point-gone']])
    expect(problems(run)[0]?.['next']).toMatch(/the nearest that can be had: --txid \w+ \(\d{4}-/)
    expect(await isRunning(notes)).toBe(true)
  })

  test('is gone back to', async () => {
    const txid = (await newestIn(notes)).toString(16)
    const rows = await rowsOnceUp(notes)
    await writeUploaded(notes, 'unwanted')
    const run = await restore('--txid', txid)
    expect(run.code, said(run)).toBe(0)
    expect(await rowsOnceUp(notes)).toEqual(rows)
  })
})

describe('a new card', () => {
  test('is brought back as it was at a time, with all of its apps and not with one alone', async () => {
    const [rows, theirs] = [await rowsOnceUp(notes), await rowsOnceUp(other)]
    for (const app of [notes, other]) await proven(app)
    const at = await moment()
    for (const app of [notes, other]) await writeUploaded(app, 'unwanted')
    await cutPower(host)
    host = await wipe(host)
    const shown = (await shellInHost(host, 'ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub')).split(' ')[1] ?? '?'
    const alone = await restore('--at', at, '--host-key', shown)
    expect([alone.code, codes(alone)]).toEqual([2, ['restore-others']])
    const run = await lab.run(['restore', name, '--json', '--yes', '--at', at, '--host-key', shown])
    expect(run.code, said(run)).toBe(0)
    expect(await rowsOnceUp(notes)).toEqual(rows)
    expect(await rowsOnceUp(other)).toEqual(theirs)
  })
})

describe('what the replica has not got yet', () => {
  test('is a reason to stay: the app is started again', async () => {
    await proven(notes)
    const owner = await readOwner(notes)
    const at = await moment()
    await setFaults(lab.lab.instance, [
      { method: 'PUT', path: `.*/${owner.path}/main/.*`, do: { kind: 'status', status: 503 } },
    ])
    try {
      await writeRow(host, 8521, 'held up')
      const run = await restore('--at', at)
      expect([run.code, codes(run)]).toEqual([6, ['not-proven']])
      expect(problems(run)[0]?.['next']).toContain('--discard-local')
      expect(await readOwner(notes)).toEqual(owner)
    } finally {
      await setFaults(lab.lab.instance, [])
    }
    expect(await rowsOnceUp(notes)).toContain('held up')
  })
})

describe('cut off', () => {
  test('between the stop and the order, the next run starts the app where it was', async () => {
    await proven(notes)
    const at = await moment()
    await writeUploaded(notes, 'younger')
    const rows = await rowsOnceUp(notes)
    let pid = 0
    await lab.run(['restore', name, '--json', '--yes', '--app', 'pit-notes', '--at', at], {
      onStart: (started) => (pid = started),
      onLine: (line) => {
        if (line.includes('"action":"stop"')) killIfThere(pid)
      },
    })
    await lab.provision()
    const after = await rowsOnceUp(notes)
    // it may have got as far as the order
    expect([rows, rows.slice(0, -1)]).toContainEqual(after)
  })
})

describe('a gate that has refused', () => {
  test('names the best point, and that way out works', async () => {
    await proven(notes)
    await writeUploaded(notes, 'one more', 'another')
    await proven(notes)
    const whole = await rowsOnceUp(notes)
    const chain = (await chainOf(notes)).toSorted((a, b) => b.max - a.max)
    const last = chain[0]?.max
    const put = await spoil(
      notes,
      chain.filter(({ max }) => max === last).map(({ key }) => key),
      () => null,
    )
    await shellInHost(host, 'systemctl stop pit-notes.service')
    await loseDatabase(notes)
    await shellInHost(host, 'systemctl start --no-block pit-notes.service')
    const { next } = await refused(notes, 'chain-short')
    const [, ...way] = /streamside (restore \S+ --app \S+ --txid \S+?),/.exec(next)?.[1]?.split(' ') ?? []
    expect(way).toEqual([name, '--app', 'pit-notes', '--txid', expect.stringMatching(/^main=[0-9a-f]{16}$/)])
    const run = await lab.run(['restore', ...way, '--json', '--yes'])
    expect(run.code, said(run)).toBe(0)
    expect(await rowsOnceUp(notes)).toEqual(whole.slice(0, -1))
    expect(await reasonOf(notes)).toBeNull()
    await put()
  })
})
