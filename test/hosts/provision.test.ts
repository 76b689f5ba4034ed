import { beforeAll, describe, expect, test } from 'vitest'
import { listObjects, shellInHost } from '../lab/index.ts'
import { changesOf, pagesApp, snapshotOf } from './host-state.ts'
import { eventsOf, notesApp, type Site, site, until, writeRow } from './site.ts'

const hosts = ['prov-twelve', 'prov-thirteen'] as const

/** What stands in the inventory; each test changes one thing of it. */
let apps: Record<string, Record<string, unknown>>
let lab: Site

beforeAll(async () => {
  apps = {
    notes: notesApp('prov-twelve', 8101),
    pages: pagesApp('prov-twelve', 8102),
    'notes-two': notesApp('prov-thirteen', 8101),
  }
  lab = await site('provision', [{ name: 'prov-twelve' }, { name: 'prov-thirteen', suite: 'trixie' }], { apps })
})

describe('bare hosts', () => {
  test('a plan shows everything that provision would do, exits with 7 and touches nothing', async () => {
    const before = await Promise.all(hosts.map((name) => snapshotOf(lab.host(name))))
    const plan = await lab.run(['plan', '--accept-new'])
    expect(plan).toMatchObject({ code: 7 })
    expect(plan.stdout).toContain('+ExecStart="/opt/notes/current/notes"')
    expect(plan.stdout).toMatch(/package\S* +sqlite3/)
    expect(await Promise.all(hosts.map((name) => snapshotOf(lab.host(name))))).toEqual(before)
  })

  test('reach "healthy and replicating" with one command', async () => {
    const first = await lab.provision()
    expect(eventsOf(first, 'app-healthy').map((event) => event['app'])).toEqual(
      expect.arrayContaining(['notes', 'pages', 'notes-two']),
    )
    expect(eventsOf(first, 'host-done').map((event) => event['outcome'])).toEqual(['changed', 'changed'])
    for (const [host, app] of [
      ['prov-twelve', 'notes'],
      ['prov-thirteen', 'notes-two'],
    ] as const) {
      await writeRow(lab.host(host), 8101, 'the first row')
      await until(`an LTX file of ${app} in the bucket`, 5, async () => {
        const keys = (await listObjects(lab.lab.instance, `provision/${app}/`)).map((object) => object.key)
        return keys.some((key) => /\/main\/.*\.ltx$/.test(key)) || null
      })
      expect(await shellInHost(lab.host(host), 'systemctl is-active "$1-litestream.service"', [app])).toBe('active\n')
    }
  })

  test('a second run is one exec a host and no change; so is a plan', async () => {
    for (const args of [['provision'], ['provision', '--verify'], ['plan']]) {
      const again = await lab.run([...args, '--json'])
      expect(again.code).toBe(0)
      expect(again.events.filter((event) => event['type'] === 'change')).toEqual([])
      expect(eventsOf(again, 'host-done')).toEqual(
        hosts.map(() => expect.objectContaining({ outcome: 'unchanged', changes: 0, execs: 1 })),
      )
    }
  })

  test('units are sandboxed: app and Litestream at most 2.0, what runs as root at most 2.6', async () => {
    const limits = { notes: 2, pages: 2, 'notes-litestream': 2, 'notes-gate': 2.6, 'notes-check': 2.6 }
    const exposed: string[] = []
    for (const [unit, limit] of Object.entries(limits)) {
      const said = await shellInHost(lab.host('prov-twelve'), 'systemd-analyze security --no-pager "$1.service"', [
        unit,
      ])
      const level = Number(/Overall exposure level for .*: ([0-9.]+)/.exec(said)?.[1])
      if (!(level <= limit)) exposed.push(`${unit}: ${level} > ${limit}`)
    }
    expect(exposed).toEqual([])
  })

  test('MemoryDenyWriteExecute is off unless asked for', async () => {
    const asked = async () => {
      const said = await shellInHost(lab.host('prov-twelve'), 'systemctl show -P MemoryDenyWriteExecute notes pages')
      return said.split('\n').filter(Boolean)
    }
    expect(await asked()).toEqual(['no', 'no'])
    apps['pages'] = { ...apps['pages'], sandbox: { 'deny-write-execute': true } }
    await lab.rewrite({ apps })
    expect(changesOf(await lab.provision(), 'unit')).toEqual(['restart pages.service'])
    expect(await asked()).toEqual(['no', 'yes'])
  })
})
