import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { boot, cutPower, environmentOf, putFile, runInHost, setFaults, shellInHost } from '../lab/index.ts'
import {
  type Gated,
  gated,
  gatedApps,
  isRunning,
  memoryOf,
  refused,
  rowsOnceUp,
  statusSays,
  writeUploaded,
} from './gated.ts'
import { eventsOf, notesApp, type Site, site, streamside, until } from './site.ts'
import { appOf, said, statusOf } from './status-answer.ts'

// Each test runs the command several times, and waits for hosts in between.
vi.setConfig({ testTimeout: 240_000 })

const own = gatedApps('lk-one', 8331, ['lk-notes', 'lk-waits'], { 'lk-waits': { 'when-replica-unreachable': 'wait' } })
const parts = { ...own, 'lk-both': { ...notesApp('lk-one', 8341), host: undefined, hosts: ['lk-one', 'lk-two'] } }
let lab: Site
const app = (name: string): Gated => gated(lab, 'looking', own, name)
const one = () => lab.host('lk-one')

beforeAll(async () => {
  lab = await site('looking', [{ name: 'lk-one' }, { name: 'lk-two', suite: 'trixie' }], { apps: parts })
  await lab.provision()
  await writeUploaded(app('lk-waits'), 'one')
})

describe('an app that its gate holds back', () => {
  const orders = () => shellInHost(one(), 'ls -A /run/streamside/offline-once 2>/dev/null || :')

  test('is shown as waiting, with the reason of the gate', async () => {
    await setFaults(lab.lab.instance, [{ path: '/lk-waits/', do: { kind: 'refuse' } }])
    await runInHost(one(), ['systemctl', 'restart', '--no-block', 'lk-waits'])
    const reason = await refused(app('lk-waits'), 'replica-unreachable')
    expect(reason.next).toContain('streamside start lk-waits --offline')
    const answer = await statusOf(lab, '--limit', 'lk-one')
    expect(answer.code, said(answer)).toBe(1)
    expect(appOf(answer, 'lk-waits', 'lk-one')).toMatchObject({
      state: 'waiting',
      reason: { code: 'replica-unreachable', text: reason.text },
    })
  })

  test('is not started without its replica unless somebody says that the risk is known', async () => {
    const answer = await lab.run(['start', 'lk-waits', '--offline'])
    expect(answer.code, said(answer)).toBe(2)
    expect(answer.stderr.replaceAll(/\s+/g, ' ')).toMatch(/would|another host may have taken it over.*--yes/)
    expect((await lab.run(['start', 'lk-waits'])).code).toBe(2)
    expect(await orders()).toBe('')
    expect(await isRunning(app('lk-waits'))).toBe(false)
  })

  test('is started once with --offline --yes, and waits again at its next start', async () => {
    const answer = await lab.run(['start', 'lk-waits', '--offline', '--yes'])
    expect(answer.code, said(answer)).toBe(0)
    expect(await isRunning(app('lk-waits'))).toBe(true)
    expect(await orders()).toBe('')
    await runInHost(one(), ['systemctl', 'restart', '--no-block', 'lk-waits'])
    await refused(app('lk-waits'), 'replica-unreachable')
  })

  test('is not started by an order of before a boot', async () => {
    await putFile(one(), '/run/streamside/offline-once/lk-waits', '')
    await cutPower(one())
    await boot(one())
    expect(await orders()).toBe('')
    // the reason that lies there is of before the boot: what counts is what the gate says now
    await statusSays(app('lk-waits'), /replica-unreachable: .*when-replica-unreachable: wait/)
    expect(await isRunning(app('lk-waits'))).toBe(false)
  })

  test('is not started over a restore that was under way; the order is taken back', async () => {
    await putFile(one(), memoryOf(app('lk-waits'), 'restoring'), '{}\n')
    const answer = await lab.run(['start', 'lk-waits', '--offline', '--yes'])
    expect(answer.code, said(answer)).toBe(1)
    expect(answer.stderr.replaceAll(/\s+/g, ' ')).toMatch(/a restore was under way/)
    expect(await isRunning(app('lk-waits'))).toBe(false)
    expect(await orders()).toBe('')
    await runInHost(one(), ['rm', memoryOf(app('lk-waits'), 'restoring')])
    await setFaults(lab.lab.instance, [])
    await rowsOnceUp(app('lk-waits'))
  })
})

