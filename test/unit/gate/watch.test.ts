import { afterAll, describe, expect, test } from 'vitest'
import { type Decision, openVerdicts } from '../../model/verdicts.ts'
import { asked, oldPath, tx } from './facts.ts'

// What the timer tells after its proof, and when that is over: an alert is one journal line a reason until its cause is gone.

const verdicts = openVerdicts()
afterAll(() => verdicts.close())

const otherPath = 'e0001-0000000d'
const splitOf = (path: string): string => `check-split-${path}`
const sound = {
  sync: { main: { rc: 0, txid: tx(9), replica: tx(9) } },
  plans: { main: { rc: 0, min: tx(1), max: tx(9), bytes: 100 } },
  unprovenSince: null,
  why: '',
  past: null,
  told: [],
}
const watch = (change: Record<string, unknown> = {}): Promise<Decision> =>
  verdicts.ask(asked('watch', { ...sound, ...change }))
const codes = (decision: Decision): string[] => (decision.alerts ?? []).map(({ code }) => code)
/** What a look at one path of the past has found. */
const seen = (path: string, max: string | null, error?: string): unknown => ({
  ended: { path, host: 'pi', end: { main: tx(5) } },
  remote: { main: { max, ...(error === undefined ? {} : { error }) } },
})

describe('a second history under a path of the past', () => {
  test('is told, by its path', async () => {
    expect((await watch({ past: seen(oldPath, tx(7)) })).alerts).toEqual([
      expect.objectContaining({ code: 'split', about: oldPath, next: expect.stringContaining('streamside keep') }),
    ])
  })

  test('is not over because the next run looks at another path', async () => {
    const told = [splitOf(oldPath)]
    expect((await watch({ told, past: seen(otherPath, tx(5)) })).over).toEqual([])
    expect((await watch({ told })).over).toEqual([])
  })

  test('is not over because that path could not be read', async () => {
    const decision = await watch({ told: [splitOf(oldPath)], past: seen(oldPath, null, 'no answer in time') })
    expect([codes(decision), decision.over]).toEqual([[], []])
  })

  test('is over when that path was read and holds no more than was taken over', async () => {
    const told = [splitOf(otherPath), splitOf(oldPath)]
    expect((await watch({ told, past: seen(oldPath, tx(5)) })).over).toEqual([splitOf(oldPath)])
  })
})

describe('a chain that does not restore', () => {
  const broken = { main: { rc: 1, error: 'non-contiguous ltx files' } }
  const told = ['check-chain-broken-main']

  test('is told, and not over as long as it is so', async () => {
    const decision = await watch({ plans: broken, told })
    expect([codes(decision), decision.over]).toEqual([['chain-broken'], []])
  })

  test('is not over because the server is away, or something is pending', async () => {
    const away = { main: { rc: 1, error: 'dial tcp: connection refused' } }
    const pending = { main: { rc: 0, txid: tx(10), replica: tx(9) } }
    expect((await watch({ plans: away, told })).over).toEqual([])
    expect((await watch({ sync: pending, plans: {}, told })).over).toEqual([])
    expect((await watch({ sync: { main: { rc: 1, error: 'no answer' } }, plans: {}, told })).over).toEqual([])
  })

  test('is over when it was seen whole', async () => {
    expect((await watch({ told })).over).toEqual(told)
  })

  test('of one database does not hide that of another', async () => {
    const decision = await watch({
      dbs: ['main', 'side'],
      sync: { main: sound.sync.main, side: sound.sync.main },
      plans: { main: broken.main, side: broken.main },
      told,
    })
    expect((decision.alerts ?? []).map(({ about }) => about)).toEqual(['main', 'side'])
  })
})

test('what is not replicated is told after 10 min, and over once a proof holds', async () => {
  const told = ['check-not-replicating-notes']
  expect(codes(await watch({ unprovenSince: 399, why: 'main: no answer' }))).toEqual(['not-replicating'])
  expect((await watch({ unprovenSince: 900, told })).over).toEqual([])
  expect((await watch({ told })).over).toEqual(told)
})
