import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import {
  boot,
  cutPower,
  deleteObjects,
  type LabHost,
  listObjects,
  putFile,
  shellInHost,
  startS3,
  stopS3,
} from '../lab/index.ts'
import type { ProblemData } from '../../src/report/event-data.ts'
import { changesOf, leftovers, mainPid, pagesApp, transactionEnded } from './host-state.ts'
import { eventsOf, notesApp, readRows, type Run, type Site, site, until, writeRow } from './site.ts'

vi.setConfig({ testTimeout: 180_000 })

const port = 8321
let lab: Site
let one: LabHost
let scratch: string
let release: string
let good: string
let apps: Record<string, Record<string, unknown>>

/** Another environment for an app: the smallest change that restarts it. */
async function greet(greeting: string, more: Record<string, unknown> = {}): Promise<void> {
  const environment = { DATABASE: 'data/notes.db', GREETING: greeting }
  for (const name of ['upd-notes', 'upd-beside']) apps[name] = { ...apps[name], environment, ...more }
  await lab.rewrite({ apps })
}

const crashes = () => writeFile(path.join(release, 'notes'), good.replace('import json', 'import sys\nsys.exit(3)'))
const works = () => writeFile(path.join(release, 'notes'), good)
const greetingOf = async (at = port) =>
  (
    JSON.parse(await shellInHost(one, 'curl -fsS --max-time 10 "http://127.0.0.1:$1/"', [String(at)])) as {
      greeting: string
    }
  ).greeting
const pidOf = (app: string) => mainPid(one, `${app}.service`)
const problemsOf = (run: Run) => eventsOf(run, 'problem').map((event) => event['problem'] as ProblemData)
const rolledOf = (run: Run) => eventsOf(run, 'app-rolled')
const roll = (...args: string[]) => lab.run([...args, '--json'])

/** Writes about 20 rows a second, and notes each that was acknowledged, while `work` is done. */
async function whileWriting<T>(work: () => Promise<T>, at = port): Promise<{ result: T; acknowledged: string[] }> {
  await shellInHost(
    one,
    `rm -f /run/acknowledged; : >/run/writing; systemd-run --quiet --collect --unit=writer sh -c '
      n=0
      while [ -e /run/writing ] && [ $n -lt 4000 ]; do
        n=$((n + 1))
        if curl -fsS --max-time 2 -d "$1-$n" "http://127.0.0.1:$2/rows" >/run/said 2>/dev/null; then echo "$1-$n" >>/run/acknowledged; fi
        sleep 0.04
      done' sh "$1" "$2"`,
    [Math.random().toString(36).slice(2), String(at)],
  )
  const counted = async () => Number(await shellInHost(one, 'wc -l </run/acknowledged 2>/dev/null || echo 0'))
  await until('the first rows', 10, async () => ((await counted()) > 5 ? true : null))
  try {
    const result = await work()
    const now = await counted()
    await until('rows after it', 20, async () => ((await counted()) > now + 5 ? true : null))
    return { result, acknowledged: (await shellInHost(one, 'cat /run/acknowledged')).trim().split('\n') }
  } finally {
    await shellInHost(one, 'rm -f /run/writing; systemctl stop writer 2>/dev/null || :')
  }
}

async function expectAllThere(acknowledged: string[], at = port): Promise<void> {
  const rows = new Set(await readRows(one, at))
  expect(acknowledged.filter((row) => !rows.has(row))).toEqual([])
  expect(acknowledged.length).toBeGreaterThan(10)
}

/** Runs a command, and `act`s when its host has come to this step. */
async function actingAt(step: string, args: string[], act: (pid: number) => unknown): Promise<Run> {
  let pid = 0
  let acting: unknown = null
  const run = await lab.run([...args, '--json'], {
    onStart: (started) => {
      pid = started
    },
    onLine: (line) => {
      const event = JSON.parse(line) as { type: string; step?: string }
      if (acting === null && event.type === 'host-step' && event.step === step) acting = act(pid) ?? true
    },
  })
  expect(acting, `it never came to the step ${step}`).not.toBe(null)
  await acting
  return run
}

