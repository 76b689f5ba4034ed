import { Problem } from '../problem.ts'
import { formatOwner, parseOwner, type Owner } from './owner.ts'
import { UnknownOutcome, type Condition, type ObjectStore } from './store.ts'

/** Time as the protocol sees it: injected, so that a test runs years of lost answers in a second. */
export interface Clock {
  /** Milliseconds, monotonic. */
  now(): number
  sleep(ms: number): Promise<void>
}

export interface OwnerPut {
  store: ObjectStore
  key: string
  next: Owner
  condition: Condition
  /**
   * True for CREATE and CLAIM, whose path nobody else can have made: then finding that path is success too, for the host
   * may already have written INIT or PROVEN over the object whose answer was lost.
   */
  ownsPath: boolean
  clock: Clock
  /** Milliseconds from now. */
  deadlineMs: number
}

/** `lost`: somebody else's object is current (null: none is); decide anew from it, on nothing that was read before. */
export type PutResult = { outcome: 'done'; owner: Owner } | { outcome: 'lost'; owner: Owner | null }

/**
 * Writes an owner object and knows whether it was written. The same request is repeated until the server says yes or
 * "condition failed"; only after the latter does a GET tell who it was. A GET alone never decides: a PUT that is still on
 * its way may land after it (ownership.md, "Unknown outcome").
 *
 * Throws Problem: the store's own when the first request was refused for good; `owner-write-unknown` when the deadline
 * passed, and then nothing may be started or stopped on the strength of it.
 */
export async function putOwner(put: OwnerPut): Promise<PutResult> {
  const { store, key, next, clock } = put
  const body = formatOwner(next)
  const end = clock.now() + put.deadlineMs
  let pause = 250
  // Set once a request may have been carried out. From then on a refusal (403, connection refused) proves nothing about
  // the request before it.
  let doubt: Error | null = null

  for (;;) {
    try {
      if ((await store.put(key, body, put.condition)) === 'done') return { outcome: 'done', owner: next }
      const found = await store.get(key)
      const current = found && parseOwner(found.body, `${key} in ${store.where}`)
      if (current && (current.write === next.write || (put.ownsPath && current.path === next.path)))
        return { outcome: 'done', owner: current }
      return { outcome: 'lost', owner: current }
    } catch (error) {
      if (error instanceof UnknownOutcome) doubt = error
      else if (!(error instanceof Problem) || doubt === null) throw error
    }
    if (clock.now() + pause >= end) throw unknown(put, doubt)
    await clock.sleep(pause)
    pause = Math.min(pause * 2, 4000)
  }
}

function unknown(put: OwnerPut, last: Error): Problem {
  return new Problem({
    code: 'owner-write-unknown',
    doing: `writing ${put.key} in ${put.store.where}`,
    found: `no clear answer for ${Math.round(put.deadlineMs / 1000)} s (${last.message}); it may or may not be written`,
    next: 'nothing was started or stopped on the strength of it: run this again when the server answers',
    cause: last,
  })
}
