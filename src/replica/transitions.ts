import { ownerState, type Holder, type Owner } from './owner.ts'
import type { NewHistoryRefusal } from './new-history.ts'
import type { TakeOverRefusal } from './take-over.ts'

/**
 * What the operator's side does to an owner object, as pure functions: object and request in, next object or refusal out.
 * The preconditions are those of the table in ownership.md; the PUT's own condition (If-None-Match or If-Match) enforces
 * that the object was still the one that was judged.
 *
 * A later transition is one more function `(owner, request) => Transition` here and one more member of `Refusal`; `putOwner`
 * carries all of them out.
 */
export type Transition = { kind: 'next'; owner: Owner } | { kind: 'unchanged'; owner: Owner } | Refusal

export type Refusal =
  | TakeOverRefusal
  | NewHistoryRefusal
  | { kind: 'import-owned'; holder: Holder | null; epoch: number }
  | { kind: 'rename-lost' }
  | { kind: 'rename-taken' }
  | { kind: 'rename-not-here' }
  | { kind: 'rename-not-released' }
  | { kind: 'rename-databases'; dropped: string[] }
  | { kind: 'replica-not-empty'; keys: string[] }
  | { kind: 'database-was-here'; below: string[] }
  | { kind: 'claimed-elsewhere' }
  | { kind: 'held-as-one'; holder: Holder }
  | { kind: 'held-by-another-host'; holder: Holder }
  | { kind: 'released' }
  | { kind: 'identity-clash'; uid: number; gid: number }
  | { kind: 'restore-under-way'; dropped: string[] }

export interface InstanceRequest {
  holder: Holder
  /** Of the app's user on that host. */
  uid: number
  gid: number
  /** The names of the databases, as in the inventory. At least one. */
  dbs: readonly string[]
  /** UUID of the PUT that carries this out. */
  write: string
  /** The path that the host's files belong to, by a claim of its own; null or absent = none. */
  claimPath?: string | null
}

/**
 * CREATE: no object, and nothing below the instance's prefix. `keys`: what a listing of that prefix found. `claimed`: the
 * host's files belong to a path of some owner object, so that one is lost or lies elsewhere; it is never made again.
 */
export function create(
  keys: readonly string[],
  request: InstanceRequest & { path: string; claimed?: boolean },
): Transition {
  if (request.claimed === true) return { kind: 'claimed-elsewhere' }
  if (keys.length > 0) return { kind: 'replica-not-empty', keys: [...keys] }
  return {
    kind: 'next',
    owner: {
      v: 1,
      epoch: 1,
      path: request.path,
      write: request.write,
      holder: request.holder,
      from: null,
      uid: request.uid,
      gid: request.gid,
      dbs: Object.fromEntries(request.dbs.map((name) => [name, { init: false }])),
      past: [],
    },
  }
}

/**
 * CREATE for an app that had another name, with `from.local` (ownership.md, "Another bucket": stop, proof, RELEASE, CREATE in the
 * new place, PROVEN, start). `earlier` is the object of that name: released, and what it says of the end of its path is the
 * least that the files here have to hold. Only the host whose claim is of that very path has those files.
 * @param ahead judge what will be so once this host has released it
 */
export function createFrom(
  keys: readonly string[],
  request: InstanceRequest & { path: string; claimed?: boolean },
  earlier: EarlierOwner,
  ahead: boolean,
): Transition {
  const fresh = create(keys, request)
  return fresh.kind === 'next' ? ordersFilesHere(fresh.owner, request, earlier, ahead) : fresh
}

/**
 * CREATE for an app whose data another set-up of Litestream has written (`import`): they lie copied under `from.path`, and are restored
 * from there under the first path of this app.
 */
export function createImported(
  owner: Owner | null,
  request: InstanceRequest & { path: string; claimed?: boolean },
  from: { path: string; dbs: readonly string[] },
): Transition {
  if (owner !== null)
    return owner.from !== null &&
      'path' in owner.from &&
      owner.from.path === from.path &&
      owner.holder?.id === request.holder.id
      ? { kind: 'unchanged', owner }
      : { kind: 'import-owned', holder: owner.holder, epoch: owner.epoch }
  // what lies below its prefix is the copy, and perhaps what was copied
  const fresh = create([], request)
  if (fresh.kind !== 'next') return fresh
  const dbs = Object.fromEntries(from.dbs.map((name) => [name, 'latest']))
  // what was restored beforehand lies on the host, and is taken as it is
  return { kind: 'next', owner: { ...fresh.owner, from: from.dbs.length === 0 ? null : { path: from.path, dbs } } }
}

/** The owner object of an earlier name, and the path that the host's files belong to by their claim under it; null = none. */
export interface EarlierOwner {
  owner: Owner | null
  claimPath: string | null
}

/**
 * CLAIM for an app that gets a name whose owner object is there: with `from.local` as in `createFrom`, under a new path. Allowed
 * where nothing but these very files can be meant: the name is an earlier one of theirs, and what lies there was released (the
 * app comes back to it; the end of that path is written down); or this host holds it for files of its own that it has never
 * proven there (a rename to it was given up).
 * `over`: the path of the object that was there before the host was touched. An order of this host's under another path was given
 * since, by another run for this same rename, and its gate may have taken the files up for it: that order stands (`unchanged`).
 * A name that was made for this host and that nothing was ever claimed under, neither there nor by the files here, is taken as it is.
 */
