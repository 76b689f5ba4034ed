import { expect, test } from 'vitest'
import type { Resource } from '../../../src/desired/resources.ts'
import { planHost } from '../../../src/plan/plan.ts'
import { rollingApps, withoutRestarts } from '../../../src/plan/restarts.ts'
import { app } from '../inventory/made.ts'
import { asWanted, hostState } from './hosts.ts'

const of = (name: string): Resource[] => [
  {
    kind: 'file',
    path: `/etc/${name}/conf`,
    mode: '0644',
    owner: 'root',
    group: 'root',
    content: 'new',
  },
  {
    kind: 'unit',
    name: `${name}.service`,
    enabled: true,
    active: true,
    app: name,
    runsFrom: [`/etc/${name}/conf`],
  },
]
const state = hostState([app('web', { hosts: ['pi', 'attic'] }), app('alone')], [...of('web'), ...of('alone')])

function plan() {
  const observed = asWanted(state)
  for (const name of ['web', 'alone']) {
    observed.paths.delete(`/etc/${name}/conf`)
    observed.started.set(`${name}.service`, 'what it was')
  }
  return planHost(state, observed)
}

test('apps that run on several hosts roll, those on one do not', () => {
  expect(rollingApps(plan(), state).map(({ name }) => name)).toEqual(['web'])
})

test('an app that is merely started does not wait for a turn', () => {
  const observed = asWanted(state)
  Object.assign(observed.units.get('web.service') ?? {}, { activeState: 'inactive', subState: 'dead' })
  expect(rollingApps(planHost(state, observed), state)).toEqual([])
})

test('without restarts everything is laid, nothing is waited for, and the record of what runs is taken away all the same', () => {
  const left = withoutRestarts(plan(), state)
  expect(left.changes.map(({ step }) => step.verb)).toEqual(['file', 'file'])
  expect(left.started).toEqual([])
  expect(left.attendant.map(({ verb }) => verb)).not.toContain('health')
  expect(left.attendant.filter(({ verb }) => verb === 'forget')).toHaveLength(2)
  expect(left.warnings).toEqual([expect.objectContaining({ code: 'restart-left' })])
})
