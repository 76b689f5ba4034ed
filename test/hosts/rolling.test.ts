import { beforeAll, describe, expect, test } from 'vitest'
import { type LabHost, shellInHost } from '../lab/index.ts'
import { changesOf, pagesApp } from './host-state.ts'
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

/** When the app was last down on a host: µs since boot, which all hosts of the lab share. */
async function outage(host: LabHost): Promise<{ began: number; end: number }> {
  const shown = await shellInHost(
    host,
    'for at in ActiveExit ActiveEnter; do systemctl show -P "${at}TimestampMonotonic" rolling; done',
  )
  const [began, end] = shown.trim().split('\n').map(Number)
  return { began: began!, end: end! }
}

const codesOf = (run: Run) =>
  eventsOf(run, 'problem')
    .map((event) => (event['problem'] as { code: string }).code)
    .sort()

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

  test('may get another health check, which the release that still runs on the others does not answer', async () => {
    const before = await pids()
    // another port: whoever still runs as before is not to be asked there
    const at = (other: number) => ({ port: other, health: { http: `http://127.0.0.1:${other}/health`, within: '20s' } })
    await change(at(port + 2))
    const run = await lab.provision()
    expect(atOnce(run)).toBe(1)
    for (const [n, pid] of (await pids()).entries()) expect(pid).not.toBe(before[n])
    await change()
    await lab.provision()
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
    expect(codesOf(run)).toEqual(['roll-halted', 'roll-halted', 'unhealthy'])
    const now = await pids()
    expect(now.filter((pid, n) => pid !== before[n])).toHaveLength(1)
    // people try the same once more
    expect(codesOf(await lab.provision([], 1))).toEqual(['roll-halted', 'roll-halted', 'unhealthy'])
    expect(await pids()).toEqual(now)
    const says = await change()
    await lab.provision()
    for (const host of hosts) expect(await readRows(host, port)).toEqual([`of ${host.name}`])
    expect(await page(hosts[2]!)).toContain(says)
  })

  test('that was stopped on one host is started there before it is restarted on any other', async () => {
    await shellInHost(hosts[1]!, 'systemctl stop rolling')
    const before = await pids()
    await change()
    const halted = await lab.run(['provision', '--json', '--limit', 'rol-one'])
    expect(halted.code).toBe(1)
    expect(eventsOf(halted, 'problem')).toMatchObject([
      {
        problem: { code: 'roll-halted', found: expect.stringContaining('rol-two: rolling.service is inactive (dead)') },
      },
    ])
    expect(await pids()).toEqual(before)
    await lab.provision()
    // by the hosts' own clock: that it serves is seen from another host, maybe before the run that started it says so
    const [one, two, three] = await Promise.all(hosts.map(outage))
    expect(two!.end).toBeLessThan(Math.min(one!.began, three!.began))
    expect(one!.began < three!.began ? one!.end < three!.began : three!.end < one!.began).toBe(true)
    for (const [n, pid] of (await pids()).entries()) expect(pid).not.toBe(before[n])
    expect(changesOf(await lab.provision())).toEqual([])
  })

  test('that answers its health check on one host no more is restarted on no other', async () => {
    const before = await pids()
    await shellInHost(hosts[1]!, 'pkill -STOP -u rolling')
    await change()
    const halted = await lab.run(['provision', '--json', '--limit', 'rol-one'])
    await shellInHost(hosts[1]!, 'pkill -CONT -u rolling')
    expect(eventsOf(halted, 'problem')).toMatchObject([
      { problem: { code: 'roll-halted', found: expect.stringContaining('rol-two: its health check fails') } },
    ])
    expect(await pids()).toEqual(before)
    await lab.provision()
  })

  test('that ends again and again on one host is restarted on no other', async () => {
    // its start is good, and what runs then is not
    await shellInHost(hosts[0]!, 'pkill -KILL -u rolling; sleep 6; pkill -KILL -u rolling; sleep 6')
    const before = await pids()
    await change()
    const crashing = shellInHost(hosts[0]!, 'for n in $(seq 8); do pkill -KILL -u rolling || :; sleep 3; done')
    const halted = await lab.run(['provision', '--json', '--limit', 'rol-two'])
    await crashing
    expect(eventsOf(halted, 'problem')).toMatchObject([
      { problem: { code: 'roll-halted', found: expect.stringContaining('rol-one: rolling.service') } },
    ])
    expect((await pids()).slice(1)).toEqual(before.slice(1))
    await lab.provision()
    expect(changesOf(await lab.provision())).toEqual([])
  })
})

test('two apps that are down on one host each are started there, and the run after that restarts what is left', async () => {
  const two = (greeting: string) => ({
    ...apps({ environment: { DATABASE: 'data/notes.db', GREETING: greeting } }),
    crossing: {
      ...pagesApp('', port + 1),
      host: undefined,
      hosts: names.slice(0, 2),
      environment: { GREETING: greeting },
    },
  })
  await lab.rewrite({ apps: two('before') })
  await lab.provision()
  await shellInHost(hosts[0]!, 'systemctl stop rolling')
  await shellInHost(hosts[1]!, 'systemctl stop crossing')
  await lab.rewrite({ apps: two('after') })
  const run = await lab.provision([], 1)
  expect(new Set(codesOf(run))).toEqual(new Set(['roll-halted']))
  expect(await shellInHost(hosts[0]!, 'systemctl is-active rolling')).toBe('active\n')
  expect(await shellInHost(hosts[1]!, 'systemctl is-active crossing')).toBe('active\n')
  await lab.provision()
  await lab.rewrite({ apps: apps({ environment: { DATABASE: 'data/notes.db', GREETING: 'after' } }) })
  await lab.provision(['--prune'])
  expect(changesOf(await lab.provision())).toEqual([])
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
