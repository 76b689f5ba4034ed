import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { packRelease } from '../../../src/artifacts/release.ts'
import { problemOf } from '../problem-of.ts'
import { elfFile } from './elf-file.ts'
import { writeMembers } from './hostile-tar.ts'
import { openWorkshop, tool, type Workshop } from './workshop.ts'

let workshop: Workshop
let work: string
let cacheDirectory: string
const lay: Workshop['lay'] = (name, tree) => workshop.lay(name, tree)
const pack: Workshop['pack'] = (path) => workshop.pack(path)

beforeEach(() => {
  workshop = openWorkshop()
  work = workshop.work
  cacheDirectory = workshop.cacheDirectory
})

afterEach(() => {
  workshop.remove()
})

const listing = (tar: string) => tool('tar', ['--numeric-owner', '--full-time', '-tvf', tar], work).toString()

const tree = {
  'bin/app*': elfFile(62),
  'public/a b"c$%é.txt': 'text\n',
  'public/empty': '',
  logs: null,
  current: '-> public',
  '.git/HEAD': 'ref: x\n',
  'vendor/.git': 'gitdir: x\n',
}

test('a folder is packed as root’s, with two modes, one time, sorted, and without .git', async () => {
  const packed = await pack(lay('app', tree))
  const lines = listing(packed.tar).trim().split('\n')
  expect(lines.map((line) => line.replace(/ \d{4}-\d\d-\d\d \d\d:\d\d:\d\d /, ' TIME '))).toEqual([
    'drwxr-xr-x 0/0               0 TIME bin',
    '-rwxr-xr-x 0/0              71 TIME bin/app',
    'lrwxrwxrwx 0/0               0 TIME current -> public',
    'drwxr-xr-x 0/0               0 TIME logs',
    'drwxr-xr-x 0/0               0 TIME public',
    expect.stringMatching(/^-rw-r--r-- 0\/0 +5 TIME public\/a b/),
    '-rw-r--r-- 0/0               0 TIME public/empty',
    'drwxr-xr-x 0/0               0 TIME vendor',
  ])
  expect(new Set(lines.map((line) => /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/.exec(line)?.[0])).size).toBe(1)
  expect(packed.tar).toContain(packed.digest)
  expect(packed.bytes).toBe(readFileSync(packed.tar).length)
  // The host unpacks it with its own tar.
  mkdirSync(join(work, 'host'))
  tool('tar', ['-xf', packed.tar], join(work, 'host'))
  expect(readFileSync(join(work, 'host/public/a b"c$%é.txt'), 'utf8')).toBe('text\n')
})

test('the same files have one digest, whichever way they come: folder, tar, tar.gz, tar.xz, tar.zst, zip', async () => {
  const root = lay('app', {
    ...tree,
    [`public/${'long'.repeat(45)}`]: 'long name',
    [`deep/er/é${'y'.repeat(110)}`]: 'x',
  })
  rmSync(join(root, '.git'), { recursive: true })
  rmSync(join(root, 'vendor/.git'))
  const packed = await pack(root)
  for (const suffix of ['tar', 'tar.gz', 'tar.xz', 'tar.zst', 'tgz']) {
    const archive = join(work, `app.${suffix}`)
    tool('tar', ['-caf', archive, '.'], root)
    expect((await pack(archive)).digest, suffix).toBe(packed.digest)
  }
  tool('tar', ['--format=gnu', '-cf', join(work, 'gnu.tar'), '.'], root)
  tool('tar', ['--format=posix', '-cf', join(work, 'posix.tar'), '.'], root)
  tool('zip', ['-qry', join(work, 'app.zip'), '.'], root)
  for (const archive of ['gnu.tar', 'posix.tar', 'app.zip'])
    expect((await pack(join(work, archive))).digest, archive).toBe(packed.digest)
})

test('a name, a mode, a byte or a target that changes makes another digest; a time does not', async () => {
  const digestOf = async (changed: Record<string, string | null>) => {
    const root = lay(`app-${Math.random()}`, { a: '1', 'b*': '2', l: '-> a', ...changed })
    return (await pack(root)).digest
  }
  const digests = [
    await digestOf({}),
    await digestOf({ a: '2' }),
    await digestOf({ c: '1' }),
    await digestOf({ d: null }),
    await digestOf({ m: '-> a' }),
  ]
  expect(new Set(digests).size).toBe(digests.length)
  const root = lay('times', { a: '1', 'b*': '2', l: '-> a' })
  utimesSync(join(root, 'a'), 1_000_000, 1_000_000)
  expect((await pack(root)).digest).toBe(digests[0])
  chmodSync(join(root, 'a'), 0o755)
  expect((await pack(root)).digest).not.toBe(digests[0])
})

test('neither the order nor the times nor the owners in an archive reach the digest', async () => {
  const name = fc.string({
    unit: fc.constantFrom('a', 'b', '-', '.x', ' ', 'é', '$', '%', '\n'),
    minLength: 1,
    maxLength: 6,
  })
  const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => `x${parts.join('/x')}`)
  const files = fc.dictionary(path, fc.string({ maxLength: 20 }), { minKeys: 1, maxKeys: 8, noNullPrototype: true })
  let archives = 0
  await fc.assert(
    fc.asyncProperty(files, fc.infiniteStream(fc.nat(2 ** 31)), async (tree, numbers) => {
      const names = Object.keys(tree)
      // A file that is another one's folder is no tree.
      fc.pre(!names.some((one) => names.some((other) => other.startsWith(`${one}/`))))
      const digests = new Set<string>()
      for (let round = 0; round < 2; round++) {
        const number = () => numbers.next().value ?? 0
        const shuffled = names.map((name) => ({ name, order: number() })).sort((a, b) => a.order - b.order)
        const archive = join(work, `p${archives++}.tar`)
        const members = shuffled.map(({ name }) => ({
          name,
          content: tree[name] ?? '',
          mtime: new Date(number() * 1000),
          uid: number() % 60_000,
          gid: number() % 60_000,
          mode: 0o600 + (number() % 0o100),
        }))
        await writeMembers(archive, members)
        digests.add((await pack(archive)).digest)
      }
      expect(digests.size).toBe(1)
    }),
    { numRuns: 60 },
  )
})

