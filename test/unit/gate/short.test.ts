import { copyFile, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, describe, expect, test } from 'vitest'
import {
  closeApp,
  killDaemon,
  localFacts,
  makeDatabase,
  removeDatabase,
  type Replicated,
  startDaemon,
  sync,
  write,
} from './replicated.ts'

// A file that a failing card has cut off, against what SQLite itself still reads of it: `short` is true where it would serve
// less than was there, and false after all that SQLite and Litestream do by themselves.

let made: Replicated
afterEach(() => removeDatabase(made))

const copyOf = (): string => `${made.folder}/copy.db`

/** Everything in a database that is not open: what SQLite recovers from a copy of it, or what it says of the damage. */
async function contentOf(file: string): Promise<string> {
  const copy = copyOf()
  for (const suffix of ['', '-wal', '-journal', '-shm']) {
    await rm(copy + suffix, { force: true })
    if (suffix !== '-shm') await copyFile(file + suffix, copy + suffix).catch(ignoreAbsent)
  }
  const opened = new DatabaseSync(copy)
  try {
    const rows = opened.prepare('SELECT n, hex(b) AS b FROM t ORDER BY n').all()
    const check = opened.prepare('PRAGMA integrity_check').all()
    return JSON.stringify([rows, check])
  } catch (error) {
    return String(error)
  } finally {
    opened.close()
  }
}

function ignoreAbsent(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}

/** As a crash leaves them: the files of an open database, beside it. The copies are opened by nobody. */
async function crashed(name = 'crashed.db'): Promise<string> {
  const left = `${made.folder}/data/${name}`
  for (const suffix of ['', '-wal', '-journal']) {
    await rm(left + suffix, { force: true })
    await copyFile(made.file + suffix, left + suffix).catch(ignoreAbsent)
  }
  return left
}

async function reopen(pragmas: string): Promise<DatabaseSync> {
  closeApp(made)
  await rm(made.file)
  made.app = new DatabaseSync(made.file)
  made.app.exec(`${pragmas}; CREATE TABLE t (n INTEGER PRIMARY KEY, b BLOB)`)
  return made.app
}

const sizeOf = async (file: string): Promise<number> => (await stat(file)).size
const pageSizes = [512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536]

