import { beforeAll, describe, expect, test } from 'vitest'
import { type LabHost, shellInHost } from '../lab/index.ts'
import { changesOf, mainPid } from './host-state.ts'
import { eventsOf, notesApp, readRows, type Run, type Site, site, writeRow } from './site.ts'

let lab: Site
let hosts: LabHost[]
const port = 8191
const names = ['rol-one', 'rol-two', 'rol-three']

const apps = (more: Record<string, unknown> = {}) => ({
  rolling: notesApp('', port, { host: undefined, hosts: names, ...more }),
})
let turn = 0
const change = (more: Record<string, unknown> = {}) => {
  turn += 1
  return lab.rewrite({
    apps: apps({ environment: { DATABASE: 'data/notes.db', GREETING: `turn ${turn}` }, ...more }),
  })
}

beforeAll(async () => {
  lab = await site(
    'rolling',
    names.map((name) => ({ name })),
    { apps: apps() },
  )
  hosts = names.map((name) => lab.host(name))
  await lab.provision()
  for (const host of hosts) await writeRow(host, port, `of ${host.name}`)
})

const pids = () => Promise.all(hosts.map((host) => mainPid(host, 'rolling.service')))
const outcomes = (run: Run) =>
  Object.fromEntries(eventsOf(run, 'host-done').map((event) => [event['host'], event['outcome']]))

/** The most hosts that were between their upload and a healthy app at one time. */
function atOnce(run: Run): number {
  const at = new Set<unknown>()
  let most = 0
  for (const event of run.events) {
    if (event['type'] === 'host-step' && event['step'] === 'upload') at.add(event['host'])
    if (event['type'] === 'app-healthy') at.delete(event['host'])
    most = Math.max(most, at.size)
  }
  return most
}

describe('an app on three hosts', () => {
  test('restarts on one host at a time, and all of them in one run', async () => {
    const before = await pids()
    await change()
    const run = await lab.provision()
    expect(outcomes(run)).toEqual({ 'rol-one': 'changed', 'rol-two': 'changed', 'rol-three': 'changed' })
    expect(atOnce(run)).toBe(1)
    for (const [n, pid] of (await pids()).entries()) expect(pid).not.toBe(before[n])
  })

  test('goes on with what it was started from with --restarts none, and the next run restarts it', async () => {
    const before = await pids()
    await change()
    const left = await lab.provision(['--restarts', 'none'])
    expect(changesOf(left, 'unit')).toEqual([])
    expect(eventsOf(left, 'warning').map((event) => event['code'])).toEqual(names.map(() => 'restart-left'))
    expect(await pids()).toEqual(before)
    expect(changesOf(await lab.provision(), 'unit')).toEqual(names.map(() => 'restart rolling.service'))
    for (const [n, pid] of (await pids()).entries()) expect(pid).not.toBe(before[n])
    expect(changesOf(await lab.provision())).toEqual([])
  })

  test('restarts everywhere at once with --restarts now', async () => {
    await change()
    expect(atOnce(await lab.provision(['--restarts', 'now']))).toBeGreaterThan(1)
  })

  test('that does not come up on the first host is left alone on the others', async () => {
    const before = await pids()
    await change({ health: { http: `http://127.0.0.1:${port}/nowhere`, within: '6s' } })
    const run = await lab.provision([], 1)
    const failed = Object.entries(outcomes(run)).filter(([, outcome]) => outcome === 'failed')
    expect(failed).toHaveLength(3)
    const codes = eventsOf(run, 'problem').map((event) => (event['problem'] as { code: string }).code)
    expect(codes.sort()).toEqual(['roll-halted', 'roll-halted', 'unhealthy'])
    const now = await pids()
    expect(now.filter((pid, n) => pid !== before[n])).toHaveLength(1)
    await change()
    await lab.provision()
    for (const host of hosts) expect(await readRows(host, port)).toEqual([`of ${host.name}`])
    expect(await shellInHost(hosts[2]!, 'curl -fsS "http://127.0.0.1:$1/"', [String(port)])).toContain(`turn ${turn}`)
  })
})
