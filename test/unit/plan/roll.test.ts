import { describe, expect, test } from 'vitest'
import type { Resource, UnitResource } from '../../../src/desired/resources.ts'
import { planHost } from '../../../src/plan/plan.ts'
import { rollSequence } from '../../../src/plan/roll-sequence.ts'
import { type Roll, rollPlan } from '../../../src/plan/roll.ts'
import type { App } from '../../../src/inventory/model.ts'
import { app } from '../inventory/made.ts'
import { asWanted, hostState } from './hosts.ts'

const before = 'a'.repeat(64)
const after = 'b'.repeat(64)

const unit: UnitResource = {
  kind: 'unit',
  name: 'web.service',
  enabled: true,
  active: true,
  app: 'web',
  runsFrom: ['/etc/web/conf', '/opt/web/current'],
}
const of = (content: string, release: string): Resource[] => [
  { kind: 'file', path: '/etc/web/conf', mode: '0644', owner: 'root', group: 'root', content },
  { kind: 'file', path: '/etc/rsyslog.d/shared', mode: '0644', owner: 'root', group: 'root', content },
  { kind: 'link', path: '/opt/web/current', target: `/opt/web/releases/${release}` },
  unit,
]

const web = app('web', { databases: { main: '/var/lib/web/main.db' }, replica: 'nas', restart: 'prove' })
const wanted = hostState([web], of('new', after))
const observed = () => asWanted(hostState([web], of('old', before)))

function rolled(roll: Roll, seen = observed()) {
  const plan = rollPlan({ state: wanted, observed: seen, plan: planHost(wanted, seen) }, roll)
  return {
    plan,
    steps: (verb: string) => plan.attendant.filter((step) => step.verb === verb).map(({ fields }) => fields),
  }
}

describe('an update', () => {
  test('rolls the app, and keeps what it runs from until then: its files and its link, and not what all apps share', () => {
    const { plan, steps } = rolled({ app: 'web', kind: 'update' })
    expect(plan.changes.map(({ step }) => step.verb)).toEqual(['file', 'file', 'link', 'restart'])
    expect(steps('roll')).toEqual([['web', 'web.service', 'prove', '30']])
    expect(steps('keep')).toEqual([
      ['web', '/etc/web/conf', 'root'],
      ['web', '/opt/web/current', 'root'],
    ])
    expect(steps('health')).toHaveLength(1)
  })

  test('of an app that is down starts it: there is nothing to be proven, and nothing to go back to', () => {
    const seen = observed()
    Object.assign(seen.units.get('web.service') ?? {}, { activeState: 'inactive', subState: 'dead' })
    const { plan, steps } = rolled({ app: 'web', kind: 'update' }, seen)
    expect(plan.changes.at(-1)?.step.verb).toBe('start')
    expect(steps('roll')).toEqual([])
  })
})

describe('what no putting back of files undoes is refused:', () => {
  const refusedFor = (more: Partial<App>) => {
    const state = { ...wanted, apps: [{ ...web, ...more }] }
    const seen = observed()
    const { refused } = rollPlan({ state, observed: seen, plan: planHost(state, seen) }, { app: 'web', kind: 'update' })
    return refused.map(({ code, found }) => `${code}: ${found}`)
  }

  test.each([
    ['another database', { databases: { ...web.databases, log: '/var/lib/web/log.db' } }, 'main → log, main'],
    ['none any more', { databases: {}, replica: null }, 'main → none'],
    ['another place', { databases: { main: '/var/lib/web/data/main.db' } }, 'where its databases lie'],
  ] as [string, Partial<App>, string][])('%s', (_, more, says) => {
    expect(refusedFor(more)).toEqual([expect.stringMatching(new RegExp(`^not-a-roll: .*${says}`))])
  })

  test('and nothing of a new release', () => {
    expect(refusedFor({})).toEqual([])
  })
})

