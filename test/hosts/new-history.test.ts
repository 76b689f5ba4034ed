import { beforeAll, describe, expect, test } from 'vitest'
import { deleteObjects, listObjects, runInHost, setFaults, shellInHost } from '../lab/index.ts'
import { proven } from './directory-site.ts'
import {
  begin,
  chainOf,
  folderOf,
  type Gated,
  gated,
  gatedApps,
  isRunning,
  loseDatabase,
  problemOf,
  readOwner,
  refused,
  replaceOwner,
  rowsAfterRestart,
  rowsOnceUp,
  spoil,
  stop,
  writeUploaded,
} from './gated.ts'
import { eventsOf, type Run, type Site, site, until, writeRow } from './site.ts'
import { appOf, codes, said, statusOf } from './status-answer.ts'

// The way out that a refusal names is one: `provision --new-history APP` goes on with the files of the host.
const host = 'anew-one'
const two = {
  database: undefined,
  databases: { main: 'data/notes.db', other: 'data/other.db' },
  environment: { DATABASES: 'main=data/notes.db,other=data/other.db' },
}
const names = ['anew-emptied', 'anew-all', 'anew-back', 'anew-place', 'anew-held', 'anew-two', 'anew-past']
const parts = gatedApps(host, 8571, names, { 'anew-two': two })
let lab: Site
const app = (name: string): Gated => gated(lab, 'new-history', parts, name)

beforeAll(async () => {
  lab = await site('new-history', [{ name: host }], { apps: parts })
  await lab.provision()
})

const anew = (one: Gated, ...args: string[]): Promise<Run> =>
  lab.run(['provision', '--new-history', one.name, '--json', ...args])

/** Begun anew, proven, and with every row: here, in the replica alone, and by `status`. */
async function wentOn(one: Gated, rows: string[], epoch: number): Promise<void> {
  const run = await anew(one, '--yes')
  expect(run.code, said(run)).toBe(0)
  expect(await rowsOnceUp(one)).toEqual(rows)
  await proven(one)
  expect(await readOwner(one)).toMatchObject({ epoch, from: null, dbs: { main: { init: true } } })
  expect(codes(appOf(await statusOf(lab), one.name, host).wrong)).toEqual([])
  await stop(one)
  await loseDatabase(one)
  await begin(one, 'start')
  expect(await rowsOnceUp(one)).toEqual(rows)
}

describe('an app goes on with the files of its host, and no row is missed', () => {
  test('when its replica was emptied', async () => {
    const one = app('anew-emptied')
    await writeUploaded(one, 'first', 'second')
    const { path } = await readOwner(one)
    await spoil(
      one,
      (await chainOf(one)).map(({ key }) => key),
      () => null,
    )
    await begin(one)
    expect((await refused(one, 'replica-lost')).next).toContain(
      `--new-history ${one.name} to go on from the files here`,
    )
    await wentOn(one, ['first', 'second'], 2)
    expect((await readOwner(one)).past[0]).toMatchObject({ path, host })
  })

  test('when the bucket has lost its owner object as well', async () => {
    const one = app('anew-all')
    await writeUploaded(one, 'first')
    await deleteObjects(lab.lab.instance, one.prefix)
    await begin(one)
    await refused(one, 'owner-gone')
    await wentOn(one, ['first'], 2)
  })

  test('when the bucket has gone back, which then knows the path that it had forgotten', async () => {
    const one = app('anew-back')
    await writeUploaded(one, 'first')
    await stop(one)
    await loseDatabase(one)
    const older = await readOwner(one)
    await begin(one, 'start')
    expect(await rowsOnceUp(one)).toEqual(['first'])
    const { path } = await readOwner(one)
    await writeUploaded(one, 'second')
    await replaceOwner(one, () => older)
    await begin(one)
    await refused(one, 'rolled-back')
    await wentOn(one, ['first', 'second'], 3)
    expect((await readOwner(one)).past.map((entry) => entry.path)).toEqual(expect.arrayContaining([path, older.path]))
  })

  test('when Litestream has lost its place beside it, with what nobody has uploaded', async () => {
    const one = app('anew-place')
    await writeUploaded(one, 'first')
    await proven(one)
    await shellInHost(one.host, 'rm -rf "$1"/.notes.db-litestream', [folderOf(one)])
    await writeRow(one.host, one.port, 'only here')
    await runInHost(one.host, ['systemctl', 'start', `${one.name}-check.service`])
    const found = await until('status to say so', 60, async () => {
      const { wrong } = appOf(await statusOf(lab), one.name, host)
      return wrong.find(({ code }) => code === 'place-lost') ?? null
    })
    expect(found.next).toContain(`streamside provision --new-history ${one.name}`)
    await wentOn(one, ['first', 'only here'], 2)
  })
})

