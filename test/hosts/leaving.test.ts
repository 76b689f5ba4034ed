import { beforeAll, describe, expect, test } from 'vitest'
import { deleteObjects, getObject, listObjects, type LabHost, putObject, setFaults, shellInHost } from '../lab/index.ts'
import { changesOf, failSystemctl, mendSystemctl, pagesApp } from './host-state.ts'
import { appOf, codes, said, statusOf } from './status-answer.ts'
import { eventsOf, notesApp, readRows, type Run, type Site, site, until, writeRow } from './site.ts'

let lab: Site
let one: LabHost
const ports = { leaver: 8181, memory: 8182, stays: 8183, pages: 8184, own: 8185 }
const all = {
  leaver: notesApp('lea-one', ports.leaver),
  'leaver-memory': notesApp('lea-one', ports.memory, { storage: { ephemeral: '64M' } }),
  'leaver-stays': notesApp('lea-one', ports.stays),
  'leaver-pages': pagesApp('lea-one', ports.pages),
}
type Name = keyof typeof all
const without = (...names: Name[]) =>
  lab.rewrite({ apps: Object.fromEntries(Object.entries(all).filter(([name]) => !names.includes(name as Name))) })

beforeAll(async () => {
  lab = await site('leaving', [{ name: 'lea-one' }], { apps: all })
  one = lab.host('lea-one')
  await lab.provision()
  for (const port of [ports.leaver, ports.memory, ports.stays]) await writeRow(one, port, `of ${port}`)
})

const owner = async (app: string) =>
  JSON.parse(((await getObject(lab.lab.instance, `leaving/${app}/owner.json`)) ?? 'none').toString()) as {
    holder: unknown
    path: string
    past: { path: string; end: Record<string, string> }[]
  }
const ofApp = (app: string) =>
  shellInHost(
    one,
    `ls -d /opt/$1 /etc/streamside/apps/$1 /etc/systemd/system/$1* /etc/systemd/system/*/$1* 2>/dev/null; systemctl list-units --all --plain --no-legend "$1*" | cut -d" " -f1; :`,
    [app],
  )
const warnings = (run: Run) => eventsOf(run, 'warning').map(({ code, app }) => `${code as string} ${app as string}`)

