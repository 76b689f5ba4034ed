import { beforeAll, describe, expect, test } from 'vitest'
import { reboot, setFaults, shellInHost } from '../lab/index.ts'
import { proven } from './directory-site.ts'
import { type Gated, gated, problemOf, rowsOnceUp } from './gated.ts'
import { changesOf } from './host-state.ts'
import { eventsOf, notesApp, readRows, type Run, type Site, site, writeRow } from './site.ts'

// The inventory gives a database another place: its rows come along, whatever lies there.
const name = 'mov-one'
const ports = { 'mov-solo': 8521, 'mov-pair': 8522, 'mov-slow': 8523 } as const
type Name = keyof typeof ports

let lab: Site
const apps: Record<string, Record<string, unknown>> = {}
const at = (file: string) => ({ database: file, environment: { DATABASE: file } })
const keys = (main: string, log: string) => ({
  database: undefined,
  databases: { main, log },
  environment: { DATABASES: `main=${main},log=${log}` },
})
const of = (app: Name): Gated => gated(lab, 'moves', apps, app)
const host = () => lab.host(name)

async function declare(app: Name, more: Record<string, unknown>): Promise<void> {
  apps[app] = notesApp(name, ports[app], more)
  await lab.rewrite({ apps })
}
const codes = (run: Run) => eventsOf(run, 'problem').map(({ problem }) => (problem as { code: string }).code)
const logRows = async () => {
  const answer = await shellInHost(host(), 'curl -fsS --max-time 10 "http://127.0.0.1:$1/rows/log"', [
    String(ports['mov-pair']),
  ])
  return (JSON.parse(answer) as { text: string }[]).map(({ text }) => text)
}

/** Provisions, and sees that nothing is left to do, and nothing is wrong. */
async function moved(): Promise<Run> {
  const run = await lab.provision()
  expect(changesOf(await lab.provision())).toEqual([])
  const status = await lab.run(['status', '--json'])
  expect(status.stdout).not.toMatch(/"code":"(no-files|stale-files)"/)
  return run
}

beforeAll(async () => {
  Object.assign(apps, {
    'mov-solo': notesApp(name, ports['mov-solo'], at('data/a.db')),
    'mov-pair': notesApp(name, ports['mov-pair'], keys('data/m.db', 'data/l.db')),
    'mov-slow': notesApp(name, ports['mov-slow'], { ...at('data/a.db'), litestream: { 'sync-interval': '60s' } }),
  })
  lab = await site('moves', [{ name }], { apps })
  await lab.provision()
})

