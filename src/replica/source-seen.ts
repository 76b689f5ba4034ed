import { z } from 'zod'
import { databaseKey, epochOf, instancePrefix, type Owner } from './owner.ts'
import type { OwnerPlace } from './place.ts'
import type { DataStore, OpenStore } from './store.ts'
import { type SourceSeen, sourceOf } from './take-over.ts'

const txid = z.string().regex(/^[0-9a-f]{16}$/)
const tipSchema = z.object({ dbs: z.record(z.string(), txid) })

/** Paths of an app that are listed; more than are ever kept. */
const mostPaths = 1000

/**
 * What a take-over is judged by, from the replica: what lies of these databases under the path that it would restore from, what its tip.json tells,
 * and whether there is a later path that the owner object knows nothing of.
 * Throws Problem `replica-*`. A tip.json that cannot be read tells of nothing here; the gate refuses to restore beside it.
 */
export async function sourceSeen(
  keeper: DataStore,
  place: OwnerPlace,
  instance: string,
  owner: Owner,
  names: readonly string[],
  open: OpenStore,
): Promise<SourceSeen> {
  const path = sourceOf(owner)
  const marks = instancePrefix(place.keeper, instance)
  const tip = await keeper.get(`${marks}${path}/tip.json`)
  const newer = await newerPath(keeper, marks, owner)
  const data = place.data === place.keeper ? keeper : await open(place.data)
  try {
    // Objects are asked for, not folders: SeaweedFS lists folders whose objects are all gone.
    const lies = await Promise.all(
      names.map(async (name) => (await data.list(`${databaseKey(place.data, instance, path, name)}/`, 1)).length > 0),
    )
    const dbs = names.filter((_, index) => lies[index])
    return { dbs, marked: tip === null ? [] : Object.keys(markedIn(tip.body)), newer }
  } finally {
    if (data !== keeper) data.close()
  }
}

/** What tip.json says of each database: the highest transaction that was proven; nothing for what streamside did not write. */
export function markedIn(body: string): Record<string, string> {
  try {
    return tipSchema.parse(JSON.parse(body)).dbs
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) return {}
    throw error
  }
}

async function newerPath(keeper: DataStore, under: string, owner: Owner): Promise<string | null> {
  const known = new Set([owner.path, ...owner.past.map(({ path }) => path)])
  const paths = (await keeper.folders(under, mostPaths)).map((folder) => folder.slice(under.length, -1))
  const unknown = paths.filter((path) => epochOf(path) >= owner.epoch && !known.has(path))
  for (const path of unknown.toSorted().toReversed())
    // One without it was given up before anything was proven in it.
    if ((await keeper.get(`${under}${path}/tip.json`)) !== null) return path
  return null
}
