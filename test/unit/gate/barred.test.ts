import { execFile } from 'node:child_process'
import {
  chmod,
  chown,
  copyFile,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import {
  killDaemon,
  type LocalFacts,
  localFacts,
  makeDatabase,
  removeDatabase,
  type Replicated,
  startDaemon,
  sync,
  write,
} from './replicated.ts'

// What is there and cannot be read, as the app's user sees it, is told apart from what is missing.

const run = promisify(execFile)
const host = path.resolve(import.meta.dirname, '../../../templates/host')
const nobody = 65_534
const isRoot = process.getuid?.() === 0

let made: Replicated
afterEach(() => removeDatabase(made))

const wal = (): string => `${made.file}-wal`
const folder = (): string => path.dirname(made.file)
const litestreams = (): string => path.join(folder(), `.${path.basename(made.file)}-litestream`)

/** A database whose rows are replicated, left as a power cut leaves it; all of it belongs to the user that looks. */
async function left(): Promise<void> {
  made = await makeDatabase()
  write(made, 1)
  await startDaemon(made)
  write(made, 1)
  await sync(made)
  await killDaemon(made)
  if (!isRoot) return
  await chown(made.folder, nobody, nobody)
  await run('chown', ['-R', `${nobody}:${nobody}`, folder()])
}

/** Takes a file or folder from the user that looks; its owner stays able to do so where the tests do not run as root. */
async function close(file: string): Promise<void> {
  if (isRoot) await chown(file, 0, 0)
  await chmod(file, (await lstat(file)).isDirectory() && isRoot ? 0o700 : isRoot ? 0o600 : 0)
}

/** What wal.sh says to a user who is not root. `programs`: a folder of other ones, looked in first. */
async function seen(programs?: string): Promise<LocalFacts> {
  const scratch = await mkdtemp(path.join(made.folder, 'scratch-'))
  // the checkout may be root's alone
  for (const part of ['wal.sh', 'barred.sh', 'numbers.sh'])
    await copyFile(path.join(host, part), path.join(scratch, part))
  if (isRoot) await run('chown', ['-R', `${nobody}:${nobody}`, scratch])
  const as = ['setpriv', '--reuid', `${nobody}`, '--regid', `${nobody}`, '--clear-groups', '--bounding-set=-all', '--']
  const [command, ...args] = [...(isRoot ? as : []), 'sh', path.join(scratch, 'wal.sh'), scratch, made.file]
  const env = { ...process.env, PATH: [...(programs === undefined ? [] : [programs]), process.env['PATH']].join(':') }
  const { stdout, stderr } = await run(command, args, { env })
  if (stderr !== '') throw new Error(`wal.sh said: ${stderr}`)
  return JSON.parse(stdout) as LocalFacts
}

const closed = isRoot ? { why: 'owner', owner: 'root' } : { why: 'mode', owner: expect.any(String) }

test('what its user can read is barred by nothing', async () => {
  await left()
  expect(await seen()).toMatchObject({ file: true, wal: 'covers', barred: null })
})

describe('taken from the app’s user', () => {
  test.each([
    ['the database', () => made.file],
    ['its WAL alone', wal],
    ['its shared memory alone', () => `${made.file}-shm`],
    ['Litestream’s folder alone', litestreams],
    ['the newest LTX file alone', () => newestLtx()],
  ])('%s is there, and barred by its owner', async (_, which) => {
    await left()
    const before = await seen()
    const taken = await which()
    await close(taken)
    const now = await seen()
    expect(now).toMatchObject({ file: true, wal: 'unread', short: false, barred: { what: taken, ...closed } })
    // stat(2) needs no right to read: what a stop notes of it is still true when it was given back
    expect(now.id).toEqual({ ...before.id, counter: taken === made.file ? null : before.id?.counter })
    expect(now.walId).toBe(before.walId)
  })

  test('the folder is no missing database', async () => {
    await left()
    await close(folder())
    const why = isRoot ? { why: 'way', owner: 'root' } : closed
    expect(await seen()).toMatchObject({ file: true, id: null, walId: null, barred: { what: folder(), ...why } })
    await chmod(folder(), 0o755)
  })

  test('a folder above its own is told as one that nobody gives back', async () => {
    await left()
    const above = path.join(made.folder, 'above')
    await mkdir(above)
    await rename(folder(), path.join(above, 'data'))
    made = { ...made, file: path.join(above, 'data', path.basename(made.file)) }
    await close(above)
    const why = isRoot ? { why: 'above', owner: 'root' } : closed
    expect(await seen()).toMatchObject({ file: true, id: null, barred: { what: above, ...why } })
    await chmod(above, 0o755)
  })

  test('by its mode is told as that', async () => {
    await left()
    await chmod(made.file, 0)
    expect(await seen()).toMatchObject({ file: true, barred: { why: 'mode', what: made.file } })
  })
})

async function newestLtx(): Promise<string> {
  const level0 = path.join(litestreams(), 'ltx/0')
  return path.join(level0, (await readdir(level0)).sort().at(-1) ?? '')
}

describe('something else in its place', () => {
  test.each([
    [
      'a link to the database',
      'link',
      () => made.file,
      async () => (await aside(made.file), symlink(`${made.file}.was`, made.file)),
    ],
    [
      'a link to nothing',
      'link',
      () => made.file,
      async () => (await aside(made.file), symlink('/nowhere/notes.db', made.file)),
    ],
    ['a folder', 'folder', () => made.file, async () => (await aside(made.file), mkdir(made.file))],
    ['a pipe', 'other', () => made.file, async () => (await aside(made.file), run('mkfifo', ['-m', '666', made.file]))],
    [
      'a link to nothing as Litestream’s folder',
      'link',
      litestreams,
      async () => (await aside(litestreams()), symlink('/nowhere/folder', litestreams())),
    ],
    ['a link as its WAL', 'link', wal, async () => (await aside(wal()), symlink('/nowhere/notes.db-wal', wal()))],
    [
      'a link to a disk that is away as its folder',
      'link',
      folder,
      async () => (await aside(folder()), symlink('/nowhere', folder())),
    ],
    ['a file as its folder', 'file', folder, async () => (await aside(folder()), writeFile(folder(), ''))],
  ])('%s is no missing database', async (_, why, what, change) => {
    await left()
    await change()
    expect(await seen()).toMatchObject({ file: true, wal: 'unread', barred: { why, what: what() } })
  })

  async function aside(file: string): Promise<void> {
    await rename(file, `${file}.was`)
  }
})

describe('as a failing card answers', () => {
  // A read(2) that ends with EIO: `head` and `cat` stand for the kernel, for what holds this word in the file's name.
  async function failing(word: string): Promise<string> {
    const programs = path.join(made.folder, 'programs')
    await mkdir(programs)
    const fail = `case "$*" in *${word}*) echo "Input/output error" >&2; exit 1 ;; esac`
    for (const name of ['head', 'cat']) {
      const real = (await run('sh', ['-c', `command -v ${name}`])).stdout.trim()
      await writeFile(path.join(programs, name), `#!/bin/sh\n${fail}\nexec ${real} "$@"\n`, { mode: 0o755 })
    }
    return programs
  }

  test.each([
    ['its WAL', wal],
    ['Litestream’s folder', litestreams],
    ['the folder of level 0', () => path.join(litestreams(), 'ltx/0')],
  ])('what has become of %s cannot be asked: that is not missing', async (_, which) => {
    await left()
    const lost = which()
    await rename(lost, path.join(made.folder, 'lost'))
    const programs = await failing('nothing of the database')
    const stat = (await run('sh', ['-c', 'command -v stat'])).stdout.trim()
    await writeFile(
      path.join(programs, 'stat'),
      `#!/bin/sh\nfor last; do :; done\ncase $last in '${lost}') echo "stat: cannot statx '$last': Bad message" >&2; exit 1 ;; esac\nexec ${stat} "$@"\n`,
      { mode: 0o755 },
    )
    expect(await seen(programs)).toMatchObject({ file: true, wal: 'unread', barred: { why: 'error', what: lost } })
  })

  test('a folder of Litestream’s that cannot be listed hides what it holds', async () => {
    await left()
    const programs = await failing('nothing of the database')
    const ls = (await run('sh', ['-c', 'command -v ls'])).stdout.trim()
    await writeFile(path.join(programs, 'ls'), `#!/bin/sh\ncase "$*" in */ltx/0) exit 2 ;; esac\nexec ${ls} "$@"\n`, {
      mode: 0o755,
    })
    expect(await seen(programs)).toMatchObject({
      barred: { why: 'error', what: path.join(litestreams(), 'ltx/0') },
    })
  })

  test.each([
    ['the database', 'notes.db', () => made.file],
    ['its WAL', 'notes.db-wal', wal],
  ])('%s is there, and not to be read', async (_, word, what) => {
    await left()
    expect(await seen(await failing(word))).toMatchObject({ file: true, barred: { why: 'error', what: what() } })
  })

  test('its WAL after the first pages is no want of room', async () => {
    await left()
    // `head -c 1` is answered, the rest is not
    const programs = await failing('notes.db-wal')
    const head = (await run('sh', ['-c', 'command -v head'])).stdout.trim()
    await writeFile(
      path.join(programs, 'head'),
      `#!/bin/sh\ncase "$*" in '-c 1 '*) ;; *notes.db-wal*) exit 1 ;; esac\nexec ${head} "$@"\n`,
      { mode: 0o755 },
    )
    expect(await seen(programs)).toMatchObject({ wal: 'unread', barred: { why: 'error', what: wal() } })
  })
})

describe('nothing there', () => {
  test.each([
    ['the database', () => rm(made.file)],
    ['its folder', () => rm(folder(), { recursive: true })],
  ])('%s is missing, and bars nobody', async (_, change) => {
    await left()
    await change()
    expect(await seen()).toMatchObject({ file: false, id: null, barred: null })
  })
})

test('a name that would break out of its line is told without what breaks', async () => {
  made = await makeDatabase('two\nlines" \\.db')
  write(made, 1)
  await rename(made.file, `${made.file}.was`)
  await mkdir(made.file)
  const { barred } = await localFacts(made)
  expect(barred).toEqual({ why: 'folder', what: path.join(folder(), 'two?lines? ?.db'), owner: '' })
})
