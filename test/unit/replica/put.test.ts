import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { Problem } from '../../../src/problem.ts'
import { formatOwner, parseOwner, type Owner } from '../../../src/replica/owner.ts'
import { putOwner, type OwnerPut, type PutResult } from '../../../src/replica/put.ts'
import type { Condition } from '../../../src/replica/store.ts'
import { cellar, ownerWith } from './owners.ts'
import { simulateStore, type SimulatedStore, type Weather } from './simulated-store.ts'

const weather: Weather[] = [
  'fair',
  'answer-lost',
  'request-lost',
  'busy',
  'lands-late',
  'refused',
  'host-follows',
  'rival-first',
]
const anyWeather = fc.array(fc.constantFrom(...weather), { maxLength: 12 })

const mine = ownerWith({
  path: 'e0001-11111111',
  write: '22222222-2222-4222-8222-222222222222',
  dbs: { main: { init: false } },
})
const rival = (now: Owner | null): Owner =>
  now
    ? { ...now, write: crypto.randomUUID(), holder: cellar }
    : ownerWith({ path: 'e0001-22222222', holder: cellar, write: crypto.randomUUID() })

type Outcome = PutResult['outcome'] | 'unknown' | 'failed'
type Protocol = (put: OwnerPut) => Promise<PutResult>

interface Run {
  outcome: Outcome
  sim: SimulatedStore
  /** What had been current when the protocol answered, and what had at the end of time. */
  before: number
  took: number
}

async function run(initial: Owner | null, schedule: Weather[], protocol: Protocol = putOwner): Promise<Run> {
  const sim = simulateStore(initial, schedule, rival)
  const condition: Condition = initial ? { kind: 'etag', etag: '"0"' } : { kind: 'absent' }
  const next = initial ? { ...initial, write: mine.write, dbs: { ...initial.dbs, extra: { init: false } } } : mine
  let outcome: Outcome
  try {
    const put = {
      store: sim.store,
      key: 'k',
      next,
      condition,
      ownsPath: !initial,
      clock: sim.clock,
      deadlineMs: 60_000,
    }
    outcome = (await protocol(put)).outcome
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    outcome = error.code === 'owner-write-unknown' ? 'unknown' : 'failed'
  }
  const before = sim.history.length
  const took = sim.clock.now()
  sim.settle()
  return { outcome, sim, before, took }
}

/** What CREATE promises whoever acts on its answer. */
function createKeepsItsWord({ outcome, sim, took }: Run): void {
  const landed = sim.history.some((owner) => owner.path === mine.path)
  if (outcome === 'done') expect(landed).toBe(true)
  if (outcome === 'done') expect(sim.current()?.path).toBe(mine.path)
  if (outcome === 'lost' || outcome === 'failed') expect(landed).toBe(false)
  expect(took).toBeLessThan(70_000)
}

test('CREATE says done only if it is written, and lost or failed only if it never will be', async () => {
  await fc.assert(
    fc.asyncProperty(anyWeather, async (schedule) => {
      createKeepsItsWord(await run(null, schedule))
    }),
    { numRuns: 3000 },
  )
})

test('DBS says done only if it is written, and after lost or failed nothing of it lands any more', async () => {
  await fc.assert(
    fc.asyncProperty(anyWeather, async (schedule) => {
      const { outcome, sim, before } = await run(ownerWith(), schedule)
      const landed = (from: number) => sim.history.slice(from).some((owner) => owner.write === mine.write)
      if (outcome === 'done') expect(landed(0)).toBe(true)
      if (outcome === 'failed') expect(landed(0)).toBe(false)
      if (outcome === 'lost') expect(landed(before)).toBe(false)
      if (outcome === 'lost') expect(sim.current()?.write).not.toBe(mine.write)
    }),
    { numRuns: 3000 },
  )
})

test('a protocol that believes a GET after a lost answer is caught by this simulation', async () => {
  const believesGet: Protocol = async ({ store, key, next, condition }) => {
    try {
      const answer = await store.put(key, formatOwner(next), condition)
      if (answer === 'done') return { outcome: 'done', owner: next }
    } catch (error) {
      if (error instanceof Problem) throw error
    }
    const found = await store.get(key)
    const owner = found && parseOwner(found.body, key)
    return owner?.path === next.path ? { outcome: 'done', owner } : { outcome: 'lost', owner }
  }
  const details = await fc.check(
    fc.asyncProperty(anyWeather, async (schedule) => {
      createKeepsItsWord(await run(null, schedule, believesGet))
    }),
    { numRuns: 3000 },
  )
  expect(details.failed).toBe(true)
})

test('a protocol that takes every 412 for a loss is caught by this simulation', async () => {
  const believes412: Protocol = async (put) => {
    for (;;) {
      try {
        const answer = await put.store.put(put.key, formatOwner(put.next), put.condition)
        return answer === 'done' ? { outcome: 'done', owner: put.next } : { outcome: 'lost', owner: null }
      } catch (error) {
        if (error instanceof Problem) throw error
      }
    }
  }
  const details = await fc.check(
    fc.asyncProperty(anyWeather, async (schedule) => {
      createKeepsItsWord(await run(null, schedule, believes412))
    }),
    { numRuns: 3000 },
  )
  expect(details.failed).toBe(true)
})

test('a host that wrote INIT over a CREATE whose answer was lost does not make the CREATE a loss', async () => {
  const { outcome, sim } = await run(null, ['host-follows'])
  expect(outcome).toBe('done')
  expect(sim.current()?.dbs).toEqual({ main: { init: true } })
})

test('a server that never gives a clear answer ends in "unknown", not in an answer', async () => {
  const { outcome, took } = await run(
    null,
    Array.from({ length: 200 }, () => 'busy' as const),
  )
  expect(outcome).toBe('unknown')
  expect(took).toBeGreaterThan(50_000)
})

test('a refusal after a lost answer does not turn into "failed": the earlier request may be there', async () => {
  expect((await run(null, ['lands-late', ...Array.from({ length: 200 }, () => 'refused' as const)])).outcome).toBe(
    'unknown',
  )
  expect((await run(null, ['refused'])).outcome).toBe('failed')
})
