import { expect, test } from 'vitest'
import { formatRolled, historyTable } from '../../../src/report/format-rolled.ts'

const [a, b] = ['a'.repeat(64), 'b'.repeat(64)]
const databases = [{ name: 'main', txid: '000000000000002a', bytes: 16 << 20, seconds: 0.4 }]
const rolled = { type: 'app-rolled', host: 'pi', app: 'web', from: a, to: b, downSeconds: 2.1, databases } as const

test('a restart is told with its releases, its downtime and what was proven', () => {
  expect(formatRolled({ ...rolled, outcome: 'rolled', mode: 'restore' })).toBe(
    'pi web: release aaaaaaaaaaaa → bbbbbbbbbbbb, healthy after 2.1 s down\n' +
      '  main  transaction 2a, 16 MB, restored beside, checked, the same as here in 0.4 s',
  )
  expect(formatRolled({ ...rolled, outcome: 'put-back', mode: 'prove', databases: [] })).toBe(
    'pi web: release aaaaaaaaaaaa → bbbbbbbbbbbb, put back after 2.1 s down',
  )
  expect(formatRolled({ ...rolled, outcome: 'failed', mode: 'prove', downSeconds: null, to: a })).toMatch(
    /^pi web: not healthy\n {2}main .* restored beside and checked in 0\.4 s$/,
  )
})

test('history is one table over all hosts by time, and no name of an operator adds a line to it', () => {
  const past = { host: 'pi', app: 'web', from: a, to: b, downSeconds: 2.1, mode: 'prove' as const }
  const text = historyTable(
    [
      { ...past, at: '2026-11-23T10:00:00.000Z', who: 'b@c\n(x)', outcome: 'rolled' },
      {
        ...past,
        at: '2026-11-22T10:00:00.000Z',
        who: 'ann',
        host: 'attic',
        outcome: 'failed',
        downSeconds: null,
        to: a,
      },
    ],
    Infinity,
  )
  expect(text.split('\n')).toEqual([
    expect.stringMatching(/^WHEN +HOST +APP +OUTCOME +DOWN +RELEASE +WHO$/),
    expect.stringMatching(/^2026-11-22 10:00 UTC +attic +web +failed +- +aaaaaaaaaaaa +ann$/),
    expect.stringMatching(/^2026-11-23 10:00 UTC +pi +web +healthy +2\.1 s +aaaaaaaaaaaa → bbbbbbbbbbbb +b@c/),
  ])
  expect(historyTable([], 80)).toMatch(/nothing|not restarted anything/)
})
