import { epochOf, type Holder, type Owner } from './owner.ts'
import type { InstanceRequest, Transition } from './transitions.ts'

/** What lies in the replica where a take-over would restore from (`sourceOf`). */
export interface SourceSeen {
  /** Databases that anything at all lies under there. */
  dbs: readonly string[]
  /** Databases that its tip.json names: they were proven there once. */
  marked: readonly string[]
  /** A path that the owner object does not know although it is no older than its own, and that was proven once; null = none. */
  newer: string | null
}

export type TakeOverRefusal =
  /** Files of the app lie on the host. */
  | { kind: 'restore-over-data'; lying: string[] }
  /** Somebody has written the object since people agreed to it. */
  | { kind: 'restore-changed'; holder: Holder | null; path: string }
  | { kind: 'restore-databases'; dropped: string[] }
  | { kind: 'restore-other-replica'; replica: string }
  | { kind: 'restore-owner-went-back'; path: string }
  | { kind: 'restore-data-elsewhere'; holder: string | null; missing: string[] }
  | { kind: 'restore-lost'; path: string; dbs: string[] }

/** The path that a take-over restores from: that of the object, or the one that it was to be restored from itself. */
export function sourceOf(owner: Owner): string {
  return owner.from && 'path' in owner.from ? owner.from.path : owner.path
}

/** A point that people have chosen to go back to; the shape is that of `ChosenPoint`. */
export interface ChosenSource {
  path: string
  /** By database: a transaction, or `latest`. */
  dbs: Record<string, string>
  /** By path: how far its databases go, as it was shown: what lies beyond the point is no second history. */
  ends: Record<string, Record<string, string>>
}

/**
 * Forced CLAIM (ownership.md): the holder's card is dead, or nobody holds it, and this host is to have the app. Never from
 * anything but the newest path, unless people have chosen a point: a database that was there and is not any more is the gate's to
 * refuse, by its chain, and where all of them are gone nothing is claimed at all.
 * `claimPath` is what files that are to be put aside belong to: its epoch counts, and the object knows it from then on.
 * `pathOf`: a path of that epoch that nobody has ever written.
 */
export function takeOver(
  owner: Owner,
  request: InstanceRequest & { pathOf: (epoch: number) => string },
  seen: SourceSeen,
  chosen: ChosenSource | null = null,
): Transition {
  if (owner.uid !== request.uid || owner.gid !== request.gid)
    return { kind: 'identity-clash', uid: owner.uid, gid: owner.gid }
  const dropped = namesOf(owner).filter((name) => !request.dbs.includes(name))
  if (dropped.length > 0) return { kind: 'restore-databases', dropped }
  if (owner.from?.replica !== undefined) return { kind: 'restore-other-replica', replica: owner.from.replica }
  if (seen.newer !== null) return { kind: 'restore-owner-went-back', path: seen.newer }
  const missing = onlyInFiles(owner).filter((name) => !seen.dbs.includes(name))
  if (missing.length > 0 && chosen === null)
    return { kind: 'restore-data-elsewhere', holder: owner.holder?.host ?? owner.past.at(-1)?.host ?? null, missing }
  const wasThere = request.dbs.filter((name) => isOrdered(owner, name) || seen.marked.includes(name))
  if (chosen === null && wasThere.length > 0 && !request.dbs.some((name) => seen.dbs.includes(name)))
    return { kind: 'restore-lost', path: sourceOf(owner), dbs: wasThere }

  const { claimPath = null } = request
  const epoch = Math.max(owner.epoch, claimPath === null ? 0 : epochOf(claimPath)) + 1
  const from = chosen === null ? orderOf(owner, request.dbs, seen) : { path: chosen.path, dbs: chosen.dbs }
  const taken = (name: string) => from !== null && Object.hasOwn(from.dbs, name)
  return {
    kind: 'next',
    owner: {
      ...owner,
      epoch,
      path: request.pathOf(epoch),
      write: request.write,
      holder: request.holder,
      from,
      // What is not taken over begins anew.
      dbs: Object.fromEntries(
        request.dbs.map((name) => [name, { init: taken(name) && owner.dbs[name]?.init === true }]),
      ),
      past: [...owner.past, ...notKnown(owner, claimPath, request.holder.host), ...formerHolder(owner)]
        .map((entry) => ended(entry, chosen))
        .slice(-20),
    },
  }
}

function namesOf({ dbs, from }: Owner): string[] {
  return [...new Set([...Object.keys(dbs), ...Object.keys(from?.dbs ?? {})])]
}

/** Databases that an order tells one machine to go on with from its own files: nothing of them is proven under the path yet. */
function onlyInFiles({ from }: Owner): string[] {
  return from !== null && 'local' in from ? Object.keys(from.dbs) : []
}

/** Something was proven of it, or an order that has not been carried out yet names it. */
function isOrdered({ dbs, from }: Owner, name: string): boolean {
  return dbs[name]?.init === true || (from !== null && Object.hasOwn(from.dbs, name))
}

function orderOf(owner: Owner, names: readonly string[], seen: SourceSeen) {
  const { from } = owner
  // Inherited as it is, chosen points included; and what has come to lie there since that order was given.
  const inherited = from !== null && 'path' in from ? from.dbs : {}
  const dbs: Record<string, string> = { ...inherited }
  for (const name of names) {
    if (Object.hasOwn(dbs, name)) continue
    // A database that an order did not name was not there to be restored then: that it is init in the object says nothing of it.
    const isKnown = from !== null && 'path' in from ? false : isOrdered(owner, name) || seen.marked.includes(name)
    if (isKnown || seen.dbs.includes(name)) dbs[name] = 'latest'
  }
  return Object.keys(dbs).length === 0 ? null : { path: sourceOf(owner), dbs }
}

function ended(entry: Owner['past'][number], chosen: ChosenSource | null): Owner['past'][number] {
  const end = chosen?.ends[entry.path]
  return end === undefined || entry.end !== null ? entry : { ...entry, end }
}

/** A person who is told that the object does not know what lies here, and goes on: from then on it knows it. */
export function notKnown({ path, past }: Owner, claimPath: string | null, host: string): Owner['past'] {
  if (claimPath === null || claimPath === path || past.some((entry) => entry.path === claimPath)) return []
  return [{ path: claimPath, host, end: null }]
}

/** Who has let go has written down where its path ended. */
function formerHolder({ path, holder }: Owner): Owner['past'] {
  return holder === null ? [] : [{ path, host: holder.host, end: null }]
}