/** Numbers that are the same at every run. */
function sequence(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

const steps: Record<string, string> = {
  grow: `INSERT INTO t (b) VALUES ${Array.from({ length: 8 }, () => '(randomblob(3000))').join(',')}`,
  row: 'INSERT INTO t (b) VALUES (randomblob(100))',
  big: 'INSERT INTO t (b) VALUES (randomblob(200000))',
  free: 'DELETE FROM t WHERE n % 3 = 0',
  empty: 'DELETE FROM t',
  vacuum: 'VACUUM',
  incremental: 'PRAGMA incremental_vacuum(5)',
  passive: 'PRAGMA wal_checkpoint(PASSIVE)',
  restart: 'PRAGMA wal_checkpoint(RESTART)',
  truncate: 'PRAGMA wal_checkpoint(TRUNCATE)',
  undone: 'BEGIN; INSERT INTO t (b) VALUES (randomblob(90000)); ROLLBACK',
}

describe('no false alarm', () => {
  test.each(pageSizes)('whatever is written, checkpointed and vacuumed, with pages of %i bytes', async (pageSize) => {
    made = await makeDatabase()
    for (const mode of ['WAL', 'DELETE', 'TRUNCATE']) {
      const next = sequence(pageSize + mode.length)
      const app = await reopen(
        `PRAGMA page_size=${pageSize}; PRAGMA auto_vacuum=${next(3)}; PRAGMA journal_mode=${mode}; PRAGMA wal_autocheckpoint=${next(2) * 20}`,
      )
      const names = Object.keys(steps)
      for (let step = 0; step < (mode === 'WAL' ? 12 : 4); step++) {
        const name = names[next(names.length)]!
        app.exec(steps[name]!)
        const left = await crashed()
        const seen = [await localFacts(made), await localFacts(made, left)].map(({ short }) => short)
        expect([mode, step, name, seen]).toEqual([mode, step, name, [false, false]])
      }
    }
  })

  test.each(pageSizes)('wherever a crash cuts off a checkpoint, with pages of %i bytes', async (pageSize) => {
    made = await makeDatabase()
    const app = await reopen(`PRAGMA page_size=${pageSize}; PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0`)
    app.exec(`${steps['grow']}; PRAGMA wal_checkpoint(TRUNCATE); ${steps['grow']}; ${steps['big']}`)
    const left = await crashed()
    const before = await readFile(left)
    const content = await contentOf(left)
    app.exec('PRAGMA wal_checkpoint(PASSIVE)')
    const after = await readFile(made.file)
    expect(after.length).toBeGreaterThan(before.length)
    const next = sequence(pageSize)
    for (let cut = 0; cut < 4; cut++) {
      // pages are written in order, and the last one perhaps in part
      const written = pageSize + (cut === 0 ? 0 : next(after.length - pageSize))
      await writeFile(left, Buffer.concat([after.subarray(0, written), before.subarray(written)]))
      expect([written, await contentOf(left)]).toEqual([written, content])
      expect([written, (await localFacts(made, left)).short]).toEqual([written, false])
    }
    // without the WAL the same file is cut off
    await rm(`${left}-wal`)
    await writeFile(left, after.subarray(0, after.length - 1))
    expect((await localFacts(made, left)).short).toBe(true)
  })

  test('a transaction without a WAL that was cut off while it wrote', async () => {
    made = await makeDatabase()
    const app = await reopen('PRAGMA journal_mode=DELETE; PRAGMA cache_size=5; PRAGMA cache_spill=5')
    app.exec(steps['grow']!)
    const content = await contentOf(made.file)
    const before = await readFile(made.file)
    app.exec(`BEGIN; UPDATE t SET b = randomblob(2500); ${steps['big']}`)
    const left = await crashed()
    app.exec('COMMIT')
    expect(await sizeOf(`${left}-journal`)).toBeGreaterThan(512)
    // page 1 is written first, and says how long the file is going to be
    const after = await readFile(made.file)
    await writeFile(left, Buffer.concat([after.subarray(0, 4096), before.subarray(4096)]))
    expect(await contentOf(left)).toBe(content)
    expect((await localFacts(made, left)).short).toBe(false)
    await rm(`${left}-journal`)
    expect((await localFacts(made, left)).short).toBe(true)
  })

  test('Litestream’s checkpoints, and both programs killed after them', async () => {
    made = await makeDatabase()
    write(made, 1)
    await startDaemon(made)
    for (let round = 0; round < 3; round++) {
      write(made, 600)
      expect((await localFacts(made)).short).toBe(false)
      await sync(made)
      expect((await localFacts(made)).short).toBe(false)
      expect((await localFacts(made, await crashed())).short).toBe(false)
    }
  })
})

describe('a file that was cut off', () => {
  test.each([512, 4096, 65_536])('is short when SQLite reads less of it, with pages of %i bytes', async (pageSize) => {
    made = await makeDatabase()
    const app = await reopen(`PRAGMA page_size=${pageSize}; PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0`)
    for (let grown = 0; grown < 8; grown++) app.exec(steps['grow']!)
    app.exec(`PRAGMA wal_checkpoint(TRUNCATE); ${steps['row']}; UPDATE t SET b = randomblob(3000) WHERE n > 40`)
    const left = await crashed()
    const [whole, content] = [await readFile(left), await contentOf(left)]
    const next = sequence(pageSize)
    const outcomes = new Set<boolean | 'unknown'>()
    for (let cut = 0; cut < 10; cut++) {
      const size = [whole.length, whole.length - 1, 2 * pageSize][cut] ?? 512 + next(whole.length - 512)
      await writeFile(left, whole.subarray(0, size))
      const { short } = await localFacts(made, left)
      outcomes.add(short)
      expect([size, short]).toEqual([size, (await contentOf(left)) !== content])
    }
    expect(outcomes).toEqual(new Set([false, true]))
  })

  test.each([5000, 8192, 4096, 600])('to %i bytes after a stop, Litestream still up, is short', async (size) => {
    await stoppedUnderLitestream()
    await truncate(made.file, size)
    expect(await localFacts(made)).toMatchObject({ file: true, short: true })
  })

  test('and that its WAL brings back whole is not short once nobody has it open, and is while Litestream has', async () => {
    made = await makeDatabase()
    await reopen('PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0')
    made.app?.exec('PRAGMA wal_checkpoint(TRUNCATE); UPDATE t SET b = 1')
    await startDaemon(made)
    write(made, 8)
    await sync(made)
    made.app?.exec('PRAGMA wal_checkpoint(PASSIVE)')
    const left = await crashed()
    const content = await contentOf(left)
    await truncate(left, (await sizeOf(left)) - 5000)
    expect(await contentOf(left)).toBe(content)
    expect((await localFacts(made, left)).short).toBe(false)
    // the open one has it from the shared memory that all of the WAL is in the file
    await truncate(made.file, (await sizeOf(made.file)) - 5000)
    expect((await localFacts(made)).short).toBe(true)
    closeApp(made)
    expect((await localFacts(made)).short).toBe(true)
    await killDaemon(made)
  })

  test('whose header does not hold a size of its own is not judged by it', async () => {
    made = await makeDatabase()
    write(made, 8)
    closeApp(made)
    const header = await readFile(made.file)
    header.writeUInt32BE(header.readUInt32BE(24) + 1, 24)
    await writeFile(made.file, header.subarray(0, header.length - 4096))
    expect((await localFacts(made)).short).toBe(false)
  })
})

/** A database in the file and in the WAL, replicated, the app ended in order and Litestream not. */
async function stoppedUnderLitestream(): Promise<void> {
  made = await makeDatabase()
  write(made, 4)
  closeApp(made)
  made.app = new DatabaseSync(made.file)
  await startDaemon(made)
  write(made, 1)
  await sync(made)
  closeApp(made)
}
