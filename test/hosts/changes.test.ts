import { appendFile, cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type LabHost, runInHost, shellInHost } from '../lab/index.ts'
import { changesOf, mainPid, pagesApp } from './host-state.ts'
import { eventsOf, notesApp, readRows, type Run, type Site, site, writeRow } from './site.ts'

type Apps = Record<string, Record<string, unknown>>

/** What stands in the inventory; each test changes one thing of it. */
let apps: Apps
let lab: Site
let one: LabHost
let scratch: string

const units = ['notes.service', 'notes-litestream.service', 'pages.service'] as const
const pids = async () =>
  Object.fromEntries(await Promise.all(units.map(async (unit) => [unit, await mainPid(one, unit)])))

/** Changes keys of an app, or takes them away (undefined), for this test and those after it. */
async function change(app: string, more: Record<string, unknown>): Promise<void> {
  apps[app] = { ...apps[app], ...more }
  await lab.rewrite({ apps })
}

beforeAll(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'streamside-changes-'))
  const release = path.join(scratch, 'notes')
  await cp(path.resolve(import.meta.dirname, '../lab/app'), release, { recursive: true })
  const own = { release: { from: release, command: './notes' } }
  apps = {
    notes: notesApp('chg-one', 8111, own),
    pages: pagesApp('chg-one', 8112),
    other: pagesApp('chg-two', 8111),
  }
  lab = await site('changes', [{ name: 'chg-one' }, { name: 'chg-two', suite: 'trixie' }], { apps })
  one = lab.host('chg-one')
  await lab.provision()
  await writeRow(one, 8111, 'written before any change')
})

afterAll(() => rm(scratch, { recursive: true, force: true }))

describe('a running app', () => {
  test('restarts when its environment changes, and nothing else does', async () => {
    const before = await pids()
    await change('notes', { environment: { DATABASE: 'data/notes.db', GREETING: 'hello' } })
    const plan = await lab.run(['plan'])
    expect(plan.code).toBe(7)
    expect(plan.stdout).toContain('+GREETING="hello"')
    const run = await lab.provision()
    expect(changesOf(run)).toEqual([
      'update /etc/streamside/apps/notes/app.env',
      'update /etc/streamside/apps/notes/runs-from',
      'restart notes.service',
    ])
    expect(eventsOf(run, 'app-healthy').map((event) => event['app'])).toEqual(['notes'])
    const after = await pids()
    expect(after['notes.service']).not.toBe(before['notes.service'])
    expect({ ...after, 'notes.service': 0 }).toEqual({ ...before, 'notes.service': 0 })
    expect(await readRows(one, 8111)).toEqual(['written before any change'])
  })

  test('stays as it is when only its health check changes', async () => {
    const before = await pids()
    await change('notes', { health: { tcp: 8111, within: '20s' } })
    const run = await lab.provision()
    expect(changesOf(run)).toEqual([])
    expect(await pids()).toEqual(before)
  })

  test('restarts on a changed release; the one before it is kept', async () => {
    const before = await pids()
    await appendFile(path.join(scratch, 'notes/notes'), '# another release\n')
    const run = await lab.provision()
    expect(changesOf(run, 'unit')).toEqual(['restart notes.service'])
    const after = await pids()
    expect({ ...after, 'notes.service': 0 }).toEqual({ ...before, 'notes.service': 0 })
    expect(after['notes.service']).not.toBe(before['notes.service'])
    expect((await shellInHost(one, 'ls /opt/notes/releases')).trim().split('\n')).toHaveLength(2)
    expect(await shellInHost(one, 'tail -n 1 /opt/notes/current/notes')).toBe('# another release\n')
    expect(await readRows(one, 8111)).toEqual(['written before any change'])
  })

  test('goes back to a release that is still there, and has it neither sent nor laid once more', async () => {
    await cp(path.resolve(import.meta.dirname, '../lab/app'), path.join(scratch, 'notes'), { recursive: true })
    const run = await lab.provision()
    expect(changesOf(run)).toEqual([
      'update /etc/streamside/apps/notes/runs-from',
      'update /opt/notes/current',
      'restart notes.service',
    ])
    expect(await shellInHost(one, 'tail -n 1 /opt/notes/current/notes')).not.toBe('# another release\n')
    expect(changesOf(await lab.provision())).toEqual([])
  })

  test('is started again when somebody has stopped or disabled it', async () => {
    await runInHost(one, ['systemctl', 'disable', '--now', 'pages.service'])
    expect(changesOf(await lab.provision())).toEqual(['enable pages.service', 'start pages.service'])
  })
})

