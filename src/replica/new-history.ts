import { epochOf, type Owner } from './owner.ts'
import { notKnown } from './take-over.ts'
import type { InstanceRequest, Transition } from './transitions.ts'

/** What people have said an app begins anew from (`provision --new-history`), and what was shown to them. */
export interface BeginningAnew {
  /**
   * By database whose file lies on the host: Litestream's position there, 16 hex digits (zeros: it counts nothing yet), or `latest`
   * where the file is gone on from as it is. One that is not named begins empty.
   */
  files: Readonly<Record<string, string>>
  /**
   * By database: how far the replica holds it under the path that ends; zeros where it holds nothing. Null: another machine may still be
   * writing there, and what it writes until it is fenced is not to be told as a second history.
   */
  ends: Readonly<Record<string, string>> | null
  /** The host's gate has named this way out, or the host stands where the holder stood and nothing is left to restore. */
  wayOut: boolean
  /** Path of the owner object that was shown; null = there was none. */
  agreed: string | null
}

export type NewHistoryRefusal =
  /** The owner object is gone, and the host's files belong to none. */
  | { kind: 'anew-never-launched' }
  /** Another machine holds it, or nobody does, and nothing says that its data are lost. */
  | { kind: 'anew-not-holder'; holder: Owner['holder'] }

/**
 * CLAIM, or CREATE where the bucket has lost the owner object, with `from.local` (ownership.md, `--new-history`): this host goes on with
 * the files that lie there, under a new path. What the replica holds stays under the old one, and the end that was shown to people is
 * written down, so that what lies up to there is no second history. The host's Litestream is down by then, and stays so.
 * `pathOf`: a path of that epoch that nobody has ever written.
 */
export function newHistory(
  owner: Owner | null,
  request: InstanceRequest & { pathOf: (epoch: number) => string },
  { files, ends, wayOut, agreed }: BeginningAnew,
): Transition {
  const { holder: me, claimPath = null } = request
  if ((owner?.path ?? null) !== agreed)
    return { kind: 'restore-changed', holder: owner?.holder ?? null, path: owner?.path ?? '' }
  const local = Object.fromEntries(Object.entries(files).filter(([name]) => request.dbs.includes(name)))
  const epoch = Math.max(owner?.epoch ?? 0, claimPath === null ? 0 : epochOf(claimPath)) + 1
  const next = {
    epoch,
    path: request.pathOf(epoch),
    write: request.write,
    holder: me,
    from: Object.keys(local).length === 0 ? null : { local: me.id, dbs: local },
    dbs: Object.fromEntries(
      // What is not gone on with begins anew.
      request.dbs.map((name) => [name, { init: Object.hasOwn(local, name) && owner?.dbs[name]?.init === true }]),
    ),
  }
  if (owner === null) {
    if (claimPath === null) return { kind: 'anew-never-launched' }
    const past = [{ path: claimPath, host: me.host, end: ends && { ...ends } }]
    return { kind: 'next', owner: { v: 1, uid: request.uid, gid: request.gid, ...next, past } }
  }
  if (owner.holder?.id !== me.id && !wayOut) return { kind: 'anew-not-holder', holder: owner.holder }
  if (owner.uid !== request.uid || owner.gid !== request.gid)
    return { kind: 'identity-clash', uid: owner.uid, gid: owner.gid }
  const dropped = Object.keys(owner.dbs).filter((name) => !request.dbs.includes(name))
  if (dropped.length > 0) return { kind: 'restore-databases', dropped }
  // Who has let go has written down where its path ended.
  const former = owner.holder === null ? [] : [{ path: owner.path, host: owner.holder.host, end: ends && { ...ends } }]
  const past = [...owner.past, ...notKnown(owner, claimPath, me.host), ...former].slice(-20)
  return { kind: 'next', owner: { ...owner, ...next, past } }
}
