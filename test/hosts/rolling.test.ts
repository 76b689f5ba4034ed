import { beforeAll, describe, expect, test } from 'vitest'
import { type LabHost, shellInHost } from '../lab/index.ts'
import { changesOf } from './host-state.ts'
import { outcomes, page, port, rolled, type Rolled } from './rolled.ts'
import { eventsOf, readRows, type Run, type Site } from './site.ts'

let lab: Site
let hosts: LabHost[]
let names: string[]
let apps: Rolled['apps']
let change: Rolled['change']
let pids: Rolled['pids']

beforeAll(async () => {
  ;({ lab, hosts, names, apps, change, pids } = await rolled('rolling', 'rol'))
})

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
    const says = await change()
    await lab.provision()
    for (const host of hosts) expect(await readRows(host, port)).toEqual([`of ${host.name}`])
    expect(await page(hosts[2]!)).toContain(says)
  })
})

describe('an app of several hosts that gets another name', () => {
  const renamedTo = (name: string, was: string) => lab.rewrite({ apps: { [name]: { ...apps().rolling, was } } })

  test('on two of its hosts, and a third name before the last one was reached, has that on all, with the rows of each', async () => {
    await renamedTo('rolled', 'rolling')
    await lab.provision(['--limit', 'rol-one', '--limit', 'rol-two'])
    await renamedTo('rolls', 'rolling')
    const run = await lab.provision()
    expect(atOnce(run)).toBe(1)
    for (const host of hosts) {
      expect(await readRows(host, port)).toEqual([`of ${host.name}`])
      expect(await shellInHost(host, 'cut -d: -f1 /etc/passwd | grep ^roll')).toBe('rolls\n')
    }
    expect(changesOf(await lab.provision())).toEqual([])
  })

  test('by two operators at once, a different one by each, has one of them in the end', async () => {
    await renamedTo('rolls-one', 'rolls')
    let second: Promise<Run> | null = null
    const first = await lab.run(['provision', '--json', '--limit', 'rol-one'], {
      onLine: (line) => {
        if (second === null && line.includes('"step":"leave"'))
          second = renamedTo('rolls-two', 'rolls').then(() => lab.run(['provision', '--json', '--limit', 'rol-one']))
      },
    })
    expect(first.code).toBe(0)
    expect((await second!).code).toBe(5)
    await lab.provision()
    for (const host of hosts) {
      expect(await readRows(host, port)).toEqual([`of ${host.name}`])
      expect(await shellInHost(host, 'cut -d: -f1 /etc/passwd | grep ^roll')).toBe('rolls-two\n')
    }
    expect(changesOf(await lab.provision())).toEqual([])
  })
})
