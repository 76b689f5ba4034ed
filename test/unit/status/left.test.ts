import { describe, expect, test } from 'vitest'
import type { App } from '../../../src/inventory/model.ts'
import { formatStatus } from '../../../src/report/status-table.ts'
import { type HostFacts, hostStatus } from '../../../src/status/host-status.ts'
import { parseLeft, type SeenLeft, whatBecame } from '../../../src/status/left.ts'
import { parseStatus } from '../../../src/status/seen.ts'
import { app, hostFacts, now, type seen, unit, units } from './facts.ts'

const encoded = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64')
const gone: SeenLeft = {
  name: 'notes',
  unit: 'notes.service',
  gate: { instance: 'notes', databases: { main: '/var/lib/notes/data/notes.db' } },
  gated: true,
  syncIntervalSeconds: 1,
  reason: null,
}
/** The app of `facts.ts`, after it has left. */
const withLeft = (
  change: Partial<SeenLeft> = {},
  service = unit(),
  more: Parameters<typeof seen>[0] = {},
): HostFacts => {
  const facts = hostFacts({ apps: [], app: more })
  return {
    ...facts,
    seen: { ...facts.seen, units: units({ 'notes.service': service }), left: [{ ...gone, ...change }] },
  }
}
const only = (facts: HostFacts) => {
  const { apps, wrong } = hostStatus(facts)
  expect(wrong).toEqual([])
  expect(apps).toHaveLength(1)
  return apps[0]!
}
const down = unit({ activeState: 'inactive', subState: 'dead' })

test('what a host has on record of it is read; what is not what it should be is not known', () => {
  const gate = { instance: 'web@pi', databases: [{ name: 'main', path: '/srv/x.db' }] }
  const reason = { time: 't', code: 'replica-timeout', text: 'why', next: 'what' }
  const text = [
    'streamside-status\t1',
    'left\tweb\tweb.service',
    `gate\tweb\t${encoded(gate)}`,
    'interval\tweb\t90',
    `reason\tweb\t${encoded(reason)}`,
    'left\tpages\tpages.service',
    'left\todd\todd-server.service',
    `gate\todd\t${encoded('{')}`,
    'interval\todd\t-1',
    'end\n',
  ].join('\n')
  const found = parseStatus(text, ['mine'], 'pi')
  expect(found.left).toEqual([
    {
      name: 'web',
      unit: 'web.service',
      gate: { instance: 'web@pi', databases: { main: '/srv/x.db' } },
      gated: true,
      syncIntervalSeconds: 90,
      reason,
    },
    { name: 'pages', unit: 'pages.service', gate: null, gated: false, syncIntervalSeconds: 1, reason: null },
    { name: 'odd', unit: 'odd-server.service', gate: null, gated: true, syncIntervalSeconds: 1, reason: null },
  ])
  expect([...found.apps.keys()]).toEqual(['mine', 'web', 'pages', 'odd'])
  expect(parseLeft(new Map())).toEqual([])
})

