import { beforeAll, describe, expect, test } from 'vitest'
import { boot, cutPower, putFile, putImage, runInHost, shellInHost, takeImage } from '../lab/index.ts'
import {
  begin,
  chainOf,
  crash,
  databaseOf,
  folderOf,
  type Gated,
  gated,
  gatedApps,
  memoryOf,
  newestIn,
  readOwner,
  refused,
  rowsAfterRestart,
  rowsOnceUp,
  stop,
  writeUploaded,
} from './gated.ts'
import { changesOf } from './host-state.ts'
import { type Site, site, until, writeRow } from './site.ts'

const names =
  'sta-image sta-card sta-tail sta-sound sta-swapped sta-mixed sta-ahead sta-nowal sta-two sta-cut sta-killed sta-only'.split(
    ' ',
  )
// an inventory names one database or several, never both
const two = { database: undefined, databases: { main: 'data/notes.db', other: 'data/other.db' } }
const parts = gatedApps('sta-one', 8251, names, { 'sta-two': two, 'sta-only': two })
const rows = ['one', 'two']
let lab: Site
const app = (name: string): Gated => gated(lab, 'gate-stale', parts, name)

beforeAll(async () => {
  lab = await site('gate-stale', [{ name: 'sta-one' }], { apps: parts })
  await lab.provision()
  await Promise.all(names.map((name) => writeUploaded(app(name), ...rows)))
})

/** Rows in a database that lies aside, read without touching it. */
async function rowsAside(one: Gated): Promise<string[]> {
  const script = `cd "$1" && for copy in .streamside-aside/*/; do
    cp -r "$copy" /var/tmp/aside && sqlite3 /var/tmp/aside/notes.db 'SELECT text FROM rows ORDER BY id'; rm -r /var/tmp/aside
  done`
  return (await shellInHost(one.host, script, [folderOf(one)])).split('\n').filter(Boolean)
}

const asideCount = async (one: Gated): Promise<number> =>
  Number(await shellInHost(one.host, 'ls "$1/.streamside-aside" 2>/dev/null | wc -l', [folderOf(one)]))

/** What the gate said of its decisions since boot or `since`. */
const decisions = async (one: Gated): Promise<string> =>
  (await runInHost(one.host, ['journalctl', '--no-pager', '-ocat', '-n30', `-u${one.name}-gate`])).stdout

/** The claim that the host made by itself has become the truth: a new path, proven, under the next epoch. */
async function claimedAnew(one: Gated): Promise<void> {
  const owner = await until('a proven path of the next epoch', 30, async () => {
    const now = await readOwner(one)
    return now.epoch === 2 && now.from === null ? now : null
  })
  expect(owner.path).toMatch(/^e0002-[0-9a-f]{8}$/)
  expect(owner.holder?.host).toBe('sta-one')
  expect(owner.past.at(-1)).toMatchObject({ host: 'sta-one', end: { main: expect.stringMatching(/^[0-9a-f]{16}$/) } })
  expect((await chainOf(one)).some(({ min }) => min === 1)).toBe(true)
}

describe('an old image', () => {
  test('of the database put back: what the replica holds is restored, the old files are kept aside', async () => {
    const one = app('sta-image')
    await stop(one)
    const image = await takeImage(one.host, [folderOf(one)])
    await begin(one, 'start')
    await rowsOnceUp(one)
    await writeUploaded(one, 'three')
    await stop(one)
    await putImage(one.host, image, { replace: [folderOf(one)] })
    await begin(one, 'start')
    expect(await rowsOnceUp(one)).toEqual([...rows, 'three'])
    await claimedAnew(one)
    expect(await rowsAside(one)).toEqual(rows)
    expect(await decisions(one)).toMatch(
      /claim, stale-files: main: (the replica is at [0-9a-f]{16}, the file here at [0-9a-f]{16}|it was replaced)/,
    )
  })

  test('of the whole card put back, with all that the host remembers: restored likewise', async () => {
    const one = app('sta-card')
    const all = [folderOf(one), `/var/lib/streamside/apps/${one.name}`]
    await stop(one)
    const image = await takeImage(one.host, all)
    await begin(one, 'start')
    await rowsOnceUp(one)
    await writeUploaded(one, 'three')
    await stop(one)
    await putImage(one.host, image, { replace: all })
    await begin(one, 'start')
    expect(await rowsOnceUp(one)).toEqual([...rows, 'three'])
    await claimedAnew(one)
    expect(await rowsAside(one)).toEqual(rows)
  })
})

