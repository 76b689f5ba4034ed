import { copyFile, cp, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { elfHeaderBytes, elfMachine } from '../../src/artifacts/elf.ts'
import { rootOf, runInHost, shellInHost } from '../lab/index.ts'
import { type Gated, loseDatabase, newestIn, rowsOnceUp } from './gated.ts'
import { eventsOf, notesApp, type Run, type Site, site, until, writeRow } from './site.ts'
import { said, statusOf } from './status-answer.ts'

// Debian 12, Debian 13, and Debian 12 on arm64: through qemu some ten times as slow, hence the limits here.
const hosts = ['arc-twelve', 'arc-thirteen', 'arc-arm'] as const
const elfNumber = { 'arc-twelve': 62, 'arc-thirteen': 62, 'arc-arm': 183 }
const port = 8341
const minutes = 60_000
const rows = ['one', 'two']

let lab: Site
/** A release an architecture: the lab's app, begun by that architecture's own `env`. */
let releases: string

const on = (host: string): Gated => ({
  site: lab,
  host: lab.host(host),
  name: 'arc-notes',
  port,
  prefix: `architectures/arc-notes@${host}/`,
})

const arcNotes = (from: Record<string, string>) => ({
  ...notesApp('', port, {
    host: undefined,
    hosts,
    health: { http: `http://127.0.0.1:${port}/health`, within: '120s' },
  }),
  release: { from, command: ['./env', '/opt/arc-notes/current/notes'] },
})

beforeAll(async () => {
  releases = await mkdtemp(path.join(tmpdir(), 'streamside-architectures-'))
  lab = await site(
    'architectures',
    [
      { name: hosts[0], architecture: 'amd64' },
      { name: hosts[1], suite: 'trixie', architecture: 'amd64' },
      { name: hosts[2], architecture: 'arm64' },
    ],
    { apps: {} },
  )
  for (const [architecture, host] of [
    ['amd64', hosts[0]],
    ['arm64', hosts[2]],
  ] as const) {
    const folder = path.join(releases, architecture)
    await mkdir(folder)
    await cp(path.resolve(import.meta.dirname, '../lab/app'), folder, { recursive: true })
    await copyFile(path.join(rootOf(lab.host(host)), 'usr/bin/env'), path.join(folder, 'env'))
  }
  // the first time on a machine, the base tree of an emulated host takes minutes
}, 20 * minutes)

afterAll(() => rm(releases, { recursive: true }))

const each = () => ({ amd64: path.join(releases, 'amd64'), arm64: path.join(releases, 'arm64') })

/** What an ELF program on a host was built for. */
async function machineOf(host: string, file: string): Promise<number | null> {
  const { stdout } = await runInHost(lab.host(host), ['od', '-An', '-v', '-tx1', `-N${elfHeaderBytes}`, file])
  return elfMachine(Buffer.from(stdout.replaceAll(/\s/g, ''), 'hex'))
}

const problems = (run: Run) => eventsOf(run, 'problem').map((event) => event['problem'] as Record<string, unknown>)

describe('a host of another architecture than its releases is told, and nothing is done', () => {
  test.each([
    [
      'no release for it',
      () => ({ amd64: each().amd64 }),
      { code: 'no-release', found: /^the host is arm64, .* amd64$/ },
    ],
    [
      'a release for it that is built for another',
      () => ({ ...each(), arm64: each().amd64 }),
      { code: 'wrong-architecture', found: /^env is built for x86-64 \(amd64\)$/ },
    ],
  ])(
    '%s',
    async (_, from, { code, found }) => {
      await lab.rewrite({ apps: { 'arc-notes': arcNotes(from()) } })
      const run = await lab.run(['provision', '--json', '--accept-new', '--limit', 'arc-arm'])
      expect(run.code, said(run)).not.toBe(0)
      expect(problems(run)).toMatchObject([
        { code, found: expect.stringMatching(found), next: expect.stringContaining('arm64') },
      ])
      expect(run.events.filter((event) => event['type'] === 'change')).toEqual([])
    },
    2 * minutes,
  )
})

describe('one inventory on Debian 12, Debian 13 and arm64', () => {
  beforeAll(async () => {
    await lab.rewrite({ apps: { 'arc-notes': arcNotes(each()) } })
    const first = await lab.provision()
    expect(eventsOf(first, 'host-done').map((event) => event['outcome'])).toEqual(hosts.map(() => 'changed'))
  }, 10 * minutes)

  test.each(hosts)(
    '%s runs the release and the Litestream of its own architecture',
    async (host) => {
      for (const program of ['/opt/arc-notes/current/env', await litestreamOn(host)])
        expect(await machineOf(host, program), program).toBe(elfNumber[host])
    },
    minutes,
  )

  test(
    'a second run is one exec a host, and no change',
    async () => {
      const again = await lab.provision()
      expect(again.events.filter((event) => event['type'] === 'change')).toEqual([])
      expect(eventsOf(again, 'host-done')).toEqual(
        hosts.map(() => expect.objectContaining({ outcome: 'unchanged', changes: 0, execs: 1 })),
      )
    },
    2 * minutes,
  )

  test.each(hosts)(
    '%s: rows that were written are in the bucket',
    async (host) => {
      for (const text of rows) {
        const before = await newestIn(on(host))
        await writeRow(lab.host(host), port, text)
        await until(`${text} of ${host} in the bucket`, 60, async () =>
          (await newestIn(on(host))) > before ? true : null,
        )
      }
    },
    3 * minutes,
  )

  test(
    'gives the same status',
    async () => {
      expect(await sameStatus(0)).toMatchObject({
        wrong: [],
        drift: { known: true, changes: [] },
        apps: [{ state: 'running', owner: { read: true, thisHost: true }, replica: { protection: 'protected' } }],
      })
    },
    5 * minutes,
  )

  test.each(hosts)(
    '%s: the gate brings a deleted database back',
    async (host) => {
      await loseDatabase(on(host))
      await runInHost(lab.host(host), ['systemctl', 'restart', 'arc-notes.service'], { deadlineSeconds: 170 })
      expect(await rowsOnceUp(on(host), 120)).toEqual(rows)
    },
    5 * minutes,
  )

  test(
    'gives the same status when something was wrong: the loss is told, for a day',
    async () => {
      const lost = { code: 'no-files', text: expect.stringContaining('no file here') }
      expect(await sameStatus(1)).toMatchObject({ apps: [{ state: 'running', alerts: [lost], wrong: [lost] }] })
      for (const host of hosts)
        await shellInHost(
          lab.host(host),
          `touch -d '-25 hours' /var/lib/streamside/apps/${on(host).name}/alerts/gate-no-files*`,
        )
      expect(await sameStatus(0)).toMatchObject({ apps: [{ state: 'running', alerts: [], wrong: [] }] })
    },
    5 * minutes,
  )
})

/**
 * The status that all hosts have in common, once they have the same and `status` exits so: a timer's run, or an upload under
 * way, is seen on one of them only, and for longer where qemu runs it.
 */
async function sameStatus(exit: number): Promise<unknown> {
  const deadline = Date.now() + 3 * minutes
  for (;;) {
    const answer = await statusOf(lab)
    const [first, ...others] = hosts.map((host) => sameWords(answer.hosts.get(host), host))
    if (answer.code === exit && others.every((other) => isDeepStrictEqual(other, first))) return first
    if (Date.now() < deadline) continue
    for (const other of others) expect(other).toEqual(first)
    expect(answer.code, said(answer)).toBe(exit)
  }
}

/** Path of the program that the app's Litestream unit runs: of the process, not of the unit's file. */
async function litestreamOn(host: string): Promise<string> {
  const script = 'tr "\\0" "\\n" <"/proc/$(systemctl show -P MainPID "$1")/cmdline" | grep -m 1 "/litestream$"'
  const { stdout } = await runInHost(lab.host(host), ['sh', '-c', script, 'sh', 'arc-notes-litestream.service'])
  return stdout.trim()
}

/** A status without what differs between any two hosts: the host's name, numbers, times, ids. */
function sameWords(value: unknown, host: string): unknown {
  if (typeof value === 'number') return 0
  if (typeof value === 'string') return value.replaceAll(host, 'HOST').replaceAll(/[0-9a-f]{8,}|\d[\d:.]*/g, '#')
  if (Array.isArray(value)) return value.map((one) => sameWords(one, host))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, sameWords(one, host)]))
}
