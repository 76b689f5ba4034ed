import { expect, test } from 'vitest'
import { exitCodes, Problem } from '../../../src/problem.ts'
import { failedOf } from '../../../src/rollout/in-turn.ts'

const problem = (app?: string) =>
  new Problem({ code: 'unhealthy', doing: 'x', found: 'x', next: 'x', ...(app === undefined ? {} : { app }) })
const failed = (...problems: Problem[]) => failedOf({ exit: exitCodes.failed, problems }, ['fine', 'worse'])

test('an app that is well is not halted on other hosts for another one of its host', () => {
  expect(failed(problem('worse'))).toEqual(['worse'])
  expect(failed(problem('elsewhere'))).toEqual(['elsewhere'])
})

test('a failure that names no app halts all that had their turn', () => {
  expect(failed(problem())).toEqual(['fine', 'worse'])
  expect(failed(problem('worse'), problem())).toEqual(['fine', 'worse'])
  expect(failed()).toEqual(['fine', 'worse'])
})

test('what is done halts nobody', () => {
  expect(failedOf({ exit: exitCodes.done, problems: [] }, ['fine'])).toEqual([])
})
