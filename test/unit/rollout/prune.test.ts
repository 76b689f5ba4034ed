import { expect, test } from 'vitest'
import type { App } from '../../../src/inventory/model.ts'
import { planHost } from '../../../src/plan/plan.ts'
import type { RunContext } from '../../../src/rollout/context.ts'
import { pruned } from '../../../src/rollout/prune.ts'
import { app } from '../inventory/made.ts'
import { asWanted, hostState } from '../plan/hosts.ts'

/** What a host that has the app `old`, and is to have none, is to lose. */
async function taken(apps: App[], context: Partial<RunContext> = { prune: true }, old = app('old')) {
  const state = hostState([], [])
  const observed = asWanted(hostState([old], []))
  const looked = { state, observed, plan: planHost(state, observed), clockOffset: 0 }
  const inventory = { apps: Object.fromEntries(apps.map((each) => [each.name, each])) }
  const { plan } = await pruned({ ...context, inventory } as RunContext, state.host, looked)
  return plan.changes.filter(({ summary }) => summary.kind === 'app').map(({ summary }) => summary.name)
}

test('--prune takes an app that is in the inventory no more, and none that is on another host there: its data have to move', async () => {
  expect(await taken([])).toEqual(['old'])
  expect(await taken([app('old', { hosts: ['elsewhere'] })])).toEqual([])
  expect(await taken([app('new', { hosts: ['elsewhere'], was: 'old' })])).toEqual([])
  // it has data of its own on each of its hosts
  expect(await taken([app('old', { hosts: ['elsewhere'], instancePerHost: true })])).toEqual(['old'])
})

test('--prune takes an instance of its own that a host has, though the inventory has the app on another host, as one, now', async () => {
  const databases = { main: '/var/lib/old/main.db' }
  const own = app('old', { replica: 'nas', databases, instancePerHost: true })
  expect(await taken([app('old', { hosts: ['elsewhere'] })], { prune: true }, own)).toEqual(['old'])
  expect(await taken([app('new', { hosts: ['elsewhere'], was: 'old' })], { prune: true }, own)).toEqual(['old'])
  const one = app('old', { replica: 'nas', databases })
  expect(await taken([app('old', { hosts: ['elsewhere'] })], { prune: true }, one)).toEqual([])
})

test('nobody is asked about an app that nothing can be done about here', async () => {
  const asked: string[] = []
  const confirm = async (question: string) => {
    asked.push(question)
    return true
  }
  expect(await taken([app('old', { hosts: ['elsewhere'] })], { prune: false, confirm })).toEqual([])
  expect(asked).toEqual([])
  expect(await taken([], { prune: false, confirm })).toEqual(['old'])
  expect(asked).toHaveLength(1)
})
