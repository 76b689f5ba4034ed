import { randomBytes } from 'node:crypto'
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { boot, cutPower, type LabHost, runInHost, shellInHost } from '../lab/index.ts'
import { changesOf, leftovers, transactionEnded } from './host-state.ts'
import { eventsOf, notesApp, readRows, type Run, type Site, site, until, writeRow } from './site.ts'

// Installs packages, boots and provisions twice in one test: a machine that others are at work on takes its time.
vi.setConfig({ testTimeout: 180_000 })

let lab: Site
let one: LabHost
let scratch: string
let apps: Record<string, Record<string, unknown>>

/** Runs provision, and `act`s when it has come to this step. */
async function interruptedAt(step: string, act: (pid: number) => unknown): Promise<Run> {
  let pid = 0
  let acting: unknown = null
  const run = await lab.run(['provision', '--json', '--accept-new'], {
    onStart: (started) => {
      pid = started
    },
    onLine: (line) => {
      const event = JSON.parse(line) as { type: string; step?: string }
      if (acting === null && event.type === 'host-step' && event.step === step) acting = act(pid)
    },
  })
  expect(acting, `provision never came to the step ${step}`).not.toBe(null)
  await acting
  return run
}

/** The real check, after three seconds: a fast machine would be through with it before the power can be cut. */
const slowChecks =
  'mv /usr/bin/systemd-analyze /usr/bin/systemd-analyze.real && ' +
  `printf '#!/bin/sh\\nsleep 3\\nexec systemd-analyze.real "$@"\\n' >/usr/bin/systemd-analyze && chmod 755 /usr/bin/systemd-analyze`

const kill = (pid: number) => process.kill(pid, 'SIGKILL')
const warningsOf = (run: Run) => eventsOf(run, 'warning').map((event) => event['code'])

/** Another environment for the app: the smallest change that restarts it. */
async function greet(greeting: string): Promise<void> {
  apps['notes'] = { ...apps['notes'], environment: { DATABASE: 'data/notes.db', GREETING: greeting } }
  await lab.rewrite({ apps })
}

/** A release that is not compressible, and big enough for an upload to take a while. */
const renewBallast = () => writeFile(path.join(scratch, 'notes/ballast'), randomBytes(24 << 20))

const greeting = async () =>
  (JSON.parse(await shellInHost(one, 'curl -fsS --max-time 10 http://127.0.0.1:8131/')) as { greeting: string })
    .greeting

beforeAll(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'streamside-interrupted-'))
  const release = path.join(scratch, 'notes')
  await cp(path.resolve(import.meta.dirname, '../lab/app'), release, { recursive: true })
  await renewBallast()
  apps = { notes: notesApp('cut-one', 8131, { release: { from: release, command: './notes' } }) }
  lab = await site('interrupted', [{ name: 'cut-one' }], { apps })
  one = lab.host('cut-one')
})

afterAll(() => rm(scratch, { recursive: true, force: true }))

describe('the orchestrator is killed', () => {
  test('during the upload: the host has done nothing', async () => {
    const run = await interruptedAt('upload', kill)
    expect(run.code).toBe(null)
    await until('the broken upload to be gone', 10, async () => {
      const left = await shellInHost(
        one,
        'ls -A /var/lib/streamside/incoming /var/lib/streamside/transactions 2>/dev/null || :',
      )
      return left.replaceAll(/^\/.*:$|\n/gm, '') === '' || null
    })
    expect(await shellInHost(one, 'ls -d /etc/streamside /opt/notes 2>/dev/null || echo none')).toBe('none\n')
  })

  test('at the first launch, during packages: the next run follows what is under way to its end', async () => {
    expect((await interruptedAt('packages', kill)).code).toBe(null)
    const run = await lab.provision()
    expect(warningsOf(run)).toContain('transaction-under-way')
    expect(eventsOf(run, 'warning')[0]?.['message']).toMatch(
      /of \S+@\S+ \(streamside provision, pid \d+\) is still under way/,
    )
    await writeRow(one, 8131, 'kept')
    expect(changesOf(await lab.provision())).toEqual([])
    expect(await leftovers(one)).toEqual([])
  })

  test('when the files are in place: the host restarts the app by itself, and the next run finds nothing to do', async () => {
    await greet('after the kill')
    expect((await interruptedAt('files', kill)).code).toBe(null)
    expect(await transactionEnded(one)).toBe('end\t0')
    expect(await greeting()).toBe('after the kill')
    const run = await lab.provision()
    expect(changesOf(run)).toEqual([])
    expect(eventsOf(run, 'host-done')).toEqual([expect.objectContaining({ outcome: 'unchanged', execs: 1 })])
  })
})