beforeAll(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'streamside-update-'))
  release = path.join(scratch, 'notes')
  await cp(path.resolve(import.meta.dirname, '../lab/app'), release, { recursive: true })
  good = await readFile(path.join(release, 'notes'), 'utf8')
  const own = { release: { from: release, command: './notes' } }
  apps = {
    'upd-notes': notesApp('upd-one', port, {
      ...own,
      health: { http: `http://127.0.0.1:${port}/health`, within: '8s' },
    }),
    'upd-beside': notesApp('upd-one', port + 1),
    'upd-memory': notesApp('upd-one', port + 3, { storage: { ephemeral: '64M' } }),
    'upd-pages': { ...pagesApp('', port + 2), host: undefined, hosts: ['upd-one', 'upd-two'] },
  }
  lab = await site('update', [{ name: 'upd-one' }, { name: 'upd-two', suite: 'trixie' }], { apps })
  one = lab.host('upd-one')
  await lab.provision()
  await writeRow(one, port, 'first')
}, 300_000)

afterAll(async () => {
  await rm(scratch, { recursive: true, force: true })
})

describe('an update under load', () => {
  test.each(['restore', 'prove'])('with restart: %s loses no row that was acknowledged', async (mode) => {
    await greet(`by ${mode}`, { restart: mode })
    const { result, acknowledged } = await whileWriting(() => roll('update', 'upd-notes'))
    expect(result.code, result.stdout + result.stderr).toBe(0)
    expect(rolledOf(result)).toEqual([
      expect.objectContaining({
        host: 'upd-one',
        app: 'upd-notes',
        outcome: 'rolled',
        mode,
        databases: [expect.objectContaining({ name: 'main', txid: expect.stringMatching(/^[0-9a-f]{16}$/) })],
      }),
    ])
    expect(await greetingOf()).toBe(`by ${mode}`)
    await expectAllThere(acknowledged)
    expect(changesOf(await roll('update', 'upd-notes'))).toEqual([])
  })

  test('and a restart neither', async () => {
    const before = await pidOf('upd-notes')
    const { result, acknowledged } = await whileWriting(() => roll('restart', 'upd-notes'))
    expect(result.code, result.stdout + result.stderr).toBe(0)
    expect(await pidOf('upd-notes')).not.toBe(before)
    await expectAllThere(acknowledged)
  })

  test('and storage in memory is restored at the start', async () => {
    const before = await pidOf('upd-memory')
    const { result, acknowledged } = await whileWriting(() => roll('restart', 'upd-memory'), port + 3)
    expect(result.code, result.stdout + result.stderr).toBe(0)
    // nothing was compared: the gate has emptied it
    expect(rolledOf(result)).toMatchObject([{ mode: 'prove', databases: [{ name: 'main' }] }])
    expect(await pidOf('upd-memory')).not.toBe(before)
    await expectAllThere(acknowledged, port + 3)
  })

  test('nor one of an app that does not end with 0 when it is told to stop', async () => {
    await writeFile(path.join(release, 'notes'), `${good}sys.exit(143)\n`)
    expect((await roll('update', 'upd-notes')).code).toBe(0)
    const { result, acknowledged } = await whileWriting(() => roll('restart', 'upd-notes'))
    await works()
    expect(result.code, result.stdout + result.stderr).toBe(0)
    await expectAllThere(acknowledged)
    expect((await roll('update', 'upd-notes')).code).toBe(0)
  })

  test('with a release that crashes is put back on the data as they are, and ends with 4', async () => {
    await crashes()
    await greet('of the release that crashes')
    const dropIn = '/etc/systemd/system/upd-notes.service.d/mine.conf'
    await putFile(one, dropIn, '[Service]\nNice=1\n')
    const { result, acknowledged } = await whileWriting(() => roll('update', 'upd-notes'))
    await works()
    expect(result.code).toBe(4)
    expect(problemsOf(result).map(({ code }) => code)).toEqual(['unhealthy', 'release-put-back'])
    expect(rolledOf(result)).toMatchObject([{ outcome: 'put-back' }])
    // the environment of before, too, and what somebody has laid over its unit
    expect(await greetingOf()).toBe('by prove')
    await shellInHost(one, 'grep Nice=1 "$1" && rm -r "$(dirname "$1")" && systemctl daemon-reload', [dropIn])
    await expectAllThere(acknowledged)
    const [release] = rolledOf(result)
    expect(await shellInHost(one, 'readlink /opt/upd-notes/current')).toContain(release?.['from'] as string)
  })
})

