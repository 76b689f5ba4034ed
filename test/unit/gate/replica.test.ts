import { afterAll, describe, expect, test } from 'vitest'
import { openVerdicts } from '../../model/verdicts.ts'
import type { Case } from './case.ts'
import { asked } from './facts.ts'
import { dataCases } from './apart-cases.ts'
import { proofCases, restoredCases, sourceCases, timerCases, unitCases } from './replica-cases.ts'

// Verdicts about Litestream and what the replica holds, one line a rule of ownership.md.

const verdicts = openVerdicts()
afterAll(() => verdicts.close())

const asks: [about: string, ask: string, cases: Case[]][] = [
  ['Litestream', 'unit', unitCases],
  ['the timer', 'timer', timerCases],
  ['a proof', 'proof', proofCases],
  ['the data', 'data', dataCases],
  ['step 4', 'source', sourceCases],
  ['what was restored', 'restored', restoredCases],
]

for (const [about, ask, cases] of asks) {
  describe(about, () => {
    test.each(cases)('%s', async (_, facts, decision) => {
      expect({ transition: undefined, ...(await verdicts.ask(asked(ask, facts))) }).toMatchObject(decision)
    })
  })
}