test('the program of a transaction dies, as for want of memory: that is told, in the words of systemd, and the next run converges', async () => {
  await greet('after its death')
  const run = await interruptedAt('restart', () =>
    runInHost(one, ['systemctl', 'kill', '--signal=KILL', 'streamside-apply-*.service']),
  )
  expect(run).toMatchObject({ code: 1 })
  expect(eventsOf(run, 'problem')).toEqual([
    expect.objectContaining({
      problem: expect.objectContaining({
        code: 'transaction-cut',
        found: expect.stringMatching(/its program died, and systemd says:.*status=9\/KILL/s),
      }),
    }),
  ])
  expect(warningsOf(await lab.provision())).toContain('transaction-cut')
  expect(await greeting()).toBe('after its death')
  expect(changesOf(await lab.provision())).toEqual([])
  expect(await leftovers(one)).toEqual([])
})

describe('the power is cut', () => {
  const cutAndBack = async () => {
    await cutPower(one)
    await boot(one)
  }

  test('during the upload: the run waits for the host and begins again', async () => {
    await greet('cut at upload')
    await renewBallast()
    const run = await interruptedAt('upload', cutAndBack)
    expect(run).toMatchObject({ code: 0 })
    expect(warningsOf(run)).toEqual(['connection-lost'])
    expect(await greeting()).toBe('cut at upload')
    expect(await leftovers(one)).toEqual([])
  })

  test.each(['validate', 'files', 'restart'])(
    'at the step %s: the next run converges and leaves nothing behind',
    async (step) => {
      const old = await greeting()
      // a unit among the files, so that they are checked before they take their places
      const denied = step !== 'files'
      apps['notes'] = { ...apps['notes'], sandbox: { 'deny-write-execute': denied } }
      await greet(`cut at ${step}`)
      if (step === 'validate') await shellInHost(one, slowChecks)
      const run = await interruptedAt(step, cutAndBack)
      if (step === 'validate') await shellInHost(one, 'mv /usr/bin/systemd-analyze.real /usr/bin/systemd-analyze')
      expect(run).toMatchObject({ code: 1 })
      if (step === 'validate') {
        // laid beside their targets, and no further: the app has come up with what it had
        expect(await leftovers(one)).not.toEqual([])
        await until('the app to answer', 20, async () => (await greeting().catch(() => '')) === old || null)
      }
      expect(eventsOf(run, 'problem')).toEqual([
        expect.objectContaining({ problem: expect.objectContaining({ code: 'transaction-cut' }) }),
      ])
      expect(warningsOf(await lab.provision())).toContain('transaction-cut')
      await until('the app to answer', 20, async () => (await greeting().catch(() => '')) === `cut at ${step}` || null)
      expect(changesOf(await lab.provision())).toEqual([])
      expect(await leftovers(one)).toEqual([])
      expect(await readRows(one, 8131)).toEqual(['kept'])
    },
  )

  test('while dpkg is at work: the next run mends it', async () => {
    apps['notes'] = { ...apps['notes'], packages: ['python3', 'vim-tiny', 'groff-base', 'perl'] }
    await lab.rewrite({ apps })
    const run = await interruptedAt('packages', async () => {
      await until(
        'dpkg to be at work',
        30,
        async () => (await runInHost(one, ['pgrep', '-x', 'dpkg'], { allowFailure: true })).code === 0 || null,
      )
      await cutAndBack()
    })
    expect(run).toMatchObject({ code: 1 })
    const next = await lab.provision()
    expect(warningsOf(next)).toContain('transaction-cut')
    expect(await shellInHost(one, 'dpkg --audit')).toBe('')
    expect(await leftovers(one)).toEqual([])
  })
})