describe('a database that gets another place', () => {
  test('has its rows there, and all of them in its first place again, though an older copy lies there', async () => {
    for (const text of ['one', 'two', 'three', 'four']) await writeRow(host(), ports['mov-solo'], text)
    await declare('mov-solo', at('data/b.db'))
    await moved()
    expect(await rowsOnceUp(of('mov-solo'))).toEqual(['one', 'two', 'three', 'four'])
    await writeRow(host(), ports['mov-solo'], 'five')
    await declare('mov-solo', at('data/a.db'))
    const plan = await lab.run(['plan', '--json'])
    expect(changesOf(plan, 'app')).toEqual(['stop mov-solo'])
    await moved()
    expect(await rowsOnceUp(of('mov-solo'))).toEqual(['one', 'two', 'three', 'four', 'five'])
    await proven(of('mov-solo'))
  })

  test('takes rows along that had not been uploaded yet', async () => {
    await writeRow(host(), ports['mov-slow'], 'not uploaded yet')
    await declare('mov-slow', { ...at('data/b.db'), litestream: { 'sync-interval': '60s' } })
    await moved()
    expect(await rowsOnceUp(of('mov-slow'))).toEqual(['not uploaded yet'])
  })

  test('stays where it is, and is served on, while it is not proven that the replica holds it', async () => {
    await writeRow(host(), ports['mov-slow'], 'while the server is away')
    await declare('mov-slow', at('data/c.db'))
    await setFaults(lab.lab.instance, [{ path: '/mov-slow/.*ltx', do: { kind: 'status', status: 503 } }])
    const run = await lab.provision([], 6)
    await setFaults(lab.lab.instance, [])
    expect(problemOf(run, 'mov-slow')).toMatchObject({ code: 'not-proven' })
    const rows = ['not uploaded yet', 'while the server is away']
    expect(await rowsOnceUp(of('mov-slow'))).toEqual(rows)
    expect(await shellInHost(host(), 'ls /var/lib/mov-slow/data')).not.toContain('c.db')
    await proven(of('mov-slow'))
    await moved()
    expect(await rowsOnceUp(of('mov-slow'))).toEqual(rows)
  })

  test('is moved by a run that comes while the app is still being started by a boot', async () => {
    const rows = await readRows(host(), ports['mov-solo'])
    await reboot(host())
    await declare('mov-solo', at('data/booted.db'))
    await moved()
    expect(await rowsOnceUp(of('mov-solo'))).toEqual(rows)
    await declare('mov-solo', at('data/a.db'))
    await moved()
    expect(await rowsOnceUp(of('mov-solo'))).toEqual(rows)
  })

  test('is not moved with --restarts none', async () => {
    await declare('mov-solo', at('data/b.db'))
    expect(codes(await lab.provision(['--restarts', 'none'], 1))).toEqual(['restart-needed'])
    expect(await readRows(host(), ports['mov-solo'])).toHaveLength(5)
    await declare('mov-solo', at('data/a.db'))
    expect(changesOf(await lab.provision())).toEqual([])
  })
})

test('two databases of an app that change places keep their rows by their names', async () => {
  const log = `http://127.0.0.1:${ports['mov-pair']}/rows/log`
  await writeRow(host(), ports['mov-pair'], 'of main')
  await shellInHost(host(), 'curl -fsS --data-binary "of log" "$1"', [log])
  await declare('mov-pair', keys('data/l.db', 'data/m.db'))
  await moved()
  expect(await rowsOnceUp(of('mov-pair'))).toEqual(['of main'])
  expect(await logRows()).toEqual(['of log'])
  await proven(of('mov-pair'))
})

describe('a database that is new under databases:', () => {
  const named = (databases: Record<string, string>, seen: Record<string, string> = databases) => ({
    database: undefined,
    databases,
    environment: {
      DATABASES: Object.entries(seen)
        .map((each) => each.join('='))
        .join(','),
    },
  })
  const both = { main: 'data/l.db', log: 'data/m.db' }
  const write = (text: string) =>
    shellInHost(host(), 'curl -fsS --max-time 10 --data-binary "$2" "http://127.0.0.1:$1/rows/log"', [
      String(ports['mov-pair']),
      text,
    ])

  test('does not get a name that another history has in the replica: it would be started on that', async () => {
    await declare('mov-pair', named({ main: 'data/l.db' }, both))
    expect(eventsOf(await lab.provision(), 'warning')).toMatchObject([{ code: 'database-dropped', app: 'mov-pair' }])
    await rowsOnceUp(of('mov-pair'))
    await write('in no replica')
    await declare('mov-pair', named(both))
    for (const run of [await lab.run(['plan', '--json']), await lab.provision([], 6)]) {
      expect(run.code).toBe(6)
      expect(problemOf(run, 'mov-pair')).toMatchObject({ code: 'database-was-here' })
    }
    expect(await logRows()).toEqual(['of log', 'in no replica'])
  })

  test('goes on from the file that is there under another name, and into the replica with all of it', async () => {
    await declare('mov-pair', named({ main: 'data/l.db', logs: 'data/m.db' }, { ...both }))
    await moved()
    await rowsOnceUp(of('mov-pair'))
    expect(await logRows()).toEqual(['of log', 'in no replica'])
    await proven(of('mov-pair'))
  })

  test('does not get the place of another of its app, whose rows it would serve; that one goes on', async () => {
    await declare('mov-pair', named({ logs: 'data/l.db', new: 'data/m.db' }))
    const run = await lab.provision([], 1)
    expect(problemOf(run, 'mov-pair')).toMatchObject({ code: 'database-of-another' })
    expect(eventsOf(run, 'warning')).toMatchObject([
      { code: 'database-dropped', message: expect.stringContaining('main') },
    ])
    expect(await logRows()).toEqual(['of log', 'in no replica'])
    await declare('mov-pair', named({ main: 'data/l.db', logs: 'data/m.db' }, { ...both }))
    expect(changesOf(await lab.provision())).toEqual([])
  })

  test('goes on from the file that is there although Litestream has deleted the beginning of its history here', async () => {
    await write('much later')
    await proven(of('mov-pair'))
    // as its retention does, minutes after it was uploaded
    await shellInHost(host(), 'rm /var/lib/mov-pair/data/.m.db-litestream/ltx/0/0000000000000001-*')
    await declare('mov-pair', named({ main: 'data/l.db', later: 'data/m.db' }, { ...both }))
    await moved()
    await rowsOnceUp(of('mov-pair'))
    expect(await logRows()).toEqual(['of log', 'in no replica', 'much later'])
    await proven(of('mov-pair'))
  })
})

