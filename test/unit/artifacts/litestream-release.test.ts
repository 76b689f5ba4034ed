import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { fetchLitestream, type LitestreamRequest } from '../../../src/artifacts/litestream-release.ts'
import { elfFile } from './elf-file.ts'
import { writeMembers, type Member } from './hostile-tar.ts'
import { problemOf } from '../problem-of.ts'

const top = mkdtempSync(join(tmpdir(), 'streamside-test-'))
let folder: string
let request: LitestreamRequest

beforeEach(() => {
  const work = mkdtempSync(join(top, 'case-'))
  folder = join(work, 'release')
  mkdirSync(folder)
  request = { version: '0.5.17', from: folder, architecture: 'arm64', cacheDirectory: join(work, 'cache') }
})

afterAll(() => {
  rmSync(top, { recursive: true })
})

const sha256 = (data: Buffer) => createHash('sha256').update(data).digest('hex')
const names = { amd64: 'x86_64', arm64: 'arm64', armhf: 'armv6' } as const
const machines = { amd64: 62, arm64: 183, armhf: 40 } as const

/** Makes a release folder of upstream's shape; `members` of the tarball instead of a sound one. */
async function publish(architecture: keyof typeof names, text: string, members?: Member[]): Promise<Buffer> {
  const binary = elfFile(machines[architecture], text)
  const file = `litestream-0.5.17-linux-${names[architecture]}.tar.gz`
  const tar = join(folder, 'tar')
  await writeMembers(
    tar,
    members ?? [
      { name: 'LICENSE', content: 'license' },
      { name: 'litestream', mode: 0o755, content: binary },
    ],
  )
  writeFileSync(join(folder, file), gzipSync(readFileSync(tar)))
  rmSync(tar)
  const sums = Object.values(names)
    .map((name) => `litestream-0.5.17-linux-${name}.tar.gz`)
    .filter((name) => readdirSync(folder).includes(name))
    .map((name) => `${sha256(readFileSync(join(folder, name)))}  ${name}`)
  writeFileSync(join(folder, 'checksums.txt'), `${sums.join('\n')}\n`)
  return binary
}

