import { createHash } from 'node:crypto'
import { copyFile, readdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import {
  closeApp,
  highestRow,
  killDaemon,
  lastLtx,
  localFacts,
  makeDatabase,
  openApp,
  removeDatabase,
  type Replicated,
  startDaemon,
  sync,
  write,
} from './replicated.ts'

// The stale test's local half against real databases and a real Litestream: what the pinned version does today has to be
// what wal.sh takes it to do.

let made: Replicated
afterEach(() => removeDatabase(made))

/** A database whose last rows are replicated, both programs ended as a power cut ends them. */
async function replicatedAndCut(rows = 3, name?: string): Promise<void> {
  made = await makeDatabase(name)
  write(made, 1)
  await startDaemon(made)
  for (let row = 0; row < rows; row++) {
    write(made, 1)
    await sync(made)
  }
  await killDaemon(made)
}

async function changeWal(change: (wal: Buffer) => Buffer | undefined): Promise<void> {
  const wal = await readFile(`${made.file}-wal`)
  await writeFile(`${made.file}-wal`, change(wal) ?? wal)
}

describe('after a power cut', () => {
  test('a WAL with the last LTX in it covers what was uploaded', async () => {
    await replicatedAndCut()
    expect(await localFacts(made)).toMatchObject({
      file: true,
      wal: 'covers',
      l0: expect.stringMatching(/^[0-9a-f]{16}$/),
    })
  })

  test('rows written after Litestream had ended do not make it behind', async () => {
    await replicatedAndCut()
    write(made, 20)
    expect(await localFacts(made)).toMatchObject({ wal: 'covers' })
  })

  test.each([
    ['cut off in the middle of its last frame', (wal: Buffer, end: number) => wal.subarray(0, end - 100)],
    ['cut off before its last frame', (wal: Buffer, end: number, page: number) => wal.subarray(0, end - page - 24)],
    [
      'of full size, its last page zeroes',
      (wal: Buffer, end: number, page: number) => void wal.fill(0, end - page, end),
    ],
    ['with one bit of its last frame flipped', (wal: Buffer, end: number) => void (wal[end - 1000]! ^= 0x10)],
    [
      'with its first frame damaged',
      (wal: Buffer, _end: number, page: number) => void wal.fill(0xff, 32 + 24, 32 + 24 + page),
    ],
    ['whose header alone is left', (wal: Buffer) => wal.subarray(0, 32)],
    ['torn within its header', (wal: Buffer) => wal.subarray(0, 20)],
  ])('a WAL %s is behind', async (_, change) => {
    await replicatedAndCut()
    const { offset, size, pageSize } = await lastLtx(made)
    await changeWal((wal) => change(wal, offset + size, pageSize))
    expect(await localFacts(made)).toMatchObject({ file: true, wal: 'behind' })
  })

  // As most programs have: what the first page of the database has no room for lies in others.
  test.each([
    ['laid down long before', 'PRAGMA wal_checkpoint(TRUNCATE)'],
    ['made just now', 'SELECT 1'],
    ['changed just now', "PRAGMA wal_checkpoint(TRUNCATE); CREATE TABLE latest (a, b DEFAULT 'b'); DROP TABLE wide_3"],
  ])('a schema of many pages, %s, changes nothing about that', async (_, then) => {
    made = await makeDatabase()
    const wide = (n: number) => `CREATE TABLE wide_${n} (a TEXT DEFAULT '${'a'.repeat(300)}', b TEXT UNIQUE)`
    made.app?.exec(`${Array.from({ length: 60 }, (_each, n) => wide(n)).join(';')}; ${then}`)
    await startDaemon(made)
    for (let row = 0; row < 3; row++) {
      write(made, 1)
      await sync(made)
    }
    await killDaemon(made)
    expect(await localFacts(made)).toMatchObject({ wal: 'covers' })
    const { offset, size } = await lastLtx(made)
    await changeWal((wal) => void (wal[offset + size - 1000]! ^= 0x10))
    expect(await localFacts(made)).toMatchObject({ wal: 'behind' })
  })

  test('an empty or missing WAL is missing', async () => {
    await replicatedAndCut()
    await truncate(`${made.file}-wal`)
    expect(await localFacts(made)).toMatchObject({ wal: 'missing', walId: expect.any(String) })
    await rm(`${made.file}-wal`)
    expect(await localFacts(made)).toMatchObject({ wal: 'missing', walId: null })
  })

  test('a WAL that an earlier copy brought back is behind', async () => {
    made = await makeDatabase()
    write(made, 1)
    await startDaemon(made)
    await copyFile(`${made.file}-wal`, `${made.file}.old-wal`)
    const old = await localFacts(made)
    for (let row = 0; row < 4; row++) {
      write(made, 1)
      await sync(made)
    }
    await killDaemon(made)
    expect(old.wal).toBe('covers')
    await rename(`${made.file}.old-wal`, `${made.file}-wal`)
    expect(await localFacts(made)).toMatchObject({ wal: 'behind' })
  })
})

describe('an app that went on while Litestream was down', () => {
  test('is ahead once its WAL was reset, whatever the file is like afterwards', async () => {
    await replicatedAndCut()
    for (let reset = 0; reset < 3; reset++) {
      write(made, 5)
      made.app?.exec('PRAGMA wal_checkpoint(RESTART)')
      write(made, 1)
      expect(await localFacts(made)).toMatchObject({ wal: 'ahead' })
    }
  })

  test('and closed as the last one, then opened again, has a WAL of another history', async () => {
    await replicatedAndCut()
    const anew = async () => {
      closeApp(made)
      expect(await localFacts(made)).toMatchObject({ wal: 'missing' })
      openApp(made)
      write(made, 1)
      return localFacts(made)
    }
    // Its salt is random: one in two thousand looks like one of before, or of later (wal.sh), and two in a row in four million.
    const first = await anew()
    expect(first).toMatchObject({ wal: expect.stringMatching(/^(foreign|ahead|behind)$/) })
    expect(first.wal === 'foreign' ? first : await anew()).toMatchObject({ wal: 'foreign' })
  })
})

test('Litestream’s own checkpoints and resets raise no false alarm', async () => {
  made = await makeDatabase()
  write(made, 1)
  await startDaemon(made)
  const seen = new Set<string>()
  for (let round = 0; round < 6; round++) {
    // more than min-checkpoint-page-count (1000 pages), so that Litestream checkpoints
    write(made, 600)
    await sync(made)
    seen.add((await localFacts(made)).wal)
  }
  await killDaemon(made)
  expect((await localFacts(made)).wal).toBe('covers')
  expect([...seen]).toEqual(['covers'])
})

test('without a local LTX there is nothing that could have been lost', async () => {
  made = await makeDatabase()
  write(made, 1)
  expect(await localFacts(made)).toMatchObject({ file: true, l0: null, wal: 'untouched' })
})

test.each([
  ['nothing there', async () => rm(made.file)],
  ['a file of no bytes', async () => truncate(made.file)],
  ['a file that is no database', async () => writeFile(made.file, 'SQLite format 4 and more')],
])('%s is no database', async (_, change) => {
  made = await makeDatabase()
  write(made, 1)
  closeApp(made)
  await change()
  expect(await localFacts(made)).toMatchObject({ file: false, id: null, walId: null })
})

test('looking changes nothing: the live files, their times and the shared memory stay as they are', async () => {
  await replicatedAndCut()
  const before = await everything()
  await localFacts(made)
  expect(await everything()).toEqual(before)
})

async function everything(): Promise<unknown[]> {
  const folder = path.dirname(made.file)
  const names = (await readdir(folder, { recursive: true })).sort()
  return Promise.all(
    names.map(async (name) => {
      const { ino, size, mtimeNs, ctimeNs } = await stat(path.join(folder, name), { bigint: true })
      const isFile = (await stat(path.join(folder, name))).isFile()
      const content = isFile ? await readFile(path.join(folder, name)) : ''
      return [name, ino, size, mtimeNs, ctimeNs, createHash('sha256').update(content).digest('hex')]
    }),
  )
}

test.each(["it's $HOME %n `id`.db", '-rf', 'two\nlines.db', 'Grüße 数据.db', '.hidden', 'back\\slash"quote'])(
  'a database named %j is looked at like any other',
  async (name) => {
    await replicatedAndCut(1, name)
    expect(await localFacts(made)).toMatchObject({ file: true, wal: 'covers' })
    const { offset, size } = await lastLtx(made)
    await changeWal((wal) => wal.subarray(0, offset + size - 1))
    expect(await localFacts(made)).toMatchObject({ file: true, wal: 'behind' })
  },
)

test('wherever a power cut cuts the WAL, it is behind exactly when a row that was uploaded is gone', async () => {
  await replicatedAndCut(4)
  const uploaded = highestRow(made.file)
  write(made, 3)
  const whole = await readFile(`${made.file}-wal`)
  const { pageSize } = await lastLtx(made)
  closeAppKeepingWal()
  const frames = (whole.length - 32) / (24 + pageSize)
  const outcomes = new Set<string>()
  for (let frame = 1; frame <= frames; frame++) {
    for (const extra of [0, 17]) {
      const cut = 32 + frame * (24 + pageSize) + extra
      await writeFile(`${made.file}-wal`, whole.subarray(0, cut))
      const { wal } = await localFacts(made)
      // SQLite itself, on a copy, says which rows are left
      await copyFile(made.file, `${made.folder}/copy.db`)
      await copyFile(`${made.file}-wal`, `${made.folder}/copy.db-wal`)
      const left = highestRow(`${made.folder}/copy.db`)
      await rm(`${made.folder}/copy.db-wal`, { force: true })
      await rm(`${made.folder}/copy.db-shm`, { force: true })
      outcomes.add(wal)
      expect([cut, wal]).toEqual([cut, left >= uploaded ? 'covers' : 'behind'])
    }
  }
  expect([...outcomes].sort()).toEqual(['behind', 'covers'])
})

/** Forgets the app's connection without closing it, for the last close would remove the WAL. */
function closeAppKeepingWal(): void {
  made.app = null
}

test('the change counter and the times tell a file that was put back from one that was written to', async () => {
  made = await makeDatabase()
  write(made, 3)
  closeApp(made)
  await copyFile(made.file, `${made.file}.old`)
  const old = await localFacts(made)
  openApp(made)
  made.app?.exec('PRAGMA journal_mode=DELETE; CREATE TABLE u (a)')
  closeApp(made)
  const written = await localFacts(made)
  expect(written.id?.inode).toBe(old.id?.inode)
  expect(written.id?.counter).toBeGreaterThan(old.id?.counter ?? 0)
  await rename(`${made.file}.old`, made.file)
  const back = await localFacts(made)
  expect(back.id?.inode).not.toBe(old.id?.inode)
  expect(back.id?.counter).toBe(old.id?.counter)
})
