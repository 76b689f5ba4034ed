import { beforeAll, describe, expect, test } from 'vitest'
import { putFile, runInHost, setFaults, shellInHost } from '../lab/index.ts'
import { changesOf } from './host-state.ts'
import {
  begin,
  type Gated,
  gated,
  gatedApps,
  loseDatabase,
  refused,
  rowsOnceUp,
  statusSays,
  stop,
  writeUploaded,
} from './gated.ts'
import { eventsOf, notesApp, type Site, site, until } from './site.ts'

// What a host tells people when its own programs come to grief, and that they are of one version.

const parts = gatedApps('tol-one', 8401, ['told'])
let lab: Site
const app = (): Gated => gated(lab, 'told', parts, 'told')

beforeAll(async () => {
  lab = await site('told', [{ name: 'tol-one' }], { apps: parts })
  await lab.provision()
  await writeUploaded(app(), 'one')
})

describe('the check of every two minutes', () => {
  const alerts = async (): Promise<string[]> => {
    const said = await runInHost(app().host, ['journalctl', '--no-pager', '-ocat', '-t', 'streamside-alert'])
    return said.stdout.split('\n').filter((line) => line.includes('"code":"check-failed"'))
  }
  const check = async (): Promise<string> =>
    (
      await shellInHost(app().host, 'systemctl start told-check.service; systemctl show -P Result told-check.service')
    ).trim()

  test('that is killed at its time limit is told, once', async () => {
    const { host } = app()
    // no longer than the server hangs, however fast this machine is
    const short = '[Service]\nTimeoutStartSec=2\n'
    await putFile(host, '/run/systemd/system/told-check.service.d/short.conf', short)
    await runInHost(host, ['systemctl', 'daemon-reload'])
    await setFaults(lab.lab.instance, [{ path: '/told/', do: { kind: 'hang' } }])
    for (let round = 0; round < 3; round++) expect(await check()).toBe('timeout')
    expect(await alerts()).toEqual([
      expect.stringMatching(/"app":"told".*in the time that it has.*journalctl -u told-check/),
    ])
  }, 120_000)

  test('that dies is told too, and all is over once one has come to its end', async () => {
    const { host } = app()
    await setFaults(lab.lab.instance, [])
    await runInHost(host, ['rm', '-r', '/run/systemd/system/told-check.service.d'])
    await runInHost(host, ['systemctl', 'daemon-reload'])
    expect(await check()).toBe('success')
    expect(await shellInHost(host, 'ls /var/lib/streamside/apps/told/alerts')).not.toMatch(/check-failed/)
    await runInHost(host, ['mv', '/usr/bin/jq', '/usr/bin/jq.away'])
    for (let round = 0; round < 2; round++) expect(await check()).toBe('exit-code')
    await runInHost(host, ['mv', '/usr/bin/jq.away', '/usr/bin/jq'])
    expect(await alerts()).toHaveLength(2)
    expect(await check()).toBe('success')
  }, 120_000)
})

test('status goes on saying what holds an app back while the next try waits for its server', async () => {
  const one = app()
  await stop(one)
  await loseDatabase(one)
  await setFaults(lab.lab.instance, [{ path: '/told/', do: { kind: 'status', status: 403 } }])
  await begin(one, 'start')
  await refused(one, 'replica-denied')
  await setFaults(lab.lab.instance, [{ path: '/told/', do: { kind: 'hang' } }])
  const words = /held back so far.* replica-denied: .*refuses the keys of this host.* Next: check access-key-id/
  await Promise.all([statusSays(one, words, 'told'), statusSays(one, words)])
  await refused(one, 'replica-timeout')
  // in the words of the gate, not in systemd's
  await statusSays(one, /replica-timeout: .*does not answer in time/, 'told')
  await setFaults(lab.lab.instance, [])
  expect(await rowsOnceUp(one)).toEqual(['one'])
}, 180_000)

