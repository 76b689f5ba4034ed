import { afterAll, describe, expect, test } from 'vitest'
import { type Decision, openVerdicts } from '../../model/verdicts.ts'
import { apartCases } from './apart-cases.ts'
import { barredCases } from './barred-cases.ts'
import { asked, barred, claim, fileId, found, gone, here, me, owner } from './facts.ts'
import { directoryCases } from './directory-cases.ts'
import { filesCases } from './files-cases.ts'
import { ownerCases } from './owner-cases.ts'
import { unprovenCases } from './unproven-cases.ts'

// The gate's verdicts, one line a rule of ownership.md; that they are enough together is the model's to show (test/model).

const verdicts = openVerdicts()
afterAll(() => verdicts.close())

const gate = (change: Record<string, unknown>): Promise<Decision> => verdicts.ask(asked('gate', change))
const steps = { ...ownerCases, ...filesCases, ...unprovenCases, ...directoryCases, ...barredCases, ...apartCases }

for (const [step, cases] of Object.entries(steps)) {
  describe(step, () => {
    test.each(cases)('%s', async (_, facts, decision) => {
      expect(await gate(facts)).toMatchObject(decision)
    })
  })
}

test('every refusal says what was found and what to do next, without a number or name that is missing', async () => {
  for (const [promise, facts] of Object.values(steps).flat()) {
    const decision = await gate(facts)
    if (decision.do !== 'refuse' && decision.do !== 'fence') continue
    expect([promise, decision.text]).toEqual([promise, expect.stringMatching(/^\S.{10,}[^.]$/)])
    expect([promise, decision.next]).toEqual([promise, expect.stringMatching(/^\S.{10,}[^.]$/)])
    expect(decision.text + decision.next).not.toMatch(/null|undefined|\(\)|\[object/)
  }
})

test('a stop notes of files that it could not read what it could see, and that', async () => {
  const local = { main: barred({}, { id: { ...fileId, counter: null } }), other: here() }
  const { keep } = await verdicts.ask(asked('left', { dbs: ['main', 'other'], local }))
  expect(keep).toEqual({
    main: { id: { ...fileId, counter: null }, walId: '8 4152 900', barred: true },
    other: { id: fileId, walId: '8 4152 900' },
  })
})

test('a claim by the host itself keeps what the object says, and its past to the last 20', async () => {
  const past = Array.from({ length: 20 }, (_, n) => ({
    path: `e${String(n + 1).padStart(4, '0')}-0000000b`,
    host: 'pi',
    end: {},
  }))
  const before = owner({ epoch: 9999, path: 'e9999-0000000c', past })
  const { put } = await gate({
    owner: found(before),
    claim: claim({ path: 'e9999-0000000c', epoch: 9999 }),
    local: { main: gone },
  })
  expect(put).toEqual({
    ...before,
    epoch: 10_000,
    path: 'e10000-0badcafe',
    write: '00000000-0000-4000-8000-000000000002',
    holder: { host: 'pi', id: me },
    from: { path: 'e9999-0000000c', dbs: { main: 'latest' } },
    past: [...past.slice(1), { path: 'e9999-0000000c', host: 'pi', end: null }],
  })
})

test('what cannot be judged is told to whoever asked, and not answered with what another one asked', async () => {
  // a judge of its own: it may end at such a question
  const judge = openVerdicts()
  try {
    const order = { dbs: { main: 'latest' }, source: 'e0001-0000000b' }
    const answers = await Promise.allSettled([
      judge.ask({ ask: 'source', order, plans: {}, dbs: ['main'] }),
      judge.ask({ ask: 'nonsense', dbs: [] }),
    ])
    expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(String((answers[0] as PromiseRejectedResult).reason)).toContain('question: {"ask":"source"')
  } finally {
    judge.close()
  }
})
