import { expect, test } from 'vitest'
import type { RunEvent } from '../../../src/report/events.ts'
import { warnedOnce } from '../../../src/report/warned-once.ts'

test('the same warning of a host is told once a run, and whatever else as often as it is said', () => {
  const told: RunEvent[] = []
  const report = warnedOnce((event) => told.push(event))
  const warning: RunEvent = { type: 'warning', host: 'attic', app: 'notes', code: 'clock', message: 'it is 3 s behind' }
  const step: RunEvent = { type: 'host-step', host: 'attic', step: 'look' }
  for (const event of [
    warning,
    step,
    { ...warning, host: 'cellar' },
    { ...warning },
    step,
    { ...warning, message: 'x' },
  ])
    report(event)
  expect(told).toEqual([warning, step, { ...warning, host: 'cellar' }, step, { ...warning, message: 'x' }])
})
