import type { GateReason } from '../host/observed.ts'
import type { EnsureOwner } from '../replica/ensure.ts'
import { epochOf, type Owner } from '../replica/owner.ts'
import { sourceOf } from '../replica/take-over.ts'
import { uploadsUnder } from '../replica/uploads.ts'

/** The newest path that holds anything of a database, and how far. */
export interface Held {
  name: string
  path: string
  newest: string
}

/** The path that the data come from now; null where there is no owner object. */
export function sourceOfData(owner: Owner | null): string | null {
  return owner === null ? null : sourceOf(owner)
}

/** The gate has tried to restore this very database, and has found no point of it that can be. */
export function isGivenUp(reason: GateReason | null, name: string): boolean {
  return (
    reason !== null &&
    ['chain-gap', 'object-damaged'].includes(reason.code) &&
    reason.next.includes('--new-history') &&
    reason.text.includes(` ${name}: `)
  )
}

/** What any path of the app still holds, newest first: the one that counts, where that comes from, the host's own, those of the past. */
export async function heldAnywhere(request: EnsureOwner, owner: Owner | null): Promise<Held[]> {
  const known = [owner?.path, sourceOfData(owner), request.claimPath, ...(owner?.past ?? []).map(({ path }) => path)]
  const paths = [...new Set(known.filter((each) => typeof each === 'string'))]
  const held = new Map<string, Held>()
  for (const path of paths.toSorted((one, other) => epochOf(other) - epochOf(one))) {
    const rest = request.dbs.filter((name) => !held.has(name))
    if (rest.length === 0) break
    for (const { name, newest } of await uploadsUnder(request, path, rest))
      if (newest !== null) held.set(name, { name, path, newest })
  }
  return [...held.values()]
}