describe('an app that left the inventory and is on a host still', () => {
  test('runs well: nothing is wrong, and its line says where it has gone', () => {
    const found = only(withLeft())
    expect(found).toMatchObject({
      state: 'running',
      left: { text: 'left the inventory' },
      owner: { thisHost: true, read: true },
      replica: { protection: 'protected', databases: [{ name: 'main' }] },
      wrong: [],
    })
    const text = formatStatus([{ host: 'pi', found: hostStatus(withLeft()) }], {
      columns: 80,
      color: false,
      all: false,
      now,
    })
    expect(text).toMatch(
      /^ {2}notes +running +up +open +on +protected .* this host +0\n {4}left the inventory\n\n1 host, all is well$/m,
    )
  })

  test.each([
    ['stopped', down, null],
    ['failed', unit({ activeState: 'failed', subState: 'failed', result: 'exit-code' }), null],
    ['absent', unit({ loadState: 'not-found', activeState: 'inactive', subState: 'dead' }), null],
    ['waiting', unit({ activeState: 'activating', subState: 'start-pre' }), 'replica-timeout'],
  ] as const)(
    'is %s: something is wrong, and what is said helps for one that no command knows',
    (state, service, code) => {
      const reason = code === null ? null : { time: '', code, text: 'why', next: 'what' }
      const found = only(withLeft({ reason }, service))
      expect(found.state).toBe(state)
      expect(found.wrong).toMatchObject([{ code: code ?? state, exit: 1 }])
      if (code === null) expect(found.wrong[0]?.next).toContain('streamside provision --prune --limit pi')
      expect(found.wrong[0]?.next).not.toContain('streamside logs')
    },
  )

  test('is as unprotected as any other, and held against its own sync interval', () => {
    const late = {
      first: [{ bytes: 1, l0: 'f'.repeat(16), l0Time: now - 90, pending: false, unsent: now - 90, unread: false }],
    }
    const behind = (seconds: number) =>
      only(withLeft({ syncIntervalSeconds: seconds }, unit(), { ...late, last: late.first }))
    expect(behind(1)).toMatchObject({ replica: { protection: 'unprotected' }, wrong: [{ code: 'unprotected' }] })
    expect(behind(60)).toMatchObject({ replica: { protection: 'behind' }, wrong: [] })
  })

  test('tells of bytes beside its replica, which nobody can accept any more, as no fault', () => {
    const image = { path: 'images', bytes: 5000, files: 2 }
    const unheld = { bytes: 5000, files: 2, paths: [image], accepted: [], asideBytes: 0, partial: true, denied: null }
    expect(only(withLeft({}, unit(), { unheld }))).toMatchObject({ unheld: { bytes: 5000 }, wrong: [] })
  })

  test('is a service that was adopted: known by its unit', () => {
    const facts = withLeft({ unit: 'other.service' })
    facts.seen.units.set('other.service', unit())
    expect(only(facts)).toMatchObject({ state: 'running', units: { app: { unit: 'other.service' } }, wrong: [] })
  })

  test('had no database: neither a replica nor an owner is missed', () => {
    const none = { owner: null, verdict: null, claim: null, first: [], last: [], remote: new Map<string, never>() }
    expect(only(withLeft({ gate: null, gated: false }, unit(), none))).toMatchObject({
      replica: null,
      owner: null,
      units: { gate: null, litestream: null, timer: null },
      wrong: [],
    })
  })

  test('and is on record but was not seen is not passed over', () => {
    const manifest = JSON.stringify({ v: 1, apps: ['notes', 'lost'], files: {}, metrics: {} })
    const status = hostStatus(hostFacts({ observed: { manifest } }))
    expect(status.wrong).toMatchObject([{ code: 'left-unknown', text: expect.stringContaining('lost') }])
  })
})

test('what may be done about it follows from where the inventory has it now', () => {
  const became = (...apps: Partial<App>[]) =>
    whatBecame('notes', 'pi', {
      apps: Object.fromEntries(apps.map((each) => [each.name ?? '', app({ was: null, ...each })])),
    })
  expect(became()).toMatchObject({ text: 'left the inventory', next: expect.stringContaining('--prune --limit pi') })
  expect(became({ name: 'memos', was: 'notes', hosts: ['pi'] })).toEqual({
    text: 'is called memos in the inventory',
    next: 'run streamside provision, which gives it its new name, memos',
  })
  const moved = became({ name: 'notes', hosts: ['attic'] })
  expect(moved.text).toBe('left the inventory for this host: it is on attic there')
  expect(moved.next).toMatch(/not built yet: write it down as notes with host: pi again$/)
  expect(became({ name: 'memos', was: 'notes', hosts: ['attic'] }).next).toContain('has it as memos on attic')
  // data of its own on each host: those of this one may be let go of
  expect(became({ name: 'notes', hosts: ['attic'], instancePerHost: true }).next).toContain('--prune')
  // so did an app that the inventory has on one host now
  const own = { apps: { notes: app({ name: 'notes', was: null, hosts: ['attic'] }) } }
  expect(whatBecame('notes', 'pi', own, 'notes@pi').next).toContain('--prune')
  expect(whatBecame('notes', 'pi', own, 'notes').next).toContain('not built yet')
})