export function claimFrom(
  found: Owner,
  request: InstanceRequest & { path: string },
  earlier: EarlierOwner | null,
  { ahead, comesBack, over }: { ahead: boolean; comesBack: boolean; over?: string | null | undefined },
): Transition {
  const { holder, from } = found
  if (holder !== null && holder.id !== request.holder.id) return { kind: 'held-by-another-host', holder }
  const last = found.past.at(-1)
  // Released by somebody else since, it is newer than what these files were.
  const isPast =
    comesBack && holder === null && last?.path === found.path && last.end !== null && last.host === request.holder.host
  const isGivenUp = holder !== null && from !== null && 'local' in from && from.local === request.holder.id
  // Both names are untried: there are no files to go on from, and nothing was ever proven under this one.
  const isUntried = holder !== null && earlier?.claimPath === null && ownerState(found) === 'NEW' && !isBegun(found)
  if (isUntried) return setDatabases(found, request)
  if (!earlier || !(isPast || isGivenUp)) return { kind: 'rename-taken' }
  if (isGivenUp && over !== undefined && over !== found.path) return { kind: 'unchanged', owner: found }
  if (found.uid !== request.uid || found.gid !== request.gid)
    return { kind: 'identity-clash', uid: found.uid, gid: found.gid }
  const past = isPast ? found.past : [...found.past, { path: found.path, host: request.holder.host, end: null }]
  const claimed: Owner = {
    ...found,
    epoch: found.epoch + 1,
    path: request.path,
    write: request.write,
    holder: request.holder,
    from: null,
    dbs: Object.fromEntries(request.dbs.map((name) => [name, { init: false }])),
    past: past.slice(-20),
  }
  return ordersFilesHere(claimed, request, earlier, ahead)
}

function isBegun({ dbs, past }: Owner): boolean {
  return past.length > 0 || Object.values(dbs).some(({ init }) => init)
}

/** `next` with the order to go on from this host's files, which were let go of as `earlier` says. */
function ordersFilesHere(
  next: Owner,
  request: InstanceRequest,
  { owner, claimPath }: EarlierOwner,
  ahead: boolean,
): Transition {
  if (owner === null) return { kind: 'rename-lost' }
  const { holder } = owner
  if (holder !== null && holder.id !== request.holder.id) return { kind: 'held-by-another-host', holder }
  if (claimPath !== owner.path) return { kind: 'rename-not-here' }
  if (owner.uid !== request.uid || owner.gid !== request.gid)
    return { kind: 'identity-clash', uid: owner.uid, gid: owner.gid }
  const dropped = Object.keys(owner.dbs).filter((name) => !request.dbs.includes(name))
  if (dropped.length > 0) return { kind: 'rename-databases', dropped }
  const last = owner.past.at(-1)
  const released = holder === null && last?.path === owner.path && last.end !== null ? last.end : null
  if (released === null)
    return ahead && holder !== null ? { kind: 'next', owner: next } : { kind: 'rename-not-released' }
  // One that the app has never made holds nothing: its first launch is still to come.
  const dbs = Object.fromEntries(Object.entries(released).filter(([, end]) => !/^0+$/.test(end)))
  const from = Object.keys(dbs).length === 0 ? null : { local: request.holder.id, dbs }
  return { kind: 'next', owner: { ...next, from } }
}

/**
 * RETURN: the last holder takes an app up again that it has released, on the files that it left: same epoch, same path, for
 * nobody has claimed another since. What its release wrote down as the end of that path is none any more.
 * `released` when the host's files belong to another path, or to none.
 */
export function takeBack(owner: Owner, request: InstanceRequest): Transition {
  if (owner.holder !== null || request.claimPath !== owner.path) return { kind: 'released' }
  if (owner.uid !== request.uid || owner.gid !== request.gid)
    return { kind: 'identity-clash', uid: owner.uid, gid: owner.gid }
  const past = owner.past.filter((entry) => entry.path !== owner.path)
  return { kind: 'next', owner: { ...owner, write: request.write, holder: request.holder, past } }
}

/**
 * Names that DBS will add, and whose place below the current path should be empty: nothing was ever written there but by a database
 * that had this name before. `laid`: those that the host has been given already, so that a run before this one has looked.
 */
export function addedDatabases({ dbs }: Owner, wanted: readonly string[], laid: readonly string[]): string[] {
  return wanted.filter((name) => !Object.hasOwn(dbs, name) && !laid.includes(name))
}

/** DBS: the holder's set of databases becomes that of the inventory. `unchanged` when it is already. */
export function setDatabases(owner: Owner, request: InstanceRequest): Transition {
  if (owner.holder === null) return { kind: 'released' }
  if (owner.holder.id !== request.holder.id) return { kind: 'held-by-another-host', holder: owner.holder }
  if (owner.uid !== request.uid || owner.gid !== request.gid)
    return { kind: 'identity-clash', uid: owner.uid, gid: owner.gid }

  const wanted = new Set(request.dbs)
  const dropped = Object.keys(owner.dbs).filter((name) => !wanted.has(name))
  const added = request.dbs.filter((name) => !Object.hasOwn(owner.dbs, name))
  if (dropped.length === 0 && added.length === 0) return { kind: 'unchanged', owner }
  // The gate is restoring what `from.dbs` names; taking one away under its hands would leave it without an answer.
  // One that is added is a first launch after the restore, as for any database that `from.dbs` does not name.
  if (dropped.length > 0 && ownerState(owner) === 'MOVING') return { kind: 'restore-under-way', dropped }

  const dbs = Object.fromEntries(request.dbs.map((name) => [name, { init: owner.dbs[name]?.init ?? false }]))
  return { kind: 'next', owner: { ...owner, write: request.write, dbs } }
}
