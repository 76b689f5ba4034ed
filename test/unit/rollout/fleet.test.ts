import { expect, test } from 'vitest'
import type { Host } from '../../../src/inventory/model.ts'
import { exitCodes, Problem } from '../../../src/problem.ts'
import type { EventData } from '../../../src/report/event-data.ts'
import type { RunContext } from '../../../src/rollout/context.ts'
import { AfterOthers, createWaits, overHosts } from '../../../src/rollout/fleet.ts'

const halted = new Problem({ code: 'roll-halted', doing: 'restarting web on a', found: 'x', next: 'y', app: 'web' })
const result = { outcome: 'changed', changes: 1, exit: exitCodes.done } as const

/** Hosts a and b; a would wait for `waitsFor` at its first `times` tries. What was tried, in order, and what was reported. */
async function run(waitsFor: string, times: number, parallel: number) {
  const tried: string[] = []
  const events: EventData[] = []
  const report = (event: EventData) => void events.push(event)
  const context = { report, stopping: new AbortController().signal } as unknown as RunContext
  const hosts = ['a', 'b'].map((name) => ({ name }) as Host)
  const mayWait = createWaits(hosts)
  const exits = await overHosts(context, hosts, parallel, async ({ name }, spent) => {
    tried.push(name)
    spent({ execs: 1 })
    if (name === 'a' && tried.filter((each) => each === 'a').length <= times)
      throw mayWait('a', waitsFor) ? new AfterOthers(waitsFor, halted) : halted
    return result
  })
  return { tried, exits, events }
}

test.each([1, 2])('a host that waits for another one is taken up again after it, %d at a time', async (parallel) => {
  const { tried, exits, events } = await run('b', 1, parallel)
  expect(tried).toEqual(['a', 'b', 'a'])
  expect(exits).toEqual([exitCodes.done, exitCodes.done])
  expect(events.filter(({ type }) => type === 'problem')).toEqual([])
  expect(events.filter(({ type }) => type === 'host-done')).toMatchObject([{ host: 'b' }, { host: 'a', execs: 2 }])
})

test('what it waited for in vain is the problem, and it is not tried a third time', async () => {
  const { tried, exits, events } = await run('b', 9, 2)
  expect(tried).toEqual(['a', 'b', 'a'])
  expect(exits).toEqual([exitCodes.done, exitCodes.failed])
  expect(events).toContainEqual({
    type: 'problem',
    problem: expect.objectContaining({ code: 'roll-halted', host: 'a' }),
  })
})

test('nobody waits for a host that is not in the run', async () => {
  const { tried, events } = await run('elsewhere', 9, 2)
  expect(tried).toEqual(['a', 'b'])
  expect(events).toContainEqual({
    type: 'problem',
    problem: expect.objectContaining({ code: 'roll-halted', host: 'a' }),
  })
})

test('a bug that one host leads to is told with its stack trace, and the others go on', async () => {
  const events: EventData[] = []
  const report = (event: EventData) => void events.push(event)
  const context = { report, stopping: new AbortController().signal } as unknown as RunContext
  const hosts = ['a', 'b'].map((name) => ({ name }) as Host)
  const exits = await overHosts(context, hosts, 1, async ({ name }) => {
    if (name === 'a') throw new TypeError('x is not a function')
    return result
  })
  expect(exits).toEqual([exitCodes.failed, exitCodes.done])
  const problem = events.find(({ type }) => type === 'problem')
  expect(problem).toMatchObject({ problem: { code: 'internal-error', host: 'a', exit: exitCodes.failed } })
  expect(problem).toMatchObject({
    problem: { found: expect.stringMatching(/^TypeError: x is not a function\n +at .*fleet\.test\.ts/) },
  })
  expect(events.filter(({ type }) => type === 'host-done')).toMatchObject([
    { host: 'a', outcome: 'failed' },
    { host: 'b', outcome: 'changed' },
  ])
})