describe('after a power cut', () => {
  beforeAll(async () => {
    const tail = databaseOf(app('sta-tail'))
    await shellInHost(app('sta-tail').host, 'cp -p "$1-wal" /var/tmp/wal-of-then', [tail])
    await writeUploaded(app('sta-tail'), 'lost by the card')
    await cutPower(lab.host('sta-one'))
    await shellInHost(lab.host('sta-one'), 'mv /var/tmp/wal-of-then "$1-wal"', [tail])
    await runInHost(lab.host('sta-one'), ['rm', `${databaseOf(app('sta-nowal'))}-wal`])
    await putFile(lab.host('sta-one'), memoryOf(app('sta-mixed'), 'restoring'), '{}\n')
    await boot(lab.host('sta-one'))
  })

  test('that cost the tail of the WAL, uploaded already: the rows come from the replica', async () => {
    expect(await rowsOnceUp(app('sta-tail'))).toEqual([...rows, 'lost by the card'])
    expect(await decisions(app('sta-tail'))).toMatch(
      /claim, stale-files: main: the last transactions that were uploaded are missing in its WAL/,
    )
    await claimedAnew(app('sta-tail'))
    expect(await rowsAside(app('sta-tail'))).toEqual(rows)
  })

  test('that cost the whole WAL: the rows come from the replica', async () => {
    expect(await rowsOnceUp(app('sta-nowal'))).toEqual(rows)
    expect(await decisions(app('sta-nowal'))).toMatch(
      /claim, stale-files: main: its WAL is gone, and it was not stopped in order/,
    )
  })

  test('that cost nothing: the app goes on with its files, under its path', async () => {
    expect(await rowsOnceUp(app('sta-sound'))).toEqual(rows)
    expect(await decisions(app('sta-sound'))).toMatch(/start, own-files: /)
    expect(await readOwner(app('sta-sound'))).toMatchObject({ epoch: 1, from: null })
    expect(await asideCount(app('sta-sound'))).toBe(0)
  })

  test('in the middle of a restore: all databases are restored anew', async () => {
    expect(await rowsOnceUp(app('sta-mixed'))).toEqual(rows)
    expect(await decisions(app('sta-mixed'))).toMatch(/restore: a restore was interrupted/)
    await runInHost(app('sta-mixed').host, ['test', '!', '-e', memoryOf(app('sta-mixed'), 'restoring')])
  })
})

test('a database that was swapped while the app was stopped is not trusted, whatever it holds', async () => {
  const one = app('sta-swapped')
  await stop(one)
  await shellInHost(
    one.host,
    'cp "$1" /var/tmp/swap.db; cp "$1-wal" /var/tmp/swap.db-wal; sqlite3 /var/tmp/swap.db "INSERT INTO rows (text) VALUES (\'smuggled in\')"; mv /var/tmp/swap.db "$1"; rm -f "$1-wal" /var/tmp/swap.db-wal; chown sta-swapped: "$1"',
    [databaseOf(one)],
  )
  await begin(one, 'start')
  expect(await rowsOnceUp(one)).toEqual(rows)
  expect(await rowsAside(one)).toEqual([...rows, 'smuggled in'])
})