test('an app that is not named is left as it is, and provision finds what is to be done for it', async () => {
  const before = await pidOf('upd-beside')
  const says = await greetingOf(port + 1)
  const run = await roll('update', 'upd-notes')
  expect(run.code, run.stdout + run.stderr).toBe(0)
  expect(changesOf(run).filter((change) => change.includes('upd-beside'))).toEqual([])
  expect(eventsOf(run, 'warning')).toEqual([])
  expect(await pidOf('upd-beside')).toBe(before)
  expect(await greetingOf(port + 1)).toBe(says)
  const plan = await roll('plan', '--limit', 'upd-one')
  expect(changesOf(plan, 'unit')).toEqual(['restart upd-beside.service'])
  expect(changesOf(await lab.provision())).toContain('restart upd-beside.service')
})

test('of an app on two hosts a bad release reaches one of them', async () => {
  const pids = async () =>
    Promise.all(['upd-one', 'upd-two'].map((host) => mainPid(lab.host(host), 'upd-pages.service')))
  const before = await pids()
  const pages = apps['upd-pages']!
  await lab.rewrite({
    apps: {
      ...apps,
      'upd-pages': {
        ...pages,
        release: { ...(pages['release'] as object), command: ['python3', '-c', 'raise SystemExit(3)'] },
        health: { tcp: port + 2, within: '6s' },
      },
    },
  })
  const run = await roll('update', 'upd-pages')
  await lab.rewrite({ apps })
  expect(run.code).toBe(4)
  expect(problemsOf(run).map(({ code, host = '' }) => `${host} ${code}`)).toEqual([
    'upd-one unhealthy',
    'upd-one release-put-back',
    'upd-two roll-halted',
  ])
  const now = await pids()
  expect(now[0]).not.toBe(before[0])
  expect(now[1]).toBe(before[1])
  expect((await roll('update', 'upd-pages')).code).toBe(0)
})

test('a host that cannot be reached halts the roll with 3, and the next run goes on from there', async () => {
  const pid = () => mainPid(lab.host('upd-two'), 'upd-pages.service')
  const before = await pid()
  await shellInHost(one, 'systemctl stop ssh.socket ssh 2>/dev/null || systemctl stop ssh')
  try {
    const run = await roll('restart', 'upd-pages')
    expect(run.code).toBe(3)
    expect(problemsOf(run).map(({ code, host = '' }) => `${host} ${code}`)).toEqual([
      'upd-one connection-refused',
      'upd-two roll-halted',
    ])
    expect(await pid()).toBe(before)
  } finally {
    await shellInHost(one, 'systemctl start ssh')
  }
  expect((await roll('restart', 'upd-pages')).code).toBe(0)
  expect(await pid()).not.toBe(before)
})

test('what the replica does not give back byte for byte halts it: both are kept, and the app runs again as it was', async () => {
  await greet('not the same', { restart: 'restore' })
  const before = await greetingOf()
  await putFile(one, '/usr/local/bin/cmp', '#!/bin/sh\nexit 1\n', { mode: '0755' })
  const run = await roll('update', 'upd-notes')
  await shellInHost(one, 'rm /usr/local/bin/cmp')
  expect(run.code).toBe(6)
  const [problem] = problemsOf(run)
  expect(problem).toMatchObject({ code: 'not-the-same', app: 'upd-notes' })
  const kept = /kept as (\S+)\.? /.exec(`${problem?.found} `)?.[1]?.replace(/\.$/, '') ?? ''
  expect(await shellInHost(one, 'sqlite3 "$1" "SELECT text FROM rows LIMIT 1"', [kept])).toBe('first\n')
  await until('the app to be back', 20, async () => ((await pidOf('upd-notes')) === '0' ? null : true))
  await until('it to answer', 20, () => greetingOf().catch(() => null))
  expect(await greetingOf()).toBe(before)
  expect((await roll('update', 'upd-notes')).code).toBe(0)
})

