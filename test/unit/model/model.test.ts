import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runMany } from '../../model/many.ts'
import { openVerdicts, type Verdicts } from '../../model/verdicts.ts'
import { ablations, type Ablation } from '../../model/world.ts'

// A bounded sample of what `node test/model/run.ts` runs for as long as one likes: fixed seeds, so that a failure is one.
let verdicts: Verdicts
beforeAll(() => {
  verdicts = openVerdicts(2)
})
afterAll(() => verdicts.close())

test("no schedule of faults breaks an invariant of ownership under the product's own verdicts", async () => {
  const found = await runMany(verdicts, { seed: 1, schedules: 300 })
  expect(found.failed && `seed ${found.failed.seed}: ${found.failed.violation}`).toBeNull()
  // The sample means something only while the gate's ways are really walked.
  for (const key of walked) expect(found.decided.get(key) ?? 0, key).toBeGreaterThan(0)
})

const walked = [
  'gate:start:first-launch',
  'gate:start:own-files',
  'gate:start:offline',
  'gate:claim:stale-files',
  'gate:claim:no-files',
  'gate:source:restore',
  'gate:prove:prove',
  'gate:fence:other-holder',
  'gate:refuse:split',
  'gate:refuse:replica-lost',
  'gate:rescue:rescue',
  'gate:adopt:new-history',
  'restored:install:restored',
  'source:refuse:chain-short',
  'unit:refuse:stale',
  'unit:fence:split',
  'timer:fence:other-holder',
  'timer:restart:another-path',
  'put:lost:put-lost',
]

describe('a rule that is taken away is missed', () => {
  // Where the search begins. A change of the model moves schedules: `run.ts --ablate RULE` finds the seed that is next.
  const begins: Record<Ablation, number> = {
    tip: 480,
    'stale-position': 1,
    'stale-wal': 1,
    'unit-check': 1,
    'proven-before-start': 1,
    'if-match': 1,
    'random-suffix': 1,
    'hardware-in-id': 1,
    'split-check': 1,
    'past-end-alert': 240,
  }
  test.for(ablations)('%s', async (ablation) => {
    const found = await runMany(verdicts, { seed: begins[ablation], schedules: 200, ablation })
    expect(found.failed?.violation ?? 'nothing').toMatch(/rows|upload|made twice|went on/)
  })
})