test('a second look at an unchanged folder reads no file, and a changed one is seen', async () => {
  const root = lay('app', { a: 'one', 'b*': 'two' })
  const old = new Date(Date.now() - 60_000)
  utimesSync(join(root, 'a'), old, old)
  // ctime cannot be set: the signature of a file younger than two seconds is not remembered.
  await new Promise((resolve) => setTimeout(resolve, 2100))
  const first = await pack(root)
  const memory = readdirSync(join(cacheDirectory, 'releases')).find((name) => name.startsWith('seen-')) ?? ''
  const remembered = join(cacheDirectory, 'releases', memory)
  const swapped = readFileSync(remembered, 'utf8').replace(sha256('one'), sha256('other'))
  writeFileSync(remembered, swapped)
  // Only a run that did not read `a` again can arrive at the sum that was slipped in.
  const planted = await problemOf(pack(root))
  expect(planted.code).toBe('release-changing')
  writeFileSync(remembered, swapped.replace(sha256('other'), sha256('one')))
  expect((await pack(root)).digest).toBe(first.digest)
  writeFileSync(join(root, 'a'), 'six')
  utimesSync(join(root, 'a'), old, old)
  expect((await pack(root)).digest).not.toBe(first.digest)
}, 30_000)

test('a file that was written just now is read again: its times may stand still while it changes', async () => {
  const root = lay('app', { a: 'one' })
  const first = await pack(root)
  writeFileSync(join(root, 'a'), 'two')
  expect((await pack(root)).digest).not.toBe(first.digest)
})

test('one program is a release: executable, under its own name', async () => {
  const packed = await pack(join(lay('dist', { gotify: elfFile(183) }), 'gotify'))
  expect(packed.entries).toEqual([expect.objectContaining({ path: 'gotify', mode: '0755', machine: 183 })])
  const jar = await pack(join(lay('dist', { 'app.jar': 'PK\x03\x04' }), 'app.jar'))
  expect(jar.entries.map(({ path }) => path)).toEqual(['app.jar'])
})

test('what cannot be a release says why and what would be', async () => {
  const root = lay('app', { 'x.deb': 'x', 'x.tar.bz2': 'x', 'x.gz': 'x' })
  expect((await problemOf(pack(join(root, 'x.deb')))).next).toMatch(/packages:/)
  for (const name of ['x.tar.bz2', 'x.gz']) expect((await problemOf(pack(join(root, name)))).next).toMatch(/\.tar\.gz/)
  expect(await problemOf(pack(join(work, 'nothing')))).toMatchObject({
    code: 'release-missing',
    found: 'it does not exist',
  })
  mkdirSync(join(work, 'empty'))
  expect((await problemOf(pack(join(work, 'empty')))).code).toBe('release-empty')
  tool('mkfifo', ['pipe'], root)
  expect((await problemOf(pack(root))).found).toMatch(/"pipe" is neither/)
  const linked = lay('linked', { l: '-> ../app' })
  expect((await problemOf(pack(linked))).found).toMatch(/"l" → "..\/app" leads out/)
})

const sha256 = (text: string | Buffer) => createHash('sha256').update(text).digest('hex')

test('a release from a URL is fetched once, only under the sum that the inventory names', async () => {
  const root = lay('app', { 'bin/app*': 'x' })
  tool('tar', ['-czf', join(work, 'app.tgz'), '.'], root)
  const body = readFileSync(join(work, 'app.tgz'))
  const seen: string[] = []
  const server = createServer((request, response) => {
    seen.push(request.url ?? '')
    if (request.url?.startsWith('/old/')) response.writeHead(302, { location: '/files/app.tgz?token=1' }).end()
    else if (request.url?.startsWith('/files/')) response.end(body)
    else response.writeHead(404).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const url = (path: string) => `http://127.0.0.1:${address.port}${path}`
  const from = (path: string, sum: string) =>
    packRelease({ kind: 'url', url: url(path), sha256: sum }, { cacheDirectory })

  const wrong = await problemOf(from('/files/app.tgz', 'a'.repeat(64)))
  expect(wrong).toMatchObject({ code: 'checksum-mismatch' })
  expect(wrong.found).toContain(sha256(body))
  expect(wrong.found).toContain('a'.repeat(64))
  expect(readdirSync(join(cacheDirectory, 'releases/downloads'))).toEqual([])
  expect((await problemOf(from('/none/app.tgz', 'b'.repeat(64)))).code).toBe('download-not-found')

  const packed = await from('/old/app.tgz', sha256(body).toUpperCase())
  expect(packed.digest).toBe((await pack(root)).digest)
  seen.length = 0
  expect((await from('/old/app.tgz', sha256(body))).digest).toBe(packed.digest)
  expect(seen).toEqual([])
  server.close()
  server.closeAllConnections()
  rmSync(join(cacheDirectory, 'releases/downloads'), { recursive: true })
  expect((await problemOf(from('/old/app.tgz', sha256(body)))).found).toMatch(/ECONNREFUSED/)
})