describe('the programs of the host', () => {
  const programs = '/usr/local/lib/streamside'
  const versions = async (): Promise<string[]> =>
    (await shellInHost(app().host, 'ls "$1"', [programs])).split('\n').filter((name) => name.startsWith('programs-'))
  const change = async (text: string): Promise<void> => {
    await lab.rewrite({ apps: { told: { ...parts['told'], environment: { DATABASE: 'data/notes.db', TEXT: text } } } })
    await lab.provision()
  }

  test('lie in one folder, which a link leads to, and a second run changes nothing', async () => {
    const [only, ...others] = await versions()
    expect(others).toEqual([])
    expect((await shellInHost(app().host, 'readlink "$1/current"', [programs])).trim()).toBe(`${programs}/${only}`)
    expect(changesOf(await lab.provision())).toEqual([])
  })

  test('of earlier versions go once nothing runs from them, but for the one before', async () => {
    const { host } = app()
    const [current = ''] = await versions()
    await shellInHost(
      host,
      `cd "$1"; for n in 1 2 3; do mkdir -p "programs-$n"; touch -d "-$n days" "programs-$n"; done
       systemd-run --quiet --unit=busy flock -s "$1/programs-3" sleep 600`,
      [programs],
    )
    await change('once')
    expect(await versions()).toEqual(['programs-1', 'programs-3', current].sort())
    await runInHost(host, ['systemctl', 'stop', 'busy'])
    await change('twice')
    expect(await versions()).toEqual(['programs-1', current].sort())
  }, 150_000)

  test('that are running keep the folder they began in locked', async () => {
    const { host } = app()
    const current = (await versions()).find((name) => name !== 'programs-1') ?? ''
    await setFaults(lab.lab.instance, [{ path: '/told/', do: { kind: 'hang' } }])
    await runInHost(host, ['systemctl', 'start', '--no-block', 'told-check.service'])
    await until('the folder to be locked', 10, async () => {
      const free = await shellInHost(host, 'flock -n "$1" echo free || :', [`${programs}/${current}`])
      return free === '' || null
    })
    await setFaults(lab.lab.instance, [])
  })
})

test('provision does not call replicated what a server that fails has not got, and the next run looks again', async () => {
  const told = parts['told'] ?? {}
  const environment = { ...(told['environment'] as object), ROUND: 'two' }
  await lab.rewrite({ apps: { told: { ...told, environment } } })
  await setFaults(lab.lab.instance, [{ path: '/told/', do: { kind: 'status', status: 503 } }])
  const run = await lab.provision([], 1)
  await setFaults(lab.lab.instance, [])
  expect(eventsOf(run, 'problem')).toMatchObject([{ problem: { code: 'unprotected', app: 'told' } }])
  expect(changesOf(await lab.provision())).toEqual(['check told-litestream.service'])
  expect(changesOf(await lab.provision())).toEqual([])
})

test('provision does not call failed what a slow line is still uploading for the first time, and the next run changes nothing', async () => {
  const slowly = notesApp('tol-one', 8402)
  await lab.rewrite({ apps: { told: parts['told']!, slowly } })
  await setFaults(lab.lab.instance, [
    { method: 'PUT', path: '/slowly/.*\\.ltx', do: { kind: 'slow', bytesPerSecond: 8 } },
  ])
  const run = await lab.provision()
  await setFaults(lab.lab.instance, [])
  expect(eventsOf(run, 'problem')).toEqual([])
  expect(eventsOf(run, 'host-step')).toContainEqual(expect.objectContaining({ step: 'uploading', detail: 'slowly' }))
  expect(changesOf(await lab.provision())).toEqual([])
  const app = gated(lab, 'told', { slowly }, 'slowly')
  await until('its first copy to be seen in the replica', 150, async () => {
    await runInHost(app.host, ['systemctl', 'start', 'slowly-check.service'])
    return (await shellInHost(app.host, 'cat /run/streamside/proof/slowly')).includes('"held":true') || null
  })
}, 300_000)
