import { Problem } from '../../../src/problem.ts'
import { formatOwner, parseOwner, type Owner } from '../../../src/replica/owner.ts'
import type { Clock } from '../../../src/replica/put.ts'
import { UnknownOutcome, type Condition, type ObjectStore } from '../../../src/replica/store.ts'

/** What happens to one request. */
export type Weather =
  | 'fair'
  /** Carried out, the answer lost. */
  | 'answer-lost'
  /** Never arrives, time-out. */
  | 'request-lost'
  /** 409 or 5xx: not carried out, and the answer says nothing definite. */
  | 'busy'
  /** Time-out now, carried out some seconds later. */
  | 'lands-late'
  /** Connection refused, or 403 for a moment: definitely not carried out. */
  | 'refused'
  /** Carried out, the answer lost, and the host writes INIT over it at once. */
  | 'host-follows'
  /** Another operator writes first. */
  | 'rival-first'

export interface SimulatedStore {
  store: ObjectStore
  clock: Clock
  /** Every object that was ever current, oldest first. */
  history: Owner[]
  current(): Owner | null
  /** Lets everything that is still on its way arrive. */
  settle(): void
}

/** One object, one virtual clock, and a list of weather that is used up request by request; then it is fair. */
export function simulateStore(
  initial: Owner | null,
  weather: Weather[],
  rival: (now: Owner | null) => Owner,
): SimulatedStore {
  let body = initial && formatOwner(initial)
  let version = 0
  let now = 0
  const history: Owner[] = initial ? [initial] : []
  let onTheWay: { at: number; arrive: () => void }[] = []
  const todo = [...weather]

  const etag = () => `"${version}"`
  function write(text: string): void {
    body = text
    version++
    history.push(parseOwner(text, 'the simulated store'))
  }
  function attempt(text: string, condition: Condition): 'done' | 'conflict' {
    const holds =
      condition.kind === 'none' ||
      (condition.kind === 'absent' ? body === null : body !== null && condition.etag === etag())
    if (!holds) return 'conflict'
    write(text)
    return 'done'
  }
  function pass(ms: number): void {
    now += ms
    const due = onTheWay.filter((request) => request.at <= now).sort((a, b) => a.at - b.at)
    onTheWay = onTheWay.filter((request) => request.at > now)
    for (const request of due) request.arrive()
  }
  const refused = () => new Problem({ code: 'replica-unreachable', doing: 'a test', found: 'refused', next: '-' })

  const store: ObjectStore = {
    where: 'the simulated store',
    async get() {
      pass(50)
      const now = todo.shift()
      if (now === 'answer-lost' || now === 'request-lost' || now === 'refused') throw refused()
      return body === null ? null : { body, etag: etag() }
    },
    async put(_key, text, condition) {
      pass(50)
      const kind = todo.shift() ?? 'fair'
      switch (kind) {
        case 'fair':
          return attempt(text, condition)
        case 'refused':
          throw refused()
        case 'rival-first':
          write(formatOwner(rival(body === null ? null : parseOwner(body, 'the simulated store'))))
          return attempt(text, condition)
        case 'lands-late':
          onTheWay.push({ at: now + 3000 + todo.length * 700, arrive: () => attempt(text, condition) })
          break
        case 'answer-lost':
          attempt(text, condition)
          break
        case 'host-follows':
          if (attempt(text, condition) === 'done') {
            const mine = parseOwner(text, 'the simulated store')
            const dbs = Object.fromEntries(Object.keys(mine.dbs).map((name) => [name, { init: true }]))
            write(formatOwner({ ...mine, write: '99999999-9999-4999-8999-999999999999', dbs }))
          }
          break
        case 'request-lost':
        case 'busy':
          break
      }
      throw new UnknownOutcome(kind)
    },
    list: () => Promise.resolve([]),
    remove: () => Promise.resolve(),
    close: () => {},
  }
  return {
    store,
    clock: {
      now: () => now,
      sleep: (ms) => {
        pass(ms)
        return Promise.resolve()
      },
    },
    history,
    current: () => (body === null ? null : parseOwner(body, 'the simulated store')),
    settle: () => pass(10_000_000),
  }
}