test('a database that was never uploaded keeps its rows when an old image of the other one is put back', async () => {
  const one = app('sta-two')
  const database = databaseOf(one)
  await stop(one)
  await shellInHost(one.host, 'mkdir /var/tmp/of-then && cp -p "$1"* /var/tmp/of-then', [database])
  await begin(one, 'start')
  await rowsOnceUp(one)
  await writeUploaded(one, 'three')
  await runInHost(one.host, ['systemctl', 'kill', '--signal=SIGKILL', `${one.name}-litestream.service`])
  await runInHost(one.host, ['systemctl', 'stop', `${one.name}-litestream.service`])
  const made = "PRAGMA journal_mode = WAL; CREATE TABLE rows (text); INSERT INTO rows VALUES ('only here')"
  await shellInHost(one.host, 'setpriv --reuid "$1" --regid "$1" --clear-groups sqlite3 "$2" "$3" && sync "$2"', [
    one.name,
    `${folderOf(one)}/other.db`,
    made,
  ])
  await stop(one)
  await shellInHost(one.host, 'rm "$1"* && mv /var/tmp/of-then/* "$2"', [database, folderOf(one)])
  await begin(one, 'start')
  expect(await rowsOnceUp(one)).toEqual([...rows, 'three'])
  await claimedAnew(one)
  expect(await decisions(one)).toContain('other, which is in no replica, stays as it is')
  const copied = 'cp "$1"* /var/tmp/of-then && sqlite3 /var/tmp/of-then/other.db "SELECT text FROM rows"'
  expect(await shellInHost(one.host, copied, [`${folderOf(one)}/other.db`])).toBe('only here\n')
  const owner = await readOwner(one)
  // it is in the new path, and nothing of it had been in the old one
  expect(owner.dbs).toEqual({ main: { init: true }, other: { init: true } })
  expect(owner.past.at(-1)?.end).toMatchObject({ other: '0'.repeat(16) })
})

test.each([
  { how: 'in order', name: 'sta-cut', size: 5000 },
  { how: 'by SIGKILL', name: 'sta-killed', size: 8192 },
])(
  'a database that was cut off while the app was stopped $how is not served: the rows come from the replica',
  async ({ how, name, size }) => {
    const one = app(name)
    // enough for SQLite to bring its pages into the file, at 1000 in the WAL, and all of it in the replica
    const many = Array.from({ length: 80 }, (_, index) => `${index} `.padEnd(60_000, 'x'))
    for (const row of many) await writeRow(one.host, one.port, row)
    await until('a proof of them', 40, async () => {
      const proof = 'systemctl start "$1-check"; cat "/run/streamside/proof/$1" 2>/dev/null || :'
      return (await shellInHost(one.host, proof, [name])).includes('"held":true') || null
    })
    if (how !== 'in order') await crash(one)
    await stop(one)
    await shellInHost(one.host, 'test "$(stat -c %s "$1")" -gt "$2" && test -s "$1-wal" && truncate -s "$2" "$1"', [
      databaseOf(one),
      String(size),
    ])
    await begin(one, 'start')
    expect(await rowsOnceUp(one)).toEqual([...rows, ...many])
    expect(await decisions(one)).toMatch(/claim, stale-files: main: it is shorter than its header says/)
    await claimedAnew(one)
    const aside = 'stat -c %s "$1"/.streamside-aside/*/notes.db'
    expect(await shellInHost(one.host, aside, [folderOf(one)])).toBe(`${size}\n`)
  },
)

test('a database that was cut off before it was ever uploaded is refused, until an intact copy is put in its place', async () => {
  const one = app('sta-only')
  const other = `${folderOf(one)}/other.db`
  await runInHost(one.host, ['systemctl', 'kill', '--signal=SIGKILL', `${one.name}-litestream.service`])
  await runInHost(one.host, ['systemctl', 'stop', `${one.name}-litestream.service`])
  const made = "PRAGMA journal_mode = WAL; CREATE TABLE rows (text); INSERT INTO rows VALUES ('only here')"
  await shellInHost(one.host, 'setpriv --reuid "$1" --regid "$1" --clear-groups sqlite3 "$2" "$3"', [
    one.name,
    other,
    made,
  ])
  await stop(one)
  await shellInHost(one.host, 'cp -p "$1" /var/tmp/intact.db && truncate -s 5000 "$1"', [other])
  await begin(one, 'start')
  const { text, next } = await refused(one, 'file-short')
  expect(text).toMatch(/^other: it is shorter than its header says/)
  expect(next).toContain('put an intact copy in its place')
  await shellInHost(one.host, 'mv /var/tmp/intact.db "$1"', [other])
  expect(await rowsOnceUp(one)).toEqual(rows)
  const read = 'cp "$1"* /var/tmp/ && sqlite3 /var/tmp/other.db "SELECT text FROM rows"'
  expect(await shellInHost(one.host, read, [other])).toBe('only here\n')
})

