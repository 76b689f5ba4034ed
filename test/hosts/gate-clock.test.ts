import { beforeAll, describe, expect, test } from 'vitest'
import { boot, cutPower, setFaults, shellInHost } from '../lab/index.ts'
import {
  type Gated,
  gated,
  gatedApps,
  impatient,
  isRunning,
  loseDatabase,
  problemOf,
  refused,
  rowsOnceUp,
  statusSays,
  writeUploaded,
} from './gated.ts'
import { type Site, site, until, writeRow } from './site.ts'

// Apart: where an app runs without its replica, a run waits for it to be replicated.
const parts = { ...gatedApps('clk-one', 8271, ['clk-own']), ...gatedApps('clk-two', 8271, ['clk-bare']) }
const hosts = [{ name: 'clk-one' }, { name: 'clk-two' }]
const rows = ['one', 'two']
let lab: Site
const app = (name: string): Gated => gated(lab, 'gate-clock', parts, name)
const litestream = async (name: string): Promise<string> =>
  (await shellInHost(app(name).host, 'systemctl show -P SubState "$1-litestream"', [name])).trim()

beforeAll(async () => {
  lab = await site('gate-clock', hosts, { apps: parts })
  await lab.provision()
  await Promise.all(Object.keys(parts).map((name) => writeUploaded(app(name), ...rows)))
  await lab.rewrite({ apps: impatient(parts) })
})

describe('with a clock 10 minutes ahead at boot', () => {
  const says = /this machine's clock is \d+ min ahead of the replica's server/

  test('an app serves what it has, but Litestream waits: its retention would delete history by that clock', async () => {
    for (const { name } of hosts) await cutPower(lab.host(name))
    await loseDatabase(app('clk-bare'))
    await setFaults(lab.lab.instance, [{ path: '/gate-clock/', do: { kind: 'date', seconds: -600 } }])
    for (const { name } of hosts) await boot(lab.host(name))
    expect(await rowsOnceUp(app('clk-own'))).toEqual(rows)
    expect(await statusSays(app('clk-own'), says, 'clk-own-litestream')).toMatch(
      /let this machine reach a time server \(timedatectl timesync-status\), or set its clock/,
    )
    expect(await litestream('clk-own')).not.toBe('running')
  })

  test('an app without a database does not start, and says so in status and in provision', async () => {
    await refused(app('clk-bare'), 'clock')
    expect(await isRunning(app('clk-bare'))).toBe(false)
    await statusSays(app('clk-bare'), says)
    const problem = problemOf(await lab.provision(['--limit', 'clk-two'], 1), 'clk-bare')
    expect(problem).toMatchObject({ code: 'gate-clock', exit: 1, next: expect.stringMatching(/time server/) })
    expect(problem['found']).toMatch(says)
  })

  test('all go on by themselves once the clock is right', async () => {
    await writeRow(app('clk-own').host, app('clk-own').port, 'three')
    await setFaults(lab.lab.instance, [])
    expect(await rowsOnceUp(app('clk-bare'), 60)).toEqual(rows)
    await until('Litestream to run', 30, async () => ((await litestream('clk-own')) === 'running' ? true : null))
    await writeUploaded(app('clk-own'), 'four')
    expect(await rowsOnceUp(app('clk-own'))).toEqual([...rows, 'three', 'four'])
  }, 90_000)
})

describe('when the clock jumps under a running app', () => {
  const alerts = async (name: string): Promise<string[]> => {
    const said = await shellInHost(app(name).host, 'journalctl --no-pager -ocat -t streamside-alert')
    return said.split('\n').filter((line) => line.includes(`"app":"${name}"`) && line.includes('"code":"clock"'))
  }
  const lookAgain = async (name: string): Promise<void> => {
    await shellInHost(app(name).host, 'systemctl start "$1-check"', [name])
  }

  test('its Litestream is halted and stays down, the app goes on, and people are told once', async () => {
    const own = app('clk-own')
    await setFaults(lab.lab.instance, [{ path: '/gate-clock/', do: { kind: 'date', seconds: 600 } }])
    await lookAgain('clk-own')
    await until('Litestream to be held back by its own check', 30, async () =>
      (await litestream('clk-own')) === 'auto-restart' ? true : null,
    )
    await lookAgain('clk-own')
    await writeRow(own.host, own.port, 'five')
    expect(await isRunning(own)).toBe(true)
    expect(await litestream('clk-own')).not.toBe('running')
    expect(await alerts('clk-own')).toEqual([expect.stringMatching(/10 min behind .*Litestream comes back by itself/)])
  })

  test('it comes back by itself once the clock is right, and uploads what was written meanwhile', async () => {
    await setFaults(lab.lab.instance, [])
    await until('Litestream to run', 30, async () => ((await litestream('clk-own')) === 'running' ? true : null))
    await writeUploaded(app('clk-own'), 'six')
    await lookAgain('clk-own')
    expect(await alerts('clk-own')).toHaveLength(1)
    expect(await shellInHost(app('clk-own').host, 'ls /var/lib/streamside/apps/clk-own/alerts')).not.toMatch(/clock/)
  }, 90_000)
})
