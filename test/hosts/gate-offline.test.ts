import { beforeAll, describe, expect, test } from 'vitest'
import { boot, cutPower, putFile, runInHost, setFaults, shellInHost, startS3, stopS3 } from '../lab/index.ts'
import {
  begin,
  crash,
  databaseOf,
  folderOf,
  type Gated,
  gated,
  gatedApps,
  impatient,
  isRunning,
  loseDatabase,
  memoryOf,
  problemOf,
  readOwner,
  reasonOf,
  refused,
  type Remembered,
  rememberOtherwise,
  rowsAfterRestart,
  rowsOnceUp,
  statusSays,
  stop,
  writeUploaded,
} from './gated.ts'
import { type Run, type Site, site, until, writeRow } from './site.ts'

// Apart: where an app runs without its replica, a run waits for it to be replicated.
const waiting = gatedApps('off-one', 8221, ['off-bare', 'off-waits', 'off-limit', 'off-behind', 'off-state'], {
  'off-waits': { 'when-replica-unreachable': 'wait' },
  'off-limit': { 'offline-limit': '1h' },
})
const serving = gatedApps('off-two', 8231, ['off-own', 'off-denied', 'off-hangs', 'off-wide-13'])
// SQLite 3.40 and 3.46: what one lets pass unasked, the other has to be told to
const parts = { ...waiting, ...serving, ...gatedApps('off-three', 8231, ['off-wide-12']) }
const rows = ['one', 'two']
let lab: Site
const app = (name: string): Gated => gated(lab, 'gate-offline', parts, name)

beforeAll(async () => {
  lab = await site('gate-offline', [{ name: 'off-one' }, { name: 'off-two', suite: 'trixie' }, { name: 'off-three' }], {
    apps: parts,
  })
  await lab.provision()
  await Promise.all(Object.keys(parts).map((name) => writeUploaded(app(name), ...rows)))
  await lab.rewrite({ apps: impatient(parts) })
})

/** The gate's words in `systemctl status` and in provision's answer, which ends with 1: nothing is wrong with the replica. */
async function expectWords(answer: Run, name: string, code: string, says: RegExp, next: RegExp): Promise<void> {
  expect(await isRunning(app(name))).toBe(false)
  expect(await statusSays(app(name), says)).toMatch(next)
  const problem = problemOf(answer, name)
  expect(problem).toMatchObject({ code: `gate-${code}`, host: app(name).host.name, exit: 1 })
  expect(problem['found']).toMatch(says)
  expect(problem['next']).toMatch(next)
}

describe('with no database here', () => {
  let answer: Run

  test('an app waits when S3 answers 403, or does not answer at all', async () => {
    const both = [app('off-denied'), app('off-hangs')]
    await Promise.all(both.map(stop))
    for (const each of both) await loseDatabase(each)
    await setFaults(lab.lab.instance, [
      { path: '/off-denied/', do: { kind: 'status', status: 403 } },
      { path: '/off-hangs/', do: { kind: 'hang' } },
    ])
    await Promise.all(both.map((each) => begin(each, 'start')))
    await refused(app('off-denied'), 'replica-denied')
    await refused(app('off-hangs'), 'replica-timeout')
    for (const each of both) expect(await shellInHost(each.host, 'ls -A "$1"', [folderOf(each)])).toBe('')
    answer = await lab.provision(['--limit', 'off-two'], 1)
  })

  test('a 403 is told with what to check', () =>
    expectWords(
      answer,
      'off-denied',
      'replica-denied',
      /refuses the keys of this host \(403 AccessDenied\); and it cannot start without the replica: the database is not here: main/,
      /check access-key-id and secret-access-key and what the bucket allows them, then run streamside provision/,
    ))

  test('a server that hangs is told with what to look at', () =>
    expectWords(
      answer,
      'off-hangs',
      'replica-timeout',
      /does not answer in time .*; and it cannot start without the replica: the database is not here: main/,
      /look at the server and the network; the app comes up by itself once it answers/,
    ))

  test('both come up by themselves once S3 answers', async () => {
    await setFaults(lab.lab.instance, [])
    expect(await rowsOnceUp(app('off-denied'))).toEqual(rows)
    expect(await rowsOnceUp(app('off-hangs'))).toEqual(rows)
  })
})