test('two apps do not get the database of each other', async () => {
  const place = (of: string) => at(`/srv/moves/${of}.db`)
  await shellInHost(host(), 'mkdir -m 1777 /srv/moves')
  await declare('mov-solo', place('solo'))
  await declare('mov-slow', place('slow'))
  await moved()
  const rows = await rowsOnceUp(of('mov-slow'))
  expect(rows).toHaveLength(2)
  await declare('mov-solo', place('slow'))
  await declare('mov-slow', place('solo'))
  expect(codes(await lab.provision([], 1))).toEqual(['database-of-another', 'database-of-another'])
  expect(await readRows(host(), ports['mov-slow'])).toEqual(rows)
  await declare('mov-solo', place('solo'))
  await declare('mov-slow', place('slow'))
  expect(changesOf(await lab.provision())).toEqual([])
})

test('storage becomes ephemeral, gets another size, and is persistent again, with all rows', async () => {
  const rows = await readRows(host(), ports['mov-solo'])
  await declare('mov-solo', { ...at('data/a.db'), storage: { ephemeral: '32M' } })
  await moved()
  expect(await rowsOnceUp(of('mov-solo'))).toEqual(rows)
  expect(await shellInHost(host(), 'findmnt -no FSTYPE -T /var/lib/mov-solo/data')).toBe('tmpfs\n')
  await writeRow(host(), ports['mov-solo'], 'in memory')
  await declare('mov-solo', { ...at('data/a.db'), storage: { ephemeral: '48M' } })
  await moved()
  expect(await rowsOnceUp(of('mov-solo'))).toEqual([...rows, 'in memory'])
  expect(await shellInHost(host(), 'findmnt -bno SIZE /var/lib/mov-solo/data')).toMatch(`${48 << 20}`)
  await declare('mov-solo', at('data/a.db'))
  await moved()
  expect(await rowsOnceUp(of('mov-solo'))).toEqual([...rows, 'in memory'])
  expect(await shellInHost(host(), 'findmnt -no FSTYPE -T /var/lib/mov-solo/data')).not.toBe('tmpfs\n')
  await proven(of('mov-solo'))
})

// The last one: that files were gone is told from then on.
test('a database that got another name comes back from its replica with what was in its file before', async () => {
  await shellInHost(
    host(),
    `systemctl stop mov-pair.service mov-pair-litestream.service; rm -rf /var/lib/mov-pair/data/m.db* /var/lib/mov-pair/data/.m.db*
     systemctl start --no-block mov-pair.service`,
  )
  expect(await rowsOnceUp(of('mov-pair'))).toEqual(['of main'])
  expect(await logRows()).toEqual(['of log', 'in no replica', 'much later'])
})
