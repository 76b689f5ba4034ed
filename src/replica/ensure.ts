import { randomUUID } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { instanceName } from '../inventory/model.ts'
import { Problem } from '../problem.ts'
import { requireConditionalWrites } from './conditional.ts'
import { emulateConditions } from './emulated.ts'
import { newPath, ownerKey, parseOwner, type Owner } from './owner.ts'
import { lyingOfAdded, whatLiesThere } from './lying.ts'
import { newHistory } from './new-history.ts'
import { ownerPlace, type OwnerPlace } from './place.ts'
import { judgeTakeOver, type TakingOver } from './judge-take-over.ts'
import { putOwner, type Clock } from './put.ts'
import { refusal } from './refusal.ts'
import { settleSplit } from './settle-split.ts'
import { openDirectly } from './open.ts'
import type { EnsuredOwner, EnsureOwner, OwnerOf } from './ensure-request.ts'
import type { Condition, DataStore, ObjectStore } from './store.ts'
import {
  addedDatabases,
  claimFrom,
  create,
  createFrom,
  createImported,
  setDatabases,
  takeBack,
  type InstanceRequest,
  type Transition,
} from './transitions.ts'

export type { Earlier, EnsuredOwner, EnsureOwner, OwnerOf } from './ensure-request.ts'

export const realClock: Clock = {
  now: () => performance.now(),
  sleep: (ms) => sleep(ms),
}

/** Milliseconds for one owner object to be written for sure; ten contended rounds of SeaweedFS fit in (1 to 6 s each). */
const writeDeadlineMs = 60_000
/** What makes a path of its own, which nobody else can have made. */
const makesPath = new Set<EnsuredOwner['outcome']>([
  'created',
  'renamed',
  'renamed-back',
  'taken-over',
  'begun-anew',
  'imported',
])
/** Rounds of read, judge, write before somebody else is said to be in the way. */
const rounds = 5

/**
 * The owner object of an app's instance, or null when there is none yet. One GET.
 * provision asks before it makes the app's user, whose uid and gid stay what they were.
 * Throws Problem: `owner-unreadable`, `owner-too-new`, `replica-*`.
 */
export async function readOwner(request: OwnerOf): Promise<Owner | null> {
  const place = ownerPlace(request.inventory, request.app)
  const { open = openDirectly } = request
  const store = await open(place.keeper)
  try {
    return (await current(store, place, instance(request)))?.owner ?? null
  } finally {
    store.close()
  }
}

/**
 * Sees to it that the host holds the app's owner object with exactly these databases: CREATE, CLAIM, RETURN, DBS, or nothing to do (then
 * it costs one GET). The host's gate does the rest (INIT).
 *
 * Throws Problem: `replica-not-empty`, `database-was-here`, `held-as-one`, `claimed-elsewhere`, `held-by-another-host`, `released`, `identity-clash`, `restore-*`, `rename-*`,
 * `replica-no-conditional-writes`, `owner-write-unknown`, `owner-contended`, and what `readOwner` throws.
 */
export async function ensureOwner(request: EnsureOwner): Promise<EnsuredOwner> {
  if (request.dbs.length === 0) throw new TypeError(`${request.app.name} has no database, so nothing to own`)
  const clock = request.clock ?? realClock
  const place = ownerPlace(request.inventory, request.app)
  const name = instance(request)
  const { open = openDirectly } = request
  const store = await open(place.keeper)
  const writer = place.emulate ? emulateConditions(store, clock) : store
  try {
    for (let round = 0; round < rounds; round++) {
      const found = await current(store, place, name)
      const wish: InstanceRequest = {
        holder: { host: request.host, id: request.hostId },
        uid: request.uid,
        gid: request.gid,
        dbs: request.dbs,
        write: randomUUID(),
        claimPath: request.claimPath ?? null,
      }
      const keys = found ? [] : await whatLiesThere(store, place, name, open)
      // Made since the GET: judge that object, not the listing. A listing need not show it by its key: it is cut off, and a directory
      // has files of its own for an object.
      if (keys.length > 0 && (await current(store, place, name)) !== null) continue
      const before = found?.owner.path ?? null
      const { step, outcome } = await judge(store, place, request, wish, found?.owner ?? null, keys)
      if (step.kind === 'unchanged') return { outcome: 'exists', owner: step.owner, found: before }
      if (step.kind !== 'next') throw refusal(step, { ...request, instance: name, place })

      // Where an app is set up, and again whenever a place of its own is made for it: a server may have been replaced behind its
      // name. A directory says it at the write itself, by the one call that it has to do.
      const ownsPath = makesPath.has(outcome)
      if (ownsPath && !place.emulate && place.keeper.type === 's3' && request.dryRun !== 'read')
        await requireConditionalWrites(store, place.keeper, place.alternatives, request)
      if (request.dryRun !== undefined) return { outcome, owner: step.owner, found: before }
      const condition: Condition = found ? { kind: 'etag', etag: found.etag } : { kind: 'absent' }
      const put = await putOwner({
        store: writer,
        key: ownerKey(place.keeper, name),
        next: step.owner,
        condition,
        ownsPath,
        clock,
        deadlineMs: writeDeadlineMs,
      })
      // What was taken back may have other databases now: once more around.
      if (put.outcome === 'done' && outcome !== 'taken-back') return { outcome, owner: put.owner, found: before }
      if (put.outcome === 'done' && setDatabases(put.owner, wish).kind === 'unchanged')
        return { outcome, owner: put.owner, found: before }
    }
  } finally {
    store.close()
  }
  throw new Problem({
    code: 'owner-contended',
    doing: `writing the owner object of ${name} in ${store.where}`,
    found: `somebody else changed it ${rounds} times in a row`,
    next: 'see who else runs streamside on this app, then run this again',
    host: request.host,
    app: request.app.name,
  })
}