describe('a dry run tells the steps', () => {
  const stepsOf = (roll: Roll, more: Partial<App> = {}) => {
    const own = { ...web, ...more }
    const seen = observed()
    const state = { ...wanted, apps: [own] }
    const plan = rollPlan({ state, observed: seen, plan: planHost(state, seen) }, roll)
    return rollSequence(plan, own, roll).map(({ step }) => step)
  }

  test('of an update, with what comes before the stop and after the start', () => {
    expect(stepsOf({ app: 'web', kind: 'update' })).toEqual([
      'stage',
      'prove',
      'stop',
      'switch',
      'start',
      'health',
      'protect',
    ])
    const drain = { file: '/var/lib/web/out', waitSeconds: 5 }
    expect(stepsOf({ app: 'web', kind: 'update' }, { restart: 'auto', drain })).toEqual(
      expect.arrayContaining(['drain', 'compare']),
    )
  })

  test('of a restart, which lays and switches nothing', () => {
    expect(stepsOf({ app: 'web', kind: 'restart' })).toEqual(['prove', 'stop', 'start', 'health', 'protect'])
  })

  test('of an app without a database, which has nothing to be proven', () => {
    expect(stepsOf({ app: 'web', kind: 'restart' }, { databases: {}, replica: null })).toEqual([
      'stop',
      'start',
      'health',
    ])
  })
})

test('a restart changes nothing but the unit, and the record of what lies there stays', () => {
  const seen = observed()
  const { plan, steps } = rolled({ app: 'web', kind: 'restart' }, seen)
  expect(plan.changes.map(({ step }) => step)).toEqual([{ verb: 'restart', fields: ['web.service'] }])
  expect(plan.manifest).toBe(seen.manifest)
  expect(steps('roll')).toHaveLength(1)
  expect(steps('keep')).toEqual([])
})

test('a rollback takes what names the release to another one, and leaves what else differs', () => {
  const release = 'c'.repeat(64)
  const record = (content: string): Resource => ({ ...fileAt('/etc/streamside/apps/web/runs-from'), content })
  const back = hostState([web], [...of('new', release), record('back')])
  const seen = asWanted(hostState([web], [...of('old', before), record('now')]))
  const plan = rollPlan(
    { state: back, observed: seen, plan: planHost(back, seen) },
    { app: 'web', kind: 'rollback', release },
  )
  expect(plan.changes.map(({ step }) => [step.verb, step.fields[0]])).toEqual([
    ['link', '/opt/web/current'],
    ['file', '/etc/streamside/apps/web/runs-from'],
    ['restart', 'web.service'],
  ])
  expect(plan.attendant.filter(({ verb }) => verb === 'keep').map(({ fields }) => fields[1])).toEqual([
    '/opt/web/current',
    '/etc/streamside/apps/web/runs-from',
  ])
  expect(plan.manifest).toBe(seen.manifest)
})

test('an app that a run is not about keeps what is recorded of it, and nobody is told that it has left', () => {
  const other = app('other')
  const both = hostState([other, web], [...of('old', before), ...theirs()])
  const seen = asWanted(both)
  const only = { ...wanted, others: ['other'] }
  const plan = planHost(only, seen)
  expect(plan.changes.filter(({ summary }) => summary.name.includes('other'))).toEqual([])
  expect(plan.leaving).toEqual([])
  expect(plan.warnings).toEqual([])
  expect(JSON.parse(plan.manifest)).toMatchObject({
    apps: ['other', 'web'],
    files: { '/etc/other/conf': { app: 'other' }, '/etc/systemd/system/other.service': { app: 'other' } },
  })
})

function fileAt(path: string) {
  return { kind: 'file' as const, path, mode: '0644', owner: 'root', group: 'root' }
}

function theirs(): Resource[] {
  return [
    { kind: 'file', path: '/etc/other/conf', mode: '0644', owner: 'root', group: 'root', content: 'x' },
    {
      kind: 'file',
      path: '/etc/systemd/system/other.service',
      mode: '0644',
      owner: 'root',
      group: 'root',
      content: 'x',
    },
    { kind: 'unit', name: 'other.service', enabled: true, active: true, app: 'other', runsFrom: [] },
  ]
}