describe('the connection is lost', () => {
  test('and the host does not answer for a while: the run comes back and follows to the end', async () => {
    await greet('through a lost connection')
    const run = await interruptedAt('restart', async () => {
      await shellInHost(one, "systemctl stop ssh; pkill -f '^sshd[:-]' || :; sleep 2; systemctl start ssh")
    })
    expect(run).toMatchObject({ code: 0 })
    expect(warningsOf(run)).toEqual(['connection-lost'])
    expect(eventsOf(run, 'app-healthy').map((event) => event['app'])).toEqual(['notes'])
    expect(await greeting()).toBe('through a lost connection')
  })

  test('in the middle of the upload: it is sent again', async () => {
    await renewBallast()
    const run = await interruptedAt('upload', () =>
      runInHost(one, ['pkill', '-f', '^sshd[:-].*pi'], { allowFailure: true }),
    )
    expect(run).toMatchObject({ code: 0 })
    expect(warningsOf(run)).toEqual(['connection-lost'])
    expect(changesOf(run, 'unit')).toEqual(['restart notes.service'])
  })
})

describe('two at once', () => {
  /** Lets no transaction begin on the host until it is released; tells when one waits. */
  async function holdTransactions() {
    const lock = '/var/lib/streamside/transactions.lock'
    await shellInHost(one, 'systemd-run --quiet --collect --unit=hold flock "$1" sleep 60', [lock])
    // of this lock alone: the timers of apps take others. Those who wait have an arrow before them (proc_locks(5))
    const locks = async (which: string) =>
      Number(
        await shellInHost(one, 'grep "FLOCK .*:$(stat -c %i "$2") " /proc/locks | grep -c "$1" || :', [which, lock]),
      )
    await until('the lock to be held', 30, async () => (await locks('FLOCK')) > 0 || null)
    return {
      waiting: (count: number) =>
        until(`${count} transactions to wait`, 30, async () => (await locks('[-]>')) >= count || null),
      release: () => shellInHost(one, 'systemctl stop hold'),
    }
  }

  test('operators: one is carried out, the other is told by whom, and ends with 5', async () => {
    await greet('by one of two')
    const hold = await holdTransactions()
    const runs = [0, 1].map(() => lab.run(['provision', '--json']))
    await hold.waiting(2)
    await hold.release()
    const codes = (await Promise.all(runs)).map((run) => run.code ?? -1).sort((a, b) => a - b)
    expect(codes).toEqual([0, 5])
    const refused = (await Promise.all(runs)).find((run) => run.code === 5)
    expect(eventsOf(refused!, 'problem')).toEqual([
      expect.objectContaining({
        problem: expect.objectContaining({
          code: 'locked',
          found: expect.stringMatching(/it is locked by \S+@\S+ \(streamside provision, pid \d+\), since/),
        }),
      }),
    ])
    expect(eventsOf(refused!, 'host-done')).toEqual([expect.objectContaining({ outcome: 'locked' })])
    expect(await shellInHost(one, 'ls -A /var/lib/streamside/incoming')).toBe('')
    expect(await greeting()).toBe('by one of two')
  })

  test('a hand and an operator: a file that was edited since the plan was made is not overwritten', async () => {
    await greet('planned')
    const hold = await holdTransactions()
    const run = lab.run(['provision', '--json'])
    await hold.waiting(1)
    await shellInHost(one, 'echo "EDITED=meanwhile" >>/etc/streamside/apps/notes/app.env')
    await hold.release()
    expect((await run).code, (await run).stdout).toBe(1)
    expect(eventsOf(await run, 'problem')).toEqual([
      expect.objectContaining({
        problem: expect.objectContaining({ code: 'host-moved', found: expect.stringContaining('apps/notes/app.env') }),
      }),
    ])
    expect(await shellInHost(one, 'tail -n 1 /etc/streamside/apps/notes/app.env')).toBe('EDITED=meanwhile\n')
    expect(await greeting()).toBe('by one of two')
    await lab.provision()
    expect(await greeting()).toBe('planned')
  })
})
