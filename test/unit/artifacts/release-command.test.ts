import { expect, test } from 'vitest'
import type { PackedRelease } from '../../../src/artifacts/release.ts'
import { checkArchitecture, checkCommand, releaseHas } from '../../../src/artifacts/release-command.ts'
import type { ReleaseEntry } from '../../../src/artifacts/release-entry.ts'
import { problemOf } from '../problem-of.ts'

function packed(...entries: ReleaseEntry[]): PackedRelease {
  return { digest: 'd', tar: '/cache/d.tar', bytes: 0, entries, source: './dist' }
}

function program(path: string, machine: number | null = null, mode: '0755' | '0644' = '0755'): ReleaseEntry {
  return { type: 'file', path, mode, size: 1, sha256: 's', machine }
}

test('a command is found through ./, folders and links, and never outside', () => {
  const release = packed(
    { type: 'directory', path: 'v1' },
    program('v1/app'),
    { type: 'link', path: 'current', target: 'v1' },
    { type: 'link', path: 'run', target: './current/app' },
  )
  expect(releaseHas(release, './v1//app')).toMatchObject({ path: 'v1/app' })
  expect(releaseHas(release, './run')).toMatchObject({ path: 'v1/app' })
  // `..` after a link is the folder above what it points to, as for the kernel.
  expect(releaseHas(release, 'current/../run')).toMatchObject({ path: 'v1/app' })
  expect(releaseHas(release, 'current/../../v1/app')).toBeNull()
  expect(releaseHas(release, '../v1/app')).toBeNull()
  expect(releaseHas(release, 'nothing')).toBeNull()
})

test('a command that is not in the release says where it is instead', async () => {
  const release = packed({ type: 'directory', path: 'app-1.2' }, program('app-1.2/gotify'))
  const problem = await problemOf(() => checkCommand(release, ['./gotify', '--port', '80']))
  expect(problem).toMatchObject({
    code: 'command-not-in-release',
    found: 'the release has no ./gotify; did you mean ./app-1.2/gotify?',
  })
  expect((await problemOf(() => checkCommand(release, ['./gotfy']))).found).toContain('did you mean ./app-1.2/gotify?')
  expect((await problemOf(() => checkCommand(release, ['./other']))).found).toContain('app-1.2/gotify')
  expect((await problemOf(() => checkCommand(release, ['./app-1.2']))).found).toContain('is a folder')
  expect((await problemOf(() => checkCommand(packed(program('run', null, '0644')), ['./run']))).code).toBe(
    'command-not-executable',
  )
})

test('a command that the host answers for is not looked up in the release', () => {
  checkCommand(packed(program('server.js')), ['node', 'server.js'])
  checkCommand(packed(program('server.js')), ['/usr/bin/node', 'server.js'])
  expect(() => checkCommand(packed(program('server.js')), ['./node'])).toThrow('checking the command')
})

test('a program for another architecture is refused, by what it was built for', async () => {
  const release = packed(program('app', 62), program('README'))
  const problem = await problemOf(() => checkArchitecture(release, 'arm64', './app', { declared: false }))
  expect(problem).toMatchObject({ code: 'wrong-architecture', found: 'app is built for x86-64 (amd64)' })
  expect(problem.next).toContain('from: { arm64: … }')
  checkArchitecture(release, 'amd64', './app', { declared: true })
})

test('a 64-bit program is refused for a 32-bit host, and the other way round: the units run their own kind only', async () => {
  for (const [machine, architecture, found] of [
    [183, 'armhf', 'AArch64 (arm64)'],
    [40, 'arm64', '32-bit ARM'],
    [3, 'amd64', '32-bit x86'],
  ] as const) {
    const problem = await problemOf(() =>
      checkArchitecture(packed(program('app', machine)), architecture, './app', { declared: false }),
    )
    expect(problem).toMatchObject({ code: 'wrong-architecture', found: `app is built for ${found}` })
  }
  checkArchitecture(packed(program('app', 40)), 'armhf', './app', { declared: true })
})

test('a source declared for an architecture must hold something for it, if it holds programs at all', async () => {
  const foreign = packed(program('server.js'), program('node_modules/x/linux-x64.node', 62))
  checkArchitecture(foreign, 'arm64', 'node', { declared: false })
  expect((await problemOf(() => checkArchitecture(foreign, 'arm64', 'node', { declared: true }))).found).toContain(
    'linux-x64.node',
  )
  const mixed = packed(program('a.node', 62), program('b.node', 183))
  checkArchitecture(mixed, 'arm64', 'node', { declared: true })
  checkArchitecture(packed(program('server.js')), 'arm64', 'node', { declared: true })
})