/**
 * As most programs have: a schema of 60 tables, laid down in the file long before the last row. Litestream is away meanwhile, for
 * its read lock keeps pages in the WAL, and those a look at the WAL alone would bring.
 */
async function widen(one: Gated): Promise<void> {
  const table = (n: number) => `CREATE TABLE wide_${n} (a TEXT DEFAULT '${'a'.repeat(300)}', b TEXT UNIQUE);`
  const tables = Array.from({ length: 60 }, (_, n) => table(n)).join(' ')
  const litestream = `${one.name}-litestream.service`
  await runInHost(one.host, ['systemctl', 'kill', '--signal=SIGKILL', litestream])
  await runInHost(one.host, ['systemctl', 'stop', litestream])
  const script = `setpriv --reuid "$1" --regid "$1" --clear-groups sqlite3 -batch -cmd ".timeout 5000" "$2" "$3" >/dev/null
    test "$(stat -c %s "$2")" -gt 200000`
  const sql = `BEGIN; ${tables} COMMIT; PRAGMA wal_checkpoint(TRUNCATE)`
  await shellInHost(one.host, script, [one.name, databaseOf(one), sql])
  await runInHost(one.host, ['systemctl', 'start', litestream])
  await writeUploaded(one, 'wide')
}

describe('after a power cut, with S3 down', () => {
  const wide = ['off-wide-12', 'off-wide-13']
  let answer: Run

  test('an app with a sound database starts on its own files', async () => {
    const behind = databaseOf(app('off-behind'))
    await shellInHost(app('off-behind').host, 'cp -p "$1-wal" /var/tmp/wal-of-then', [behind])
    await writeUploaded(app('off-behind'), 'lost by the card')
    for (const name of wide) await widen(app(name))
    await stopS3(lab.lab.instance)
    for (const name of ['off-own', ...wide]) await writeRow(app(name).host, app(name).port, 'not uploaded')
    for (const host of ['off-one', 'off-two', 'off-three']) await cutPower(lab.host(host))
    await loseDatabase(app('off-bare'))
    // the card has lost the newest commits, which are in the bucket
    await shellInHost(lab.host('off-one'), 'mv /var/tmp/wal-of-then "$1-wal"', [behind])
    await putFile(lab.host('off-one'), memoryOf(app('off-state'), 'restoring'), '{}\n')
    await rememberOtherwise(app('off-limit'), 'last-owner', (last) => ({ ...last, read: (last.read ?? 0) - 7300 }))
    for (const host of ['off-one', 'off-two', 'off-three']) await boot(lab.host(host))
    // the lab's hosts have no time server, and an age counts only by a clock that one has set
    await shellInHost(lab.host('off-one'), 'mkdir -p /run/systemd/timesync && touch /run/systemd/timesync/synchronized')
    expect(await rowsOnceUp(app('off-own'))).toEqual([...rows, 'not uploaded'])
    await statusSays(app('off-own'), /start, offline: .* cannot be reached .*; the files here are this host's own/)
    await refused(app('off-limit'), 'offline-limit')
    for (const name of ['off-bare', 'off-waits', 'off-behind', 'off-state'])
      await refused(app(name), 'replica-unreachable')
    answer = await lab.provision(['--limit', 'off-one'], 1)
  })

  test.each(wide)(
    '%s, whose schema takes more than the first page, too: what a WAL brings back is seen without it',
    async (name) => {
      expect(await rowsOnceUp(app(name))).toEqual([...rows, 'wide', 'not uploaded'])
      await statusSays(app(name), /start, offline: .*; the files here are this host's own/)
    },
  )

  const itself = /the app comes up by itself afterwards/
  test.each([
    ['off-bare', 'has no database', 'replica-unreachable', /the database is not here: main/, itself],
    [
      'off-behind',
      "has lost its WAL's tail",
      'replica-unreachable',
      /main: the last transactions that were uploaded are missing in its WAL, as after a power cut/,
      itself,
    ],
    ['off-state', 'was being restored', 'replica-unreachable', /a restore was under way/, itself],
    [
      'off-waits',
      'is to wait',
      'replica-unreachable',
      /when-replica-unreachable: wait/,
      /streamside start off-waits --offline for one start without it/,
    ],
    [
      'off-limit',
      'was away for longer than offline-limit',
      'offline-limit',
      /it was last read 2 h ago, and offline-limit is 1 h/,
      /raise offline-limit, or run streamside start off-limit --offline for one start/,
    ],
  ])('%s, which %s, waits and says so', (name, _, code, says, next) => expectWords(answer, name, code, says, next))

  /** Another state on the card, and the gate looks anew. */
  async function withMemory(file: string, change: (old: Remembered) => unknown, says: RegExp): Promise<void> {
    const one = app('off-state')
    const old = await shellInHost(one.host, 'cat "$1" 2>/dev/null || :', [memoryOf(one, file)])
    await rememberOtherwise(one, file, change)
    await begin(one)
    await until(`${says}`, 30, async () => (says.test((await reasonOf(one))?.text ?? '') ? true : null))
    expect(await isRunning(one)).toBe(false)
    await statusSays(one, says)
    if (old === '') await runInHost(one.host, ['rm', memoryOf(one, file)])
    else await putFile(one.host, memoryOf(one, file), old, { mode: '0600' })
  }

  test.each<[string, string, (old: Remembered) => unknown, RegExp]>([
    [
      'was claimed by another machine: a cloned card',
      'claim',
      (claim) => ({ ...claim, id: 'f'.repeat(64) }),
      /the files here were claimed by another machine/,
    ],
    [
      'was taken over by another host',
      'fenced',
      () => ({ time: '', text: '' }),
      /another host has taken this app over/,
    ],
    [
      'was last known to be held by another host',
      'last-owner',
      (last) => ({ ...last, owner: { ...last.owner, holder: { host: 'pi-attic', id: 'f'.repeat(64) } } }),
      /the last holder that was read is pi-attic/,
    ],
    [
      'had been ordered to restore',
      'last-owner',
      (last) => ({ ...last, owner: { ...last.owner, from: { path: last.owner?.path, dbs: { main: 'latest' } } } }),
      /a restore had been ordered/,
    ],
    [
      'has files of another path',
      'last-owner',
      (last) => ({ ...last, owner: { ...last.owner, path: 'e0009-0123abcd' } }),
      /the files here belong to e0001-[0-9a-f]{8}, and the current path is e0009-0123abcd/,
    ],
    ['has never read who holds it', 'last-owner', () => null, /who holds this app was never read/],
    ['has never been here', 'claim', () => null, /no database of this app has ever been here/],
  ])('an app that %s waits', async (_, file, change, says) => {
    await runInHost(lab.host('off-one'), ['rm', '-f', memoryOf(app('off-state'), 'restoring')])
    await withMemory(file, change, says)
  })

  test('`--offline` starts it once, and once only', async () => {
    await putFile(lab.host('off-one'), '/run/streamside/offline-once/off-waits', '')
    expect(await rowsOnceUp(app('off-waits'))).toEqual(rows)
    await crash(app('off-waits'))
    await refused(app('off-waits'), 'replica-unreachable')
  })

  test('all come up by themselves once S3 is there, with every row, and what was written meanwhile is uploaded', async () => {
    await startS3(lab.lab.instance)
    for (const name of ['off-bare', 'off-waits', 'off-limit', 'off-state'])
      expect(await rowsOnceUp(app(name))).toEqual(rows)
    expect(await rowsOnceUp(app('off-behind'))).toEqual([...rows, 'lost by the card'])
    for (const name of wide) {
      const { epoch, from } = await readOwner(app(name))
      expect([name, epoch, from]).toEqual([name, 1, null])
      expect(
        await shellInHost(app(name).host, 'ls -d "$1/.streamside-aside" 2>/dev/null || :', [folderOf(app(name))]),
      ).toBe('')
    }
    await loseDatabaseAfterProof('off-own')
    expect(await rowsAfterRestart(app('off-own'))).toEqual([...rows, 'not uploaded'])
  })
})

/** Litestream has had the time to say that it holds all. */
async function loseDatabaseAfterProof(name: string): Promise<void> {
  await until(`a proof of ${name}`, 40, async () => {
    const said = await shellInHost(
      app(name).host,
      'systemctl start "$1-check"; cat "/run/streamside/proof/$1" 2>/dev/null || :',
      [name],
    )
    return said.includes('"held":true') || null
  })
  await loseDatabase(app(name))
}