describe('nothing is begun anew', () => {
  test('without a yes: it is shown, and nothing is touched', async () => {
    const one = app('anew-held')
    await writeUploaded(one, 'first')
    const before = await readOwner(one)
    const shown = await anew(one, '--dry-run')
    expect(shown.code, said(shown)).toBe(7)
    expect(eventsOf(shown, 'new-history')).toEqual([
      expect.objectContaining({
        app: one.name,
        path: before.path,
        files: [{ name: 'main', txid: expect.stringMatching(/^[0-9a-f]{16}$/), goesOn: true }],
      }),
    ])
    const asked = await anew(one)
    expect(asked.code).toBe(2)
    expect(problemOf(asked, one.name)).toMatchObject({ code: 'not-confirmed', next: expect.stringContaining('--yes') })
    expect([await readOwner(one), await isRunning(one)]).toEqual([before, true])
  })

  test('over what the replica can bring back', async () => {
    const one = app('anew-held')
    await stop(one)
    const before = await readOwner(one)
    await loseDatabase(one)
    const run = await anew(one, '--yes')
    expect(run.code).toBe(6)
    expect(problemOf(run, one.name)).toMatchObject({ code: 'anew-over-replica' })
    expect(await readOwner(one)).toEqual(before)
    await begin(one, 'start')
    expect(await rowsOnceUp(one)).toEqual(['first'])
  })

  test('over a path that the owner object has forgotten, which is the one that holds everything', async () => {
    const one = app('anew-held')
    const older = await readOwner(one)
    await stop(one)
    await loseDatabase(one)
    await begin(one, 'start')
    expect(await rowsOnceUp(one)).toEqual(['first'])
    await proven(one)
    const { path } = await readOwner(one)
    await stop(one)
    await loseDatabase(one)
    const newest = await replaceOwner(one, () => older)
    await begin(one, 'start')
    await refused(one, 'rolled-back')
    const run = await anew(one, '--yes')
    expect([run.code, problemOf(run, one.name)]).toMatchObject([
      6,
      {
        code: 'anew-over-replica',
        found: expect.stringContaining(`main (under ${path}, up to`),
        next: expect.stringContaining('bring its newest version back'),
      },
    ])
    await newest()
    await begin(one)
    expect(await rowsOnceUp(one)).toEqual(['first'])
  })

  test('where the claim is refused: the app is started again as it was', async () => {
    const one = app('anew-held')
    const before = await readOwner(one)
    await setFaults(lab.lab.instance, [
      { method: 'PUT', path: `.*${one.name}/owner\\.json.*`, do: { kind: 'status', status: 403 } },
    ])
    const run = await anew(one, '--yes')
    await setFaults(lab.lab.instance, [])
    expect(run.code, said(run)).toBe(1)
    expect(await rowsOnceUp(one)).toEqual(['first'])
    expect(await readOwner(one)).toEqual(before)
  })

  test('of an app that nobody has, nor from files that cannot be read', async () => {
    const unknown = await lab.run(['provision', '--new-history', 'anew-hold', '--yes'])
    expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringContaining('did you mean anew-held?')])
    const one = app('anew-held')
    const file = `${folderOf(one)}/notes.db`
    await shellInHost(one.host, 'chown root:root "$1" && chmod 0600 "$1"', [file])
    const run = await anew(one, '--yes')
    expect(problemOf(run, one.name)).toMatchObject({ code: 'files-unreadable' })
    await shellInHost(one.host, 'chown "$1:$1" "$2" && chmod 0640 "$2"', [one.name, file])
    expect(await rowsAfterRestart(one)).toEqual(['first'])
  })
})

test('of several databases those whose files are there go on, and another begins empty where nothing is left of it', async () => {
  const one = app('anew-two')
  const row = (name: string, text: string) =>
    shellInHost(one.host, 'curl -fsS --data-binary "$2" "http://127.0.0.1:$1/rows/$3"', [String(one.port), text, name])
  await row('main', 'kept')
  await row('other', 'gone')
  await until('both in the replica', 60, async () => {
    await runInHost(one.host, ['systemctl', 'start', `${one.name}-check.service`])
    const { dbs } = await readOwner(one)
    return (dbs['main']?.init === true && dbs['other']?.init === true) || null
  })
  await stop(one)
  await shellInHost(one.host, 'rm -rf "$1"/other.db* "$1"/.other.db-litestream', [folderOf(one)])
  const objects = async (of: string) => (await chainOf(one)).map(({ key }) => key).filter((key) => key.includes(of))
  await spoil(one, await objects('/main/'), () => null)
  await begin(one, 'start')
  // what the gate says of one is no word about the other
  expect((await refused(one, 'replica-lost')).text).toMatch(/^main was in the replica/)
  const early = await anew(one, '--yes')
  expect([early.code, problemOf(early, one.name)]).toMatchObject([
    6,
    {
      code: 'anew-over-replica',
      found: expect.stringMatching(/^there is no file of other on .* the replica holds it: other \(under/),
    },
  ])
  await spoil(one, await objects('/other/'), () => null)
  const run = await anew(one, '--yes')
  expect(run.code, said(run)).toBe(0)
  expect(eventsOf(run, 'new-history')[0]?.['files']).toEqual([
    expect.objectContaining({ name: 'main', goesOn: true }),
    expect.objectContaining({ name: 'other', goesOn: false }),
  ])
  const rows = await shellInHost(
    one.host,
    'curl -fsS "http://127.0.0.1:$1/rows/main" "http://127.0.0.1:$1/rows/other"',
    [String(one.port)],
  )
  expect([rows.includes('kept'), rows.includes('gone')]).toEqual([true, false])
})

test('what an earlier path holds stays there, and no alert takes it for a second history', async () => {
  const one = app('anew-past')
  await writeUploaded(one, 'first', 'second')
  await proven(one)
  const { path } = await readOwner(one)
  const objects = async () =>
    (await listObjects(lab.lab.instance, `${one.prefix}${path}/`)).map(({ key, etag }) => `${key} ${etag}`)
  const before = await objects()
  const run = await anew(one, '--yes')
  expect(run.code, said(run)).toBe(0)
  await proven(one)
  const after = await objects()
  expect(before.filter((each) => each.includes('.ltx ') && !after.includes(each))).toEqual([])
  expect(appOf(await statusOf(lab), one.name, host).alerts).toEqual([])
  expect(await rowsOnceUp(one)).toEqual(['first', 'second'])
})