describe('an app that left the inventory', () => {
  test('runs on, and each run tells of it, until --prune', async () => {
    await without('leaver')
    const plan = await lab.run(['plan', '--json'])
    expect(plan.code).toBe(0)
    expect(warnings(plan)).toEqual(['app-left leaver'])
    const run = await lab.provision()
    expect(changesOf(run)).toEqual([])
    expect(eventsOf(run, 'host-done')[0]).toMatchObject({ execs: 1 })
    expect(await readRows(one, ports.leaver)).toEqual([`of ${ports.leaver}`])
    expect((await lab.run(['plan', '--prune'])).code).toBe(7)
  })

  test('is a line of status as before, which tells its lag and its holder, and nothing is wrong with that', async () => {
    // a look that comes right after a row may find it on its way
    const well = await until('its rows to be in the replica', 60, async () => {
      const answer = await statusOf(lab)
      return answer.code === 0 && appOf(answer, 'leaver', 'lea-one').replica?.protection === 'protected' ? answer : null
    })
    expect(warnings(well)).toEqual(['app-left leaver'])
    expect(eventsOf(well, 'host-done')[0]).toMatchObject({ outcome: 'sound', execs: 1 })
    expect(appOf(well, 'leaver', 'lea-one')).toMatchObject({
      state: 'running',
      instance: 'leaver',
      left: { text: 'left the inventory' },
      units: { app: { active: 'active' }, litestream: { sub: 'running' }, timer: { active: 'active' } },
      owner: { read: true, thisHost: true },
      replica: { databases: [{ name: 'main', remote: expect.stringMatching(/^[0-9a-f]{16}$/) }] },
      unheld: { bytes: 0, partial: false },
      wrong: [],
    })
    const table = (await lab.run(['status'])).stdout
    expect(table).toMatch(/^ {2}leaver +running +up +open +on +\w.* this host +0\n {4}left the inventory$/m)
  })

  test('and cannot be asked is told of in plain words, by status as by --prune', async () => {
    await shellInHost(one, 'cd /etc/streamside/apps/leaver; mv gate.json away; echo "{" >gate.json')
    const words = expect.stringMatching(/^\/etc\/streamside\/apps\/leaver\/gate\.json cannot be read/)
    const blind = await statusOf(lab)
    expect(blind.code, said(blind)).toBe(1)
    expect(appOf(blind, 'leaver', 'lea-one').wrong).toMatchObject([{ code: 'not-looked-at', text: words }])
    const run = await lab.provision(['--prune'], 6)
    expect(eventsOf(run, 'problem')).toMatchObject([{ problem: { code: 'not-released', found: words } }])
    // a check that its timer has started meanwhile has failed, and is told of until one comes to its end
    await shellInHost(one, 'cd /etc/streamside/apps/leaver; mv away gate.json; systemctl start leaver-check.service')
    expect(await readRows(one, ports.leaver)).toEqual([`of ${ports.leaver}`])
  })

  test('and is down is something wrong: stopped, with what starts it; held back, with the words of its gate', async () => {
    await shellInHost(one, 'systemctl stop leaver.service')
    const answer = await statusOf(lab)
    expect(answer.code, said(answer)).toBe(1)
    expect(warnings(answer)).toEqual([])
    expect(appOf(answer, 'leaver', 'lea-one')).toMatchObject({
      state: 'stopped',
      wrong: [
        { code: 'stopped', next: expect.stringMatching(/^put it back into the inventory.* --prune --limit lea-one$/) },
      ],
    })
    await setFaults(lab.lab.instance, [{ path: '/leaving/leaver/', do: { kind: 'status', status: 403 } }])
    await shellInHost(one, 'mv /var/lib/leaver/data /var/lib/leaver/away; systemctl start --no-block leaver.service')
    const held = await until('its gate to hold it back', 60, async () => {
      const found = appOf(await statusOf(lab), 'leaver', 'lea-one')
      return found.state === 'waiting' ? found : null
    })
    expect(held.reason).toMatchObject({ text: expect.stringMatching(/\S/), next: expect.stringMatching(/\S/) })
    expect(codes(held.wrong)).toContain(held.reason?.code)
    await setFaults(lab.lab.instance, [])
    await shellInHost(
      one,
      `systemctl stop leaver.service; cd /var/lib/leaver; rm -rf data; mv away data; systemctl start --no-block leaver.service`,
    )
    await until('the app to serve again', 60, () => readRows(one, ports.leaver).catch(() => null))
  })

  test('stays, and goes on, when the replica cannot be proven to hold its data', async () => {
    await setFaults(lab.lab.instance, [{ path: '/leaving/leaver/', do: { kind: 'status', status: 503 } }])
    const run = await lab.provision(['--prune'], 6)
    expect(eventsOf(run, 'problem')).toEqual([
      expect.objectContaining({ problem: expect.objectContaining({ code: 'not-released', app: 'leaver' }) }),
    ])
    // nothing else of the host waits for that: another that leaves goes, and one that has changed is changed
    await without('leaver', 'leaver-pages')
    const others = await lab.provision(['--prune'], 6)
    expect(eventsOf(others, 'problem').map(({ problem }) => (problem as { app: string }).app)).toEqual(['leaver'])
    expect(changesOf(others)).toContain('remove leaver-pages')
    expect(await ofApp('leaver-pages')).toBe('')
    await without('leaver')
    expect(changesOf(await lab.provision(['--prune'], 6))).toContain('start leaver-pages.service')
    await setFaults(lab.lab.instance, [])
    await until('leaver to serve again', 60, async () => {
      const rows = await readRows(one, ports.leaver).catch(() => null)
      return rows?.length === 1 || null
    })
    expect((await owner('leaver')).holder).not.toBe(null)
  })

  test('goes with --prune: stopped, proven, released; its data and its replica stay, and are named', async () => {
    await writeRow(one, ports.leaver, 'written last')
    const keys = (await listObjects(lab.lab.instance, 'leaving/leaver/')).map(({ key }) => key)
    // a check that was cut off has failed: systemd lists it on, without its file too
    await until('the check to have failed', 30, async () => {
      await shellInHost(one, 'systemctl start --no-block leaver-check; systemctl kill --signal=KILL leaver-check || :')
      return (await shellInHost(one, 'systemctl is-failed leaver-check || :')) === 'failed\n' || null
    })
    // what a program left there that the power was cut from
    await shellInHost(one, 'runuser -u leaver -- mkdir -p /var/tmp/streamside-leaver.abcdef/wal')
    const run = await lab.provision(['--prune'])
    expect(warnings(run)).toEqual(['data-left leaver'])
    expect(await shellInHost(one, 'ls -d /var/tmp/streamside* 2>/dev/null || :')).toBe('')
    expect(await ofApp('leaver')).not.toMatch(/leaver(?!-)|leaver-(gate|check|litestream)/)
    expect(await shellInHost(one, 'ls /var/lib/leaver/data/notes.db')).toContain('notes.db')
    const left = (await listObjects(lab.lab.instance, 'leaving/leaver/')).map(({ key }) => key)
    expect(left).toEqual(expect.arrayContaining(keys))
    const { holder, path, past } = await owner('leaver')
    expect(holder).toBe(null)
    expect(past.at(-1)).toMatchObject({ path, end: { main: expect.stringMatching(/^[0-9a-f]{16}$/) } })
    expect(await readRows(one, ports.stays)).toEqual([`of ${ports.stays}`])
    const again = await lab.provision(['--prune'])
    expect(changesOf(again)).toEqual([])
    expect(eventsOf(again, 'host-done')[0]).toMatchObject({ execs: 1 })
  })

  test('comes back with its rows when the inventory has it again', async () => {
    const { path } = await owner('leaver')
    await without()
    const run = await lab.provision()
    expect(changesOf(run, 'owner')).toEqual(['update owner object of leaver'])
    expect(await readRows(one, ports.leaver)).toEqual([`of ${ports.leaver}`, 'written last'])
    expect(await owner('leaver')).toMatchObject({ path, past: [], holder: { host: 'lea-one' } })
    await writeRow(one, ports.leaver, 'written after')
    expect(changesOf(await lab.provision())).toEqual([])
  })

  test('and was let go, but not taken away yet, is taken up when the inventory has it again', async () => {
    await without('leaver')
    await failSystemctl(one, 'stop*leaver-check.timer')
    expect((await lab.run(['provision', '--json', '--prune'])).code).toBe(1)
    await mendSystemctl(one)
    expect((await owner('leaver')).holder).toBe(null)
    await lab.rewrite({ apps: all })
    const run = await lab.provision()
    expect(changesOf(run, 'owner')).toEqual(['update owner object of leaver'])
    expect(await readRows(one, ports.leaver)).toContain('written last')
    expect(changesOf(await lab.provision())).toEqual([])
  })

  test('goes with its ephemeral storage, and comes back from the replica', async () => {
    await without('leaver-memory')
    await lab.provision(['--prune'])
    expect(await shellInHost(one, 'findmnt -n -o FSTYPE /var/lib/leaver-memory/data || echo none')).toBe('none\n')
    await without()
    await lab.provision()
    expect(await readRows(one, ports.memory)).toEqual([`of ${ports.memory}`])
  })

  test('without a database goes at once', async () => {
    await without('leaver-pages')
    const run = await lab.provision(['--prune'])
    expect(changesOf(run)).toContain('stop leaver-pages.service')
    expect(await ofApp('leaver-pages')).toBe('')
    expect(changesOf(await lab.provision())).toEqual([])
  })

  test('goes on to the end when a run was cut off with half of its units taken away', async () => {
    await shellInHost(
      one,
      `systemctl stop leaver-stays-check.timer leaver-stays.service
       cd /etc/systemd/system; rm leaver-stays.service leaver-stays-check.service leaver-stays-check.timer
       systemctl daemon-reload`,
    )
    await lab.rewrite({ apps: { leaver: all.leaver, 'leaver-memory': all['leaver-memory'] } })
    await lab.provision(['--prune'])
    expect(await ofApp('leaver-stays')).toBe('')
    expect((await owner('leaver-stays')).holder).toBe(null)
    expect(changesOf(await lab.provision(['--prune']))).toEqual([])
  })

  test('that runs on comes back as it is: its release is on record, and nothing restarts', async () => {
    const { leaver } = all
    const memory = all['leaver-memory']
    await lab.rewrite({ apps: { 'leaver-memory': memory, 'leaver-new': pagesApp('lea-one', ports.pages) } })
    expect(changesOf(await lab.provision())).toContain('start leaver-new.service')
    await lab.rewrite({ apps: { leaver, 'leaver-memory': memory, 'leaver-new': pagesApp('lea-one', ports.pages) } })
    expect(changesOf(await lab.provision())).toEqual([])
  })

  test('and runs on has its port: an app that wants it is told so before anything is begun, and how a rename is said', async () => {
    await lab.rewrite({
      apps: { 'leaver-memory': all['leaver-memory'], 'leaver-other': notesApp('lea-one', ports.leaver) },
    })
    const run = await lab.run(['provision', '--json'])
    expect(run.code).toBe(1)
    const taken = { code: 'port-taken', next: expect.stringContaining('was: leaver') }
    expect(eventsOf(run, 'problem').map(({ problem }) => problem)).toEqual([expect.objectContaining(taken)])
    expect(await ofApp('leaver-other')).toBe('')
  })

  test('takes only what streamside has put there, and what stays is named', async () => {
    const mine = [
      '/etc/streamside/apps/leaver-memory/mine',
      '/opt/leaver-memory/mine.db',
      '/opt/leaver-memory/releases/mine/a',
    ]
    await shellInHost(one, 'for file; do mkdir -p "${file%/*}"; echo mine >"$file"; done', mine)
    await lab.rewrite({ apps: { leaver: all.leaver } })
    const run = await lab.provision(['--prune'])
    const left = await shellInHost(one, 'find /etc/streamside/apps/leaver-memory /opt/leaver-memory -type f | sort')
    expect(left.trim().split('\n')).toEqual(mine)
    expect(eventsOf(run, 'host-step').filter(({ step }) => step === 'left')).toEqual([
      expect.objectContaining({ detail: expect.stringContaining('/opt/leaver-memory stays') }),
      expect.objectContaining({ detail: expect.stringContaining('/etc/streamside/apps/leaver-memory stays') }),
    ])
    await shellInHost(one, 'rm -r /etc/streamside/apps/leaver-memory /opt/leaver-memory')
  })

  test('and was the last one keeps the programs and the binary that it runs from, until it goes', async () => {
    const { leaver } = all
    await lab.rewrite({ apps: { leaver } })
    await lab.provision()
    await lab.rewrite({ apps: {} })
    expect(changesOf(await lab.provision())).toEqual([])
    await shellInHost(one, 'systemctl restart leaver.service')
    await until('the app to serve again', 60, () => readRows(one, ports.leaver).catch(() => null))
    await lab.rewrite({ apps: { leaver } })
    expect(changesOf(await lab.provision())).toEqual([])
    await lab.rewrite({ apps: {} })
    await lab.provision(['--prune'])
    expect(await ofApp('leaver')).toBe('')
    expect(changesOf(await lab.provision(['--prune']))).toEqual([])
  })

  test('leaves with the instance that this host alone had, though the inventory has the app on another host by now', async () => {
    const hosts = { 'lea-one': {}, 'lea-two': {} }
    const own = (more: object) => ({ hosts, apps: { 'leaver-own': { ...notesApp('lea-two', ports.own), ...more } } })
    await lab.rewrite(own({ host: undefined, hosts: ['lea-one', 'lea-two'] }))
    const here = ['--limit', 'lea-one']
    await lab.provision(here)
    await writeRow(one, ports.own, 'of this host')
    await lab.rewrite(own({}))
    const plan = await lab.run(['plan', '--json', ...here])
    expect(eventsOf(plan, 'warning')).toContainEqual(
      expect.objectContaining({ code: 'app-left', app: 'leaver-own', next: expect.stringContaining('--prune') }),
    )
    const run = await lab.provision(['--prune', ...here])
    expect(warnings(run)).toContain('data-left leaver-own')
    expect((await owner('leaver-own@lea-one')).holder).toBe(null)
    expect(await ofApp('leaver-own')).toBe('')
    expect(changesOf(await lab.provision(['--prune', ...here]))).toEqual([])
    // and is not made empty beside data that another host holds as those of one
    const held = { ...(await owner('leaver-own@lea-one')), holder: { host: 'lea-two', id: '0'.repeat(64) } }
    await putObject(lab.lab.instance, 'leaving/leaver-own/owner.json', Buffer.from(JSON.stringify(held)))
    await deleteObjects(lab.lab.instance, 'leaving/leaver-own@lea-one/')
    await shellInHost(one, 'rm -r /var/lib/streamside/apps/leaver-own')
    await lab.rewrite(own({ host: undefined, hosts: ['lea-one', 'lea-two'] }))
    const refused = await lab.provision(here, 6)
    expect(eventsOf(refused, 'problem')).toMatchObject([{ problem: { code: 'held-as-one', app: 'leaver-own' } }])
    expect(await ofApp('leaver-own')).toBe('')
  })
})
