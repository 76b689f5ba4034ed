import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { elfMachine } from '../../../src/artifacts/elf.ts'
import { packRelease } from '../../../src/artifacts/release.ts'
import type { App, Architecture, Inventory, Release } from '../../../src/inventory/model.ts'
import { artifactSource } from '../../../src/rollout/artifacts.ts'
import type { RunContext } from '../../../src/rollout/context.ts'
import { planFor } from '../../../src/rollout/look.ts'
import { elfFile } from '../artifacts/elf-file.ts'
import { writeMembers } from '../artifacts/hostile-tar.ts'
import { app, host } from '../inventory/made.ts'
import { bare } from '../plan/hosts.ts'
import { problemOf } from '../problem-of.ts'

/** Every architecture, with ELF's number for its programs and upstream's word in the name of Litestream's tarball. */
const kinds = [
  ['amd64', 62, 'x86_64'],
  ['arm64', 183, 'arm64'],
  ['armhf', 40, 'armv6'],
] as const

let top: string
let inventory: Inventory
/** An app's release for an architecture, or for all: a program `serve`. */
const builtFor = (architecture: Architecture | 'script') => ({
  kind: 'path' as const,
  path: join(top, 'releases', architecture),
})
const digestOf = async (built: Architecture | 'script'): Promise<string> =>
  (await packRelease(builtFor(built), { cacheDirectory: join(top, 'cache') })).digest
const notes = (from: Release['from'], more: Partial<App> = {}): App =>
  app('notes', {
    databases: { main: '/var/lib/notes/notes.db' },
    ...more,
    release: { from, command: ['./serve'], workingDirectory: 'state', keep: 3 },
  })
const each = (): App => notes({ amd64: builtFor('amd64'), arm64: builtFor('arm64'), armhf: builtFor('armhf') })
const artifacts = (said: string[] = []) => artifactSource(inventory, join(top, 'cache'), (text) => said.push(text))

beforeAll(async () => {
  top = mkdtempSync(join(tmpdir(), 'streamside-test-'))
  const upstream = join(top, 'litestream')
  mkdirSync(upstream)
  let sums = ''
  for (const [architecture, machine, word] of kinds) {
    mkdirSync(builtFor(architecture).path, { recursive: true })
    writeFileSync(join(builtFor(architecture).path, 'serve'), elfFile(machine), { mode: 0o755 })
    const file = `litestream-0.5.17-linux-${word}.tar.gz`
    const tar = join(top, 'tar')
    await writeMembers(tar, [{ name: 'litestream', mode: 0o755, content: elfFile(machine, 'litestream') }])
    const packed = gzipSync(readFileSync(tar))
    writeFileSync(join(upstream, file), packed)
    sums += `${createHash('sha256').update(packed).digest('hex')}  ${file}\n`
  }
  writeFileSync(join(upstream, 'checksums.txt'), sums)
  mkdirSync(builtFor('script').path, { recursive: true })
  writeFileSync(join(builtFor('script').path, 'serve'), '#!/bin/sh\n', { mode: 0o755 })
  inventory = {
    site: 'test',
    root: top,
    files: [],
    ssh: { config: null, knownHosts: null },
    litestream: { version: '0.5.17', from: upstream },
    replicas: {},
    hosts: { pi: host },
    apps: {},
  }
})

afterAll(() => rmSync(top, { recursive: true }))

describe('a host of each architecture', () => {
  test.each(kinds)(
    '%s gets the release and the Litestream that are built for it',
    async (architecture, machine, word) => {
      const { litestream, releases } = await artifacts().forHost([each()], architecture)
      expect(releases.get('notes')?.digest).toBe(await digestOf(architecture))
      expect(litestream?.binary).toContain(`/${word}/`)
      expect(elfMachine(readFileSync(litestream?.binary ?? ''))).toBe(machine)
    },
  )

  test('has among the candidates, before it has said what it is, the release that it will get', async () => {
    const source = artifacts()
    const candidates = (await source.candidates([each()])).map(({ releases }) => releases.get('notes')?.digest)
    expect(new Set(candidates).size).toBe(3)
    for (const [architecture] of kinds) {
      const { releases } = await source.forHost([each()], architecture)
      expect(candidates).toContain(releases.get('notes')?.digest)
    }
  })

  test('gets a script that is declared once for all', async () => {
    for (const [architecture] of kinds) {
      const { releases } = await artifacts().forHost([notes({ all: builtFor('script') })], architecture)
      expect(releases.get('notes')?.digest).toBe(await digestOf('script'))
    }
  })

  test('gets no Litestream when none of its apps has a database', async () => {
    const stateless = { ...each(), databases: {} }
    expect((await artifacts().forHost([stateless], 'armhf')).litestream).toBeNull()
  })
})

describe('an armhf host is told', () => {
  test('that there is no release for it, and which key is missing, before anything is fetched for it', async () => {
    const said: string[] = []
    const other = notes({ amd64: builtFor('amd64'), arm64: builtFor('arm64') })
    const problem = await problemOf(artifacts(said).forHost([other], 'armhf'))
    expect(problem).toMatchObject({
      code: 'no-release',
      app: 'notes',
      exit: 2,
      found: 'the host is armhf, and the inventory has releases for amd64, arm64',
      next: 'add  armhf:  under release.from of notes, or give the app to another host',
    })
    expect(said).toEqual([])
  })

  test.each([
    ['declared for it', { armhf: 'arm64' }, 'serve is built for AArch64 (arm64)'],
    ['declared for all', { all: 'arm64' }, 'serve is built for AArch64 (arm64)'],
    ['declared for it', { armhf: 'amd64' }, 'serve is built for x86-64 (amd64)'],
  ] as const)('that a release %s cannot run on it: %j', async (_, from, found) => {
    const sources = Object.entries(from).map(([key, built]) => [key, builtFor(built)])
    const wrong = notes(Object.fromEntries(sources) as Release['from'])
    const problem = await problemOf(artifacts().forHost([wrong], 'armhf'))
    expect(problem).toMatchObject({ code: 'wrong-architecture', found })
    expect(problem.next).toContain('build it for armhf')
  })
})

describe('what a host says it is decides', () => {
  const look = (architecture: string) => {
    const asked: Architecture[] = []
    const context = {
      buckets: { usersOn: () => {} },
      inventory,
      artifacts: {
        forHost: (_: App[], wanted: Architecture) => {
          asked.push(wanted)
          return Promise.resolve({ litestream: null, releases: new Map() })
        },
      },
    } as unknown as RunContext
    return planFor(context, host, [], { ...bare(), architecture }).then(() => asked)
  }

  test.each(kinds)('%s', async (architecture) => {
    expect(await look(architecture)).toEqual([architecture])
  })

  test.each(['armel', 'i386', 'riscv64', 'aarch64', ''])('%j is refused', async (architecture) => {
    expect(await problemOf(look(architecture))).toMatchObject({
      code: 'host-unsupported',
      found: `the architecture ${architecture}`,
      next: expect.stringContaining('amd64, arm64 and armhf'),
      host: 'pi',
    })
  })
})