describe('nothing is stopped', () => {
  test('while the replica is away', async () => {
    await greet('not yet')
    const before = await pidOf('upd-notes')
    await stopS3(lab.lab.instance)
    try {
      const run = await roll('update', 'upd-notes')
      expect(run.code).toBe(6)
      expect(problemsOf(run)).toMatchObject([{ code: 'not-sound', app: 'upd-notes', host: 'upd-one' }])
    } finally {
      await startS3(lab.lab.instance)
    }
    expect(await pidOf('upd-notes')).toBe(before)
    await until('it to be protected again', 60, async () =>
      (await roll('update', 'upd-notes')).code === 0 ? true : null,
    )
    expect(await greetingOf()).toBe('not yet')
  })

  test('when what the replica holds cannot be restored', async () => {
    const before = await pidOf('upd-notes')
    const object = (await listObjects(lab.lab.instance, 'update/upd-notes/')).find(({ key }) => key.endsWith('.ltx'))
    await deleteObjects(lab.lab.instance, object!.key.replace(/main\/.*/, 'main/'))
    const run = await roll('restart', 'upd-notes')
    expect(run.code).toBe(6)
    expect(problemsOf(run)).toMatchObject([{ code: 'not-sound' }])
    expect(await pidOf('upd-notes')).toBe(before)
    // the way out of it
    await lab.provision(['--new-history', 'upd-notes', '--yes'])
    expect((await roll('restart', 'upd-notes')).code).toBe(0)
  })
})

describe('cut off in the stop', () => {
  const isUp = async () =>
    until('the app to be up', 60, async () =>
      (await shellInHost(one, 'curl -fsS --max-time 2 "http://127.0.0.1:$1/health" || :', [String(port)])) !== ''
        ? true
        : null,
    )

  test('the host ends by itself when the operator has gone, and the next run tells', async () => {
    await greet('alone', { restart: 'restore' })
    await actingAt('compare', ['update', 'upd-notes'], (pid) => process.kill(pid, 'SIGKILL'))
    expect(await transactionEnded(one)).toBe('end\t0')
    expect(await greetingOf()).toBe('alone')
    expect((await roll('update', 'upd-notes')).code).toBe(0)
  })

  test('a host that loses its power comes up with the app, and the next run finishes', async () => {
    await greet('after the cut')
    await writeRow(one, port, 'before the cut')
    await actingAt('compare', ['update', 'upd-notes'], async () => {
      await cutPower(one)
      await boot(one)
    })
    await isUp()
    expect(await readRows(one, port)).toContain('before the cut')
    expect((await roll('update', 'upd-notes')).code).toBe(0)
    expect(await greetingOf()).toBe('after the cut')
  })

  /** Renaming files takes twenty seconds from the first of them on that has this in its name. */
  const slowRename = (name: string) =>
    putFile(
      one,
      '/usr/local/sbin/mv',
      `#!/bin/sh\ncase "$*" in *${name}*) : >/run/renaming; sleep 20 ;; esac\nexec /usr/bin/mv "$@"\n`,
      { mode: '0755' },
    )

  test.each(['power', 'kill'])(
    'between two names of its files (%s), what ran before is back as a whole',
    async (how) => {
      const before = await greetingOf()
      const runs = await shellInHost(one, 'readlink /opt/upd-notes/current')
      await writeFile(path.join(release, 'version'), `${how}\n`)
      await greet(`not after ${how}`)
      // app.env has its new name by then
      await slowRename('upd-notes/runs-from')
      await shellInHost(one, 'rm -f /run/renaming')
      const run = await actingAt('files', ['update', 'upd-notes'], async () => {
        await until('the rename', 30, async () =>
          (await shellInHost(one, 'ls /run/renaming 2>/dev/null || :')) === '' ? null : true,
        )
        expect(await shellInHost(one, 'cat /etc/streamside/apps/upd-notes/app.env')).toContain(`not after ${how}`)
        if (how === 'kill') await shellInHost(one, "systemctl kill --signal=SIGKILL 'streamside-apply-*'")
        else {
          await cutPower(one)
          await boot(one)
        }
      })
      expect(run.code).toBe(1)
      await isUp()
      await shellInHost(one, 'rm /usr/local/sbin/mv')
      expect(await greetingOf()).toBe(before)
      expect(await shellInHost(one, 'readlink /opt/upd-notes/current')).toBe(runs)
      expect(
        await shellInHost(
          one,
          'ls -A /etc/systemd/system /etc/systemd/system/multi-user.target.wants | grep recover || :',
        ),
      ).toBe('')
      const next = await roll('update', 'upd-notes')
      expect(next.code, next.stdout + next.stderr).toBe(0)
      expect(await greetingOf()).toBe(`not after ${how}`)
    },
  )

  test('in the middle of being put back, what ran before is back as a whole all the same', async () => {
    const before = await greetingOf()
    await crashes()
    await greet('not this')
    // the first time it gets its new name, the second time its former one
    await putFile(
      one,
      '/usr/local/sbin/mv',
      '#!/bin/sh\ncase "$*" in *upd-notes/app.env*) if [ -e /run/once ]; then : >/run/renaming; sleep 20; else : >/run/once; fi ;; esac\nexec /usr/bin/mv "$@"\n',
      { mode: '0755' },
    )
    await shellInHost(one, 'rm -f /run/renaming /run/once')
    await actingAt('put-back', ['update', 'upd-notes'], async () => {
      await until('the rename', 30, async () =>
        (await shellInHost(one, 'ls /run/renaming 2>/dev/null || :')) === '' ? null : true,
      )
      await shellInHost(one, "systemctl kill --signal=SIGKILL 'streamside-apply-*'; rm /usr/local/sbin/mv")
    })
    await works()
    await isUp()
    expect(await greetingOf()).toBe(before)
    expect((await roll('update', 'upd-notes')).code).toBe(0)
    expect(await greetingOf()).toBe('not this')
    expect(await leftovers(one)).toEqual([])
  })

  test('what ran before runs again when the transaction is killed', async () => {
    await greet('never')
    const run = await actingAt('compare', ['update', 'upd-notes'], () =>
      shellInHost(one, "systemctl kill --signal=SIGKILL 'streamside-apply-*'"),
    )
    expect(run.code).toBe(1)
    await isUp()
    expect(await readRows(one, port)).toContain('first')
    expect((await roll('update', 'upd-notes')).code).toBe(0)
    expect(await greetingOf()).toBe('never')
  })
})