/** What is to become of the owner object that was found, or of none. */
async function judge(
  store: DataStore,
  place: OwnerPlace,
  request: EnsureOwner,
  wish: InstanceRequest,
  found: Owner | null,
  keys: string[],
): Promise<{ step: Transition; outcome: Exclude<EnsuredOwner['outcome'], 'exists'> }> {
  const { app, host, earlier = null, claimed = false } = request
  if (request.imports)
    return {
      step: createImported(found, { ...wish, path: newPath(1), claimed: request.claimed ?? false }, request.imports),
      outcome: 'imported',
    }
  if (found && request.settles) return { step: settleSplit(found, wish, request.settles), outcome: 'split-settled' }
  if (request.anew)
    return { step: newHistory(found, { ...wish, pathOf: newPath }, request.anew), outcome: 'begun-anew' }
  const ahead = request.dryRun !== undefined
  // What lies here under another name goes to this one by a rename, which has rules of its own.
  const isBlank = earlier === null || (earlier.claimPath === null && !earlier.renaming)
  if (found && request.takeOver && isBlank && isTakenOver(found, request, request.takeOver))
    return {
      step: await judgeTakeOver(
        store,
        place,
        { ...request, instance: instance(request) },
        request.takeOver,
        wish,
        found,
      ),
      outcome: 'taken-over',
    }
  const replaced = earlier !== null && (earlier.renaming || (earlier.comesBack && found?.holder === null))
  if (found && !replaced) {
    const step = found.holder === null ? takeBack(found, wish) : setDatabases(found, wish)
    // Looked at before anything is touched alone: from then on this very run's Litestream may be writing there.
    const added = ahead && step.kind === 'next' ? addedDatabases(found, request.dbs, request.laid ?? []) : []
    const of = { instance: instance(request), path: found.path, added }
    const below = await lyingOfAdded(store, place, of, request.open ?? openDirectly)
    return {
      step: below.length === 0 ? step : { kind: 'database-was-here', below },
      outcome: found.holder === null ? 'taken-back' : 'databases-changed',
    }
  }
  const of = earlier && (await current(store, place, instanceName({ ...app, name: earlier.name }, host)))
  const before = earlier && { owner: of?.owner ?? null, claimPath: earlier.claimPath }
  if (found)
    return {
      step: claimFrom(found, { ...wish, path: newPath(found.epoch + 1) }, before, {
        ahead,
        comesBack: earlier?.comesBack === true,
        over: request.seen,
      }),
      outcome: 'renamed-back',
    }
  const fresh = { ...wish, path: newPath(1), claimed }
  return before && (before.owner || before.claimPath !== null)
    ? { step: createFrom(keys, fresh, before, ahead), outcome: 'renamed' }
    : { step: (await heldAsOne(store, place, request)) ?? create(keys, fresh), outcome: 'created' }
}

/** `host:` has become `hosts:` while the one host that there was has its data: an empty app would serve beside them, on the others. */
async function heldAsOne(
  store: ObjectStore,
  place: OwnerPlace,
  { app, claimed = false, dryRun }: EnsureOwner,
): Promise<Transition | null> {
  const isNew = app.instancePerHost && !claimed && dryRun !== undefined
  const one = isNew ? await current(store, place, app.name) : null
  return one?.owner.holder ? { kind: 'held-as-one', holder: one.owner.holder } : null
}

/** Who has let go of it takes it up again, and is no other machine. */
function isTakenOver(
  found: Owner,
  { hostId, claimPath = null }: EnsureOwner,
  { discard, goesBack, chosen = null }: TakingOver,
): boolean {
  if (chosen !== null) return true
  if (found.holder?.id === hostId) return goesBack === true
  return claimPath !== found.path || (found.holder !== null && discard === true)
}

function instance(request: OwnerOf): string {
  return instanceName(request.app, request.host)
}

async function current(
  store: ObjectStore,
  place: OwnerPlace,
  name: string,
): Promise<{ owner: Owner; etag: string } | null> {
  const key = ownerKey(place.keeper, name)
  const object = await store.get(key)
  return object && { owner: parseOwner(object.body, `${key} in ${store.where}`), etag: object.etag }
}