test('an app that went on while Litestream was down keeps every row', async () => {
  const one = app('sta-ahead')
  await runInHost(one.host, ['systemctl', 'kill', '--signal=SIGKILL', `${one.name}-litestream.service`])
  await runInHost(one.host, ['systemctl', 'stop', `${one.name}-litestream.service`])
  // enough for SQLite to begin its WAL anew, at 1000 pages
  const many = Array.from({ length: 80 }, (_, index) => `${index} `.padEnd(60_000, 'x'))
  for (const row of many) await writeRow(one.host, one.port, row)
  await crash(one)
  expect(await rowsOnceUp(one)).toEqual([...rows, ...many])
  expect(await readOwner(one)).toMatchObject({ epoch: 1, from: null })
  expect(await asideCount(one)).toBe(0)
  const before = await newestIn(one)
  await writeRow(one.host, one.port, 'last')
  await until('the rows in the bucket', 20, async () => ((await newestIn(one)) > before ? true : null))
  expect(await rowsAfterRestart(one)).toHaveLength(83)
})

test('files that were taken from the app’s user are not missing: nothing takes their place, and given back they have all rows', async () => {
  // their own tests are over: what each has by now is what it has to have afterwards
  const [given, shut, wal] = [app('sta-sound'), app('sta-tail'), app('sta-nowal')]
  const all = [given, shut, wal]
  const stateOf = async (one: Gated) => ({ path: (await readOwner(one)).path, aside: await asideCount(one) })
  const before = await Promise.all(
    all.map(async (one) => ({ rows: [...(await rowsOnceUp(one)), 'only here'], ...(await stateOf(one)) })),
  )
  for (const one of all) {
    // rows that no replica has
    await runInHost(one.host, ['systemctl', 'kill', '--signal=SIGKILL', `${one.name}-litestream.service`])
    await runInHost(one.host, ['systemctl', 'stop', `${one.name}-litestream.service`])
    await writeRow(one.host, one.port, 'only here')
  }
  await shellInHost(given.host, 'chown root:root "$1"/*.db* && chmod 0600 "$1"/*.db*', [folderOf(given)])
  await begin(given)
  await shellInHost(shut.host, 'chown root:root "$1" && chmod 0700 "$1"', [folderOf(shut)])
  await begin(shut)
  await shellInHost(wal.host, 'chown root:root "$1-wal" && chmod 0600 "$1-wal"', [databaseOf(wal)])
  await crash(wal)
  for (const [one, what] of [
    [given, `${databaseOf(given)} belongs to root`],
    [wal, `${databaseOf(wal)}-wal belongs to root`],
    [shut, `${folderOf(shut)} is a folder of root's`],
  ] as const) {
    const { text, next } = await refused(one, 'files-unreadable')
    expect(text).toContain(what)
    expect(next).toContain(one === shut ? 'chown -h' : 'run streamside provision')
  }
  await shellInHost(shut.host, 'chown -h "$2": "$1"', [folderOf(shut), shut.name])
  const changes = changesOf(await lab.provision(), 'database')
  expect(changes.sort()).toEqual([given, wal].map((one) => `update ${databaseOf(one)}`).sort())
  const after = await Promise.all(all.map(async (one) => ({ rows: await rowsOnceUp(one), ...(await stateOf(one)) })))
  expect(after).toEqual(before)
})