async function serve(): Promise<{ server: Server; url: string; seen: string[] }> {
  const seen: string[] = []
  const server = createServer((incoming, response) => {
    seen.push(incoming.url ?? '')
    const name = (incoming.url ?? '').replace(/^\/(moved|v0\.5\.17)\//, '')
    if (!readdirSync(folder).includes(name)) response.writeHead(404).end('Not Found')
    // As GitHub does: the release's files lie on another host.
    else if (incoming.url?.startsWith('/v0.5.17/')) response.writeHead(302, { location: `/moved/${name}` }).end()
    else response.end(readFileSync(join(folder, name)))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return { server, url: `http://127.0.0.1:${address.port}/v0.5.17`, seen }
}

test('each architecture gets upstream’s tarball for it, and the binary out of it, executable', async () => {
  for (const architecture of ['amd64', 'arm64', 'armhf'] as const) {
    const published = await publish(architecture, architecture)
    const fetched = await fetchLitestream({ ...request, architecture })
    expect(readFileSync(fetched.binary)).toEqual(published)
    expect(fetched).toEqual({ binary: fetched.binary, sha256: sha256(published), version: '0.5.17' })
    expect(statSync(fetched.binary).mode & 0o777).toBe(0o755)
  }
})

test('it is fetched over HTTP once, through a redirect, and a warm cache makes no call', async () => {
  await publish('arm64', 'x')
  const { server, url, seen } = await serve()
  const both = await Promise.all([
    fetchLitestream({ ...request, from: url }),
    fetchLitestream({ ...request, from: `${url}/` }),
  ])
  expect(both[0]).toEqual(both[1])
  expect(seen.filter((path) => path.startsWith('/moved/litestream'))).toHaveLength(1)
  server.close()
  server.closeAllConnections()
  expect(await fetchLitestream({ ...request, from: url })).toEqual(both[0])
  const problem = await problemOf(fetchLitestream({ ...request, from: url, architecture: 'amd64' }))
  expect(problem).toMatchObject({ code: 'download-failed' })
  expect(problem.found).toContain('ECONNREFUSED')
})

test('a version that is not there says so', async () => {
  await publish('arm64', 'x')
  const { server, url } = await serve()
  const problem = await problemOf(fetchLitestream({ ...request, version: '0.5.18', from: `${url}/none` }))
  expect(problem).toMatchObject({ code: 'download-not-found' })
  expect(problem.found).toContain('checksums.txt answered HTTP 404')
  server.close()
  server.closeAllConnections()
  expect((await problemOf(fetchLitestream({ ...request, version: '0.5.18' }))).found).toContain(
    'no sha256 of litestream-0.5.18',
  )
  expect((await problemOf(fetchLitestream({ ...request, from: join(folder, 'none') }))).code).toBe('litestream-release')
})

test('a tarball that does not have the listed sum is refused, showing both, and nothing is kept', async () => {
  await publish('arm64', 'x')
  const file = join(folder, 'litestream-0.5.17-linux-arm64.tar.gz')
  const listed = sha256(readFileSync(file))
  writeFileSync(file, 'other')
  const { server, url } = await serve()
  for (const from of [folder, url]) {
    const problem = await problemOf(fetchLitestream({ ...request, from }))
    expect(problem).toMatchObject({ code: 'checksum-mismatch' })
    expect(problem.found).toContain(listed)
    expect(problem.found).toContain(sha256(Buffer.from('other')))
  }
  server.close()
  server.closeAllConnections()
  expect(readdirSync(join(request.cacheDirectory, 'litestream/0.5.17'))).toEqual([])
})

test('another file under a version that was fetched before is refused, even with a fitting checksums.txt', async () => {
  await publish('arm64', 'first')
  const { binary } = await fetchLitestream(request)
  await publish('arm64', 'second')
  rmSync(binary)
  const problem = await problemOf(fetchLitestream(request))
  expect(problem).toMatchObject({ code: 'checksum-mismatch' })
  expect(problem.next).toContain('a published release does not change')
})

test('a binary damaged in the cache is fetched again', async () => {
  await publish('arm64', 'x')
  const first = await fetchLitestream(request)
  chmodSync(first.binary, 0o755)
  writeFileSync(first.binary, 'damaged')
  const said: string[] = []
  expect(await fetchLitestream({ ...request, report: (text) => said.push(text) })).toEqual(first)
  expect(sha256(readFileSync(first.binary))).toBe(first.sha256)
  expect(said[0]).toContain('damaged')
})

test('a tarball with the wrong architecture, without the binary, or with one that is no program, is refused', async () => {
  const cases: [Member[], string, RegExp][] = [
    [[{ name: 'litestream', content: elfFile(62) }], 'wrong-architecture', /for x86-64 \(amd64\), not for arm64/],
    [[{ name: 'bin/litestream', content: 'x' }], 'litestream-release', /no member litestream/],
    [[{ name: 'litestream', content: '#!/bin/sh\n' }], 'litestream-release', /not an ELF program/],
    [[{ name: 'litestream', type: 'symlink', linkname: '/bin/sh' }], 'litestream-release', /no member litestream/],
  ]
  for (const [members, code, found] of cases) {
    await publish('arm64', 'x', members)
    const problem = await problemOf(fetchLitestream(request))
    expect(problem.code).toBe(code)
    expect(problem.found).toMatch(found)
  }
  writeFileSync(join(folder, 'litestream-0.5.17-linux-arm64.tar.gz'), 'not gzip')
  writeFileSync(
    join(folder, 'checksums.txt'),
    `${sha256(Buffer.from('not gzip'))}  litestream-0.5.17-linux-arm64.tar.gz\n`,
  )
  expect((await problemOf(fetchLitestream(request))).found).toContain('damaged')
})

test('a version that loses data, or that is no version, is refused before anything is fetched', async () => {
  expect((await problemOf(fetchLitestream({ ...request, version: '0.5.16' }))).found).toContain('lose data')
  expect((await problemOf(fetchLitestream({ ...request, version: '0.3.13' }))).code).toBe('litestream-version')
  expect((await problemOf(fetchLitestream({ ...request, version: '../../x' }))).code).toBe('litestream-version')
})

test('a lock that a killed run left behind does not hold anybody up', async () => {
  await publish('arm64', 'x')
  const cache = join(request.cacheDirectory, 'litestream/0.5.17')
  mkdirSync(cache, { recursive: true })
  // A pid above the kernel's limit of 4194304 never runs.
  writeFileSync(
    join(cache, 'litestream-0.5.17-linux-arm64.tar.gz.lock'),
    `4194305 ${(await import('node:os')).hostname()}\n`,
  )
  expect((await fetchLitestream(request)).version).toBe('0.5.17')
})