describe('logs', () => {
  test('are those of all units of the app, the host before each line when there are several', async () => {
    const answer = await lab.run(['logs', 'lk-notes', '-n', '200'])
    expect(answer.code, said(answer)).toBe(0)
    expect(answer.stdout).toMatch(/^\d{4}-\d\d-\d\dT.* lk-notes\[\d+\]: notes listens on port/m)
    expect(answer.stdout).toMatch(/ lk-notes-gate\[\d+\]: start, /)
    expect(answer.stdout).toMatch(/ lk-notes-litestream\[\d+\]: /)
    const two = await lab.run(['logs', 'lk-both', '--since', '-1d'])
    expect(two.stdout).toMatch(/^lk-one {2}\d{4}-.*notes listens/m)
    expect(two.stdout).toMatch(/^lk-two {2}\d{4}-.*notes listens/m)
    expect(new Set(two.stdout.split('\n').map((line) => line.slice(0, 6)))).toEqual(new Set(['lk-one', 'lk-two', '']))
    // the newest of those since then, on each Debian, whatever is written meanwhile
    const newest = (await lab.run(['logs', 'lk-both', '-n', '2', '--since', '-1d'])).stdout.trimEnd().split('\n')
    for (const host of ['lk-one', 'lk-two']) {
      const all = two.stdout.split('\n').filter((line) => line.startsWith(host))
      expect(all.length).toBeGreaterThan(4)
      expect(newest.filter((line) => line.startsWith(host))).toHaveLength(2)
      for (const oldest of all.slice(0, 2)) expect(newest).not.toContain(oldest)
    }
    expect((await lab.run(['logs', 'lk-nots'])).stderr).toContain('did you mean lk-notes?')
    expect((await lab.run(['logs', 'lk-notes', '--since', 'never ever'])).code).toBe(1)
  })

  test('come as events with --json', async () => {
    const answer = await lab.run(['logs', 'lk-both', '-n', '2', '--json'])
    expect(answer.code, said(answer)).toBe(0)
    const lines = eventsOf(answer, 'log-line')
    expect(lines).toHaveLength(4)
    expect(new Set(lines.map(({ v, host }) => `${String(v)} ${String(host)}`))).toEqual(
      new Set(['1 lk-one', '1 lk-two']),
    )
  })

  describe('that are followed', () => {
    // Debian 13's sudo runs a command on a pty of its own
    const hosts = () => [one(), lab.host('lk-two')]
    const journals = async () =>
      (await Promise.all(hosts().map((host) => shellInHost(host, 'pgrep -xc journalctl || :')))).map(Number)
    const restart = () =>
      Promise.all(
        hosts().map((host) => runInHost(host, ['systemctl', 'restart', 'lk-both.service'], { deadlineSeconds: 50 })),
      )

    async function follow() {
      const cli = `${import.meta.dirname}/../../src/bin.ts`
      const child = spawn(process.execPath, [cli, 'logs', 'lk-both', '-f', '-n', '1', '-i', lab.inventory], {
        env: { ...process.env, ...(await environmentOf(lab.lab.instance)), NO_COLOR: '1' },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      const heard = { out: '' }
      child.stdout.on('data', (chunk: Buffer) => (heard.out += chunk.toString()))
      child.stderr.on('data', (chunk: Buffer) => (heard.out += chunk.toString()))
      const ended = once(child, 'exit')
      await until('the journals to be followed', 60, async () => ((await journals()).includes(0) ? null : true))
      return { child, heard, ended }
    }

    test('end with Ctrl-C, and journalctl on the hosts ends with them', async () => {
      const { child, heard, ended } = await follow()
      await restart()
      for (const host of ['lk-one', 'lk-two'])
        await until(`the new start on ${host}`, 60, async () =>
          new RegExp(`^${host} {2}.*notes listens on port`, 'm').test(heard.out) ? true : null,
        )
      child.kill('SIGINT')
      expect((await ended)[0], heard.out).toBe(0)
      await until('journalctl to end', 60, async () => ((await journals()).every((n) => n === 0) ? true : null))
    })

    test('end when nobody reads them any more', async () => {
      const { child, heard, ended } = await follow()
      child.stdout.destroy()
      await restart()
      expect((await ended)[0], heard.out).toBe(0)
      await until('journalctl to end', 60, async () => ((await journals()).every((n) => n === 0) ? true : null))
    })
  })
})

test('ssh hands over to the ssh of the user, whose status it gives back', async () => {
  const environment = { ...process.env, ...(await environmentOf(lab.lab.instance)), NO_COLOR: '1' }
  // what comes after the host is the command's, so the inventory stands before it
  const ssh = (...args: string[]) => streamside(['ssh', '-i', lab.inventory, ...args], { env: environment })
  const hello = await ssh('lk-two', 'cat', '/etc/hostname')
  expect(hello, said(hello)).toMatchObject({ code: 0, stdout: 'lk-two\n' })
  expect((await ssh('lk-one', 'exit 7')).code).toBe(7)
  const unknown = await ssh('lk-on')
  expect(unknown.code).toBe(2)
  expect(unknown.stderr).toContain('did you mean lk-one?')
})
