import { type EnsuredOwner, type EnsureOwner, ensureOwner } from '../../src/replica/ensure.ts'
import { formatOwner, type Owner } from '../../src/replica/owner.ts'
import { Problem } from '../../src/problem.ts'
import { type DataStore, UnknownOutcome } from '../../src/replica/store.ts'
import { landOwner, send } from './requests.ts'
import { bucketOf, type Program, type Run } from './world.ts'

/**
 * The product's own `ensureOwner`, one request to the replica a step: anything may happen before each of them, the operator may
 * die there, and a PUT may land after that. Ends with what it gives back, or with the Problem that it throws.
 */
export function* ensured(run: Run, request: Omit<EnsureOwner, 'open' | 'clock'>): Program<EnsuredOwner | Problem> {
  const { world } = run
  const calls: { what: string; answer: () => void }[] = []
  let arrived = () => {}
  const call = <T>(what: string, answer: () => T) =>
    new Promise<T>((resolve, reject) => {
      calls.push({
        what,
        answer: () => {
          try {
            resolve(answer())
          } catch (error) {
            reject(error)
          }
        },
      })
      arrived()
    })
  const read = <T>(what: string, answer: () => T) =>
    call(what, () => {
      if (world.random.chance(world.faulty / 4))
        throw new Problem({ code: 'replica-timeout', doing: what, found: 'no answer', next: 'run it again' })
      return answer()
    })
  const store: DataStore = {
    where: 'replica lab',
    get: (key) => read(`operator GETs ${key}`, () => ablatedOwner(run, request, key)),
    list: (prefix, limit) => read(`operator LISTs ${prefix}`, () => keysOf(run, prefix).slice(0, limit)),
    put: (key, body, condition) =>
      call(`operator PUTs ${key}`, () => {
        if (condition.kind === 'none') throw new TypeError(`${key} is only ever written under a condition`)
        const sent = landOwner(world, nameIn(key), body, condition.kind === 'absent' ? 'absent' : condition)
        const answer = send(world, null, sent)
        if (answer.curl !== 0) throw new UnknownOutcome(answer.error)
        return answer.http === 200 ? 'done' : 'conflict'
      }),
    remove: () => Promise.reject(new TypeError('nothing is removed')),
    beginning: () => Promise.reject(new TypeError('no data is read')),
    written: () => Promise.reject(new TypeError('no data is read')),
    copy: () => Promise.reject(new TypeError('no data is copied')),
    folders: () => Promise.reject(new TypeError('no data is read')),
    close: () => {},
  }
  const clock = {
    now: () => world.now * 1000,
    sleep: (ms: number) => call('operator waits', () => void (world.now += ms / 1000)),
  }
  const outcome: { ended: EnsuredOwner | Error | null } = { ended: null }
  void endOf(outcome, () => ensureOwner({ ...request, open: () => Promise.resolve(store), clock })).finally(() =>
    arrived(),
  )
  for (;;) {
    yield new Promise<void>((resolve) => {
      arrived = resolve
      if (outcome.ended !== null || calls.length > 0) resolve()
    })
    const result = outcome.ended
    if (result instanceof Error && !(result instanceof Problem)) throw result
    if (result !== null) return result
    const next = calls.shift()
    if (!next) continue
    yield next.what
    next.answer()
  }
}

async function endOf(
  outcome: { ended: EnsuredOwner | Error | null },
  work: () => Promise<EnsuredOwner>,
): Promise<void> {
  try {
    outcome.ended = await work()
  } catch (error) {
    outcome.ended = error as Error
  }
}

function nameIn(key: string): string {
  return key.split('/')[0] ?? ''
}

function keysOf({ world }: Run, prefix: string): string[] {
  const bucket = bucketOf(world, nameIn(prefix))
  const chains = Object.entries(bucket.chains).filter(([, chain]) => chain.length > 0)
  return [
    ...chains.map(([key]) => `${prefix}${key}`),
    ...Object.keys(bucket.tips).map((path) => `${prefix}${path}/tip.json`),
  ]
}

/** The owner object as the server has it, but for the rule that is taken away: then it says what the rule asks for. */
function ablatedOwner(
  { world }: Run,
  { app, host, hostId, earlier }: Omit<EnsureOwner, 'open' | 'clock'>,
  key: string,
): { body: string; etag: string } | null {
  const { owner } = bucketOf(world, nameIn(key))
  if (owner === null) return null
  const told = JSON.parse(owner.body) as Owner
  const isEarlier = nameIn(key) === earlier?.name
  const isFound = nameIn(key) === app.name
  const mine = { path: told.path, host }
  if (world.ablation === 'rename-after-release' && isEarlier && told.holder?.id === hostId) {
    const end = Object.fromEntries(Object.keys(told.dbs).map((db) => [db, '0000000000000001']))
    Object.assign(told, { holder: null, past: [...told.past, { ...mine, end }] })
  }
  if (
    world.ablation === 'rename-of-these-files' &&
    isEarlier &&
    told.path !== earlier?.claimPath &&
    earlier?.claimPath
  ) {
    const last = told.past.at(-1)
    const past = last?.path === told.path ? [{ ...last, path: earlier.claimPath }] : told.past
    Object.assign(told, { path: earlier.claimPath, past })
  }
  if (world.ablation === 'name-not-in-use' && isFound && told.holder?.id === hostId && told.from === null)
    Object.assign(told, { from: { local: hostId, dbs: {} } })
  if (world.ablation === 'name-released-here' && isFound && told.holder === null && told.past.at(-1)?.host !== host)
    Object.assign(told, { past: [...told.past.slice(0, -1), { ...told.past.at(-1), ...mine }] })
  return { body: formatOwner(told), etag: owner.etag }
}