test('what was updated is rolled back to what ran before, with its data as they are; then provision finds the newer one', async () => {
  await writeFile(path.join(release, 'notes'), good.replace('server_version = "notes"', 'server_version = "newer"'))
  const versionOf = () =>
    shellInHost(one, 'curl -fsSI --max-time 10 "http://127.0.0.1:$1/" | grep -i ^server:', [String(port)])
  expect((await roll('update', 'upd-notes')).code).toBe(0)
  expect(await versionOf()).toContain('newer')
  await writeRow(one, port, 'of the newer release')
  const run = await roll('rollback', 'upd-notes')
  expect(run.code, run.stdout + run.stderr).toBe(0)
  expect(rolledOf(run)).toMatchObject([{ app: 'upd-notes', outcome: 'rolled' }])
  expect(eventsOf(run, 'warning').map((event) => event['code'])).toEqual(['rolled-back'])
  expect(await versionOf()).toContain('notes')
  expect(await readRows(one, port)).toContain('of the newer release')
  expect(changesOf(await roll('plan', '--limit', 'upd-one'), 'link')).toEqual(['update /opt/upd-notes/current'])
  await works()
  expect(changesOf(await roll('update', 'upd-notes', '--dry-run'))).toEqual([])
  const none = await roll('rollback', 'upd-beside')
  expect(none.code).toBe(2)
  expect(problemsOf(none)).toMatchObject([{ code: 'no-release-before' }])
})

test('history tells of each, the oldest first', async () => {
  const run = await lab.run(['history', 'upd-notes'])
  expect(run.code, run.stderr).toBe(0)
  const lines = run.stdout.trim().split('\n')
  expect(lines[0]).toMatch(/^WHEN +HOST +APP +OUTCOME +DOWN +RELEASE +WHO$/)
  expect(lines[1]).toMatch(
    /^20\d\d-\d\d-\d\d \d\d:\d\d UTC +upd-one +upd-notes +healthy +[\d.]+ s +[0-9a-f]{12} +\S+@\S+ \(streamside update, pid \d+\)$/,
  )
  expect(lines.join('\n')).toMatch(/upd-notes +put back +\d+ s +[0-9a-f]{12} → [0-9a-f]{12} /)
  const past = eventsOf(await roll('history'), 'app-history')
  const times = past.filter((event) => event['app'] === 'upd-notes').map((event) => Date.parse(String(event['at'])))
  expect(times).toEqual(times.toSorted((a, b) => a - b))
  expect(new Set(past.map((event) => event['app']))).toEqual(new Set(['upd-memory', 'upd-notes', 'upd-pages']))
})