describe('a file edited by hand', () => {
  test('is named with its diff, put back, and what may run from it restarts', async () => {
    await shellInHost(
      one,
      `sed -i 's/hello/edited by hand/' /etc/streamside/apps/notes/app.env && systemctl restart notes`,
    )
    const before = await pids()
    const plan = await lab.run(['plan'])
    expect(plan.code).toBe(7)
    expect(plan.stdout).toContain('-GREETING="edited by hand"')
    expect(plan.stdout).toContain('+GREETING="hello"')
    const run = await lab.provision()
    expect(changesOf(run)).toEqual(['update /etc/streamside/apps/notes/app.env', 'restart notes.service'])
    expect(await shellInHost(one, 'curl -fsS http://127.0.0.1:8111/')).toContain('hello')
    expect((await pids())['notes-litestream.service']).toBe(before['notes-litestream.service'])
    expect(changesOf(await lab.provision())).toEqual([])
  })

  test('with another mode or owner is put right without a restart', async () => {
    const before = await pids()
    await shellInHost(one, 'chmod 0666 /etc/systemd/system/notes.service; chown pi /etc/streamside/apps/notes/app.env')
    const run = await lab.provision()
    expect(changesOf(run)).toEqual([
      'update /etc/streamside/apps/notes/app.env',
      'update /etc/systemd/system/notes.service',
    ])
    expect(
      await shellInHost(one, 'stat -c "%a %U" /etc/systemd/system/notes.service /etc/streamside/apps/notes/app.env'),
    ).toBe('644 root\n600 root\n')
    expect(await pids()).toEqual(before)
  })

  test('in a release is found by its times, and the release is laid again', async () => {
    const program = '/opt/pages/current/notes'
    await shellInHost(one, 'printf "# edited\\n" >>"$1"', [program])
    const changed = changesOf(await lab.provision())
    expect(changed).toEqual([expect.stringMatching(/^update \/opt\/pages\/releases\//), 'restart pages.service'])
    expect(await shellInHost(one, 'tail -n 1 "$1"', [program])).not.toContain('edited')
  })
})

describe('packages', () => {
  test('are added without another refresh of the package index when it knows them', async () => {
    const steps = (run: Run) => eventsOf(run, 'host-step').map((event) => event['step'])
    await change('notes', { packages: ['python3', 'tree'] })
    const run = await lab.provision()
    expect(changesOf(run)).toEqual(['install tree'])
    expect(steps(run)).toContain('packages')
    expect(steps(run)).not.toContain('package-index')
    await shellInHost(one, 'rm -rf /var/lib/apt/lists/*')
    await change('notes', { packages: ['python3', 'tree', 'bc'] })
    expect(steps(await lab.provision())).toContain('package-index')
  })

  test('that do not exist end the run with their names, and nothing is changed', async () => {
    const before = await pids()
    await change('notes', { packages: ['python3', 'no-such-package-anywhere'], environment: { GREETING: 'never' } })
    const run = await lab.provision([], 1)
    expect(eventsOf(run, 'problem')).toEqual([
      expect.objectContaining({
        problem: expect.objectContaining({
          code: 'package-unknown',
          host: 'chg-one',
          found: expect.stringMatching(/no package source of this host .* has no-such-package-anywhere/),
        }),
      }),
    ])
    expect(await pids()).toEqual(before)
    expect(await shellInHost(one, 'grep -c never /etc/streamside/apps/notes/app.env || :')).toBe('0\n')
    await change('notes', { packages: ['python3'], environment: { DATABASE: 'data/notes.db', GREETING: 'hello' } })
    expect(changesOf(await lab.provision())).toEqual([])
  })
})

describe('of several hosts', () => {
  test('the one that cannot be reached does not stop the others: exit 3', async () => {
    await change('other', { environment: { ROUND: '1' } })
    const hosts = { 'chg-one': {}, 'chg-two': {}, gone: { address: one.address, port: 1 } }
    await lab.rewrite({ hosts, apps: { ...apps, lost: pagesApp('gone', 8113) } })
    const run = await lab.provision([], 3)
    expect(changesOf(run, 'unit')).toEqual(['restart other.service'])
    expect(eventsOf(run, 'problem')).toEqual([
      expect.objectContaining({
        problem: expect.objectContaining({ host: 'gone', exit: 3, doing: 'connecting to gone' }),
      }),
    ])
    expect(outcomes(run)).toEqual({ 'chg-one': 'unchanged', 'chg-two': 'changed', gone: 'unreachable' })
  })

  test('the one whose app never gets healthy is named with why, the others are done: exit 1', async () => {
    await change('notes', {
      environment: { DATABASE: 'data/notes.db', GREETING: 'again' },
      health: { http: 'http://127.0.0.1:8111/no-such-page', within: '3s' },
    })
    await change('other', { environment: { ROUND: '2' } })
    const run = await lab.provision([], 1)
    expect(outcomes(run)).toEqual({ 'chg-one': 'failed', 'chg-two': 'changed' })
    expect(eventsOf(run, 'app-healthy').map((event) => event['app'])).toEqual(['other'])
    expect(eventsOf(run, 'problem')).toEqual([
      expect.objectContaining({
        problem: expect.objectContaining({
          code: 'unhealthy',
          doing: 'waiting for notes to be healthy on chg-one',
          found: expect.stringMatching(/notes.service is active\/running after 3 s; its health check said: .*404/s),
        }),
      }),
    ])
    // nothing that it runs from has changed, yet it is not done: it is waited for again, and not restarted
    const before = await pids()
    expect(changesOf(await lab.provision([], 1))).toEqual(['check notes.service'])
    await change('notes', { health: { tcp: 8111, within: '20s' } })
    const again = await lab.provision()
    expect(changesOf(again)).toEqual(['check notes.service'])
    expect(eventsOf(again, 'app-healthy').map((event) => event['app'])).toEqual(['notes'])
    expect(await pids()).toEqual(before)
    expect(changesOf(await lab.provision())).toEqual([])
  })

  test('an app that ends at its start is told with the end of its log', async () => {
    await change('other', {
      release: {
        from: path.resolve(import.meta.dirname, '../lab/app'),
        command: ['sh', '-c', 'echo bad luck; exit 3'],
      },
      health: { tcp: 8111, within: '3s' },
    })
    const run = await lab.provision([], 1)
    expect(eventsOf(run, 'problem')).toEqual([
      expect.objectContaining({
        problem: expect.objectContaining({ app: 'other', found: expect.stringContaining('bad luck') }),
      }),
    ])
    // It is tried again, and waited for again. systemd starts it every five seconds: it may be up at the very moment of the look.
    expect(changesOf(await lab.provision([], 1))).toEqual([expect.stringMatching(/^(start|check) other\.service$/)])
    await change('other', pagesApp('chg-two', 8111))
  })

  test('only those that --limit names are touched', async () => {
    await change('notes', { environment: { DATABASE: 'data/notes.db', GREETING: 'limited' } })
    const run = await lab.provision(['--limit', 'other'])
    expect(Object.keys(outcomes(run))).toEqual(['chg-two'])
    expect(await lab.run(['provision', '--limit', 'chg-tow'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('did you mean chg-two?'),
    })
    expect(outcomes(await lab.provision(['--limit', 'chg-one']))).toEqual({ 'chg-one': 'changed' })
  })
})

function outcomes(run: Run): Record<string, unknown> {
  return Object.fromEntries(eventsOf(run, 'host-done').map((event) => [event['host'], event['outcome']]))
}
