import { type App, instanceName, type Inventory } from '../inventory/model.ts'
import { databaseKey, instancePrefix } from './owner.ts'
import { openDirectly } from './open.ts'
import { ownerPlace } from './place.ts'
import { markedIn } from './source-seen.ts'
import type { DataStore, OpenStore, Written } from './store.ts'

/** What a replica holds of one database under one path. */
export interface Upload {
  name: string
  /** Highest transaction that was proven to be there, by tip.json; null = none was. */
  proven: string | null
  /** Highest transaction that any object there says it has; null = there is none, or too many objects to be sure. */
  newest: string | null
  /** When the first object that has it was written, by the clock of whoever keeps it: ISO 8601, null with `newest`. */
  writtenAt: string | null
}

/** Objects of one database that are listed at most: weeks of Litestream's finest level. */
const mostObjects = 20_000

/**
 * How far the replica of an app holds these databases under a path. Looks at names and times alone.
 * Throws Problem `replica-*`.
 */
export async function uploadsUnder(
  of: { inventory: Inventory; app: App; host: string; open?: OpenStore },
  path: string,
  names: readonly string[],
): Promise<Upload[]> {
  const { inventory, app, host, open = openDirectly } = of
  const { data, keeper } = ownerPlace(inventory, app)
  const instance = instanceName(app, host)
  const stores: DataStore[] = []
  try {
    const marks = await open(keeper)
    stores.push(marks)
    const store = keeper === data ? marks : await open(data)
    if (store !== marks) stores.push(store)
    const tip = await marks.get(`${instancePrefix(keeper, instance)}${path}/tip.json`)
    const proven = tip === null ? {} : markedIn(tip.body)
    const uploads: Upload[] = []
    for (const name of names) {
      const objects = await store.written(`${databaseKey(data, instance, path, name)}/`, mostObjects)
      uploads.push({ name, proven: proven[name] ?? null, ...newestOf(objects ?? []) })
    }
    return uploads
  } finally {
    for (const store of stores) store.close()
  }
}

/** Litestream names its files by the transactions that are in them, MIN-MAX.ltx; what it has merged holds one once more, later. */
function newestOf(objects: readonly Written[]): Pick<Upload, 'newest' | 'writtenAt'> {
  let newest: string | null = null
  let at = 0
  for (const object of objects) {
    const max = /-([0-9a-f]{16})\.ltx$/.exec(object.key)?.[1]
    if (max === undefined || (newest !== null && max < newest)) continue
    at = newest === max ? Math.min(at, object.at) : object.at
    newest = max
  }
  return { newest, writtenAt: newest === null ? null : new Date(at).toISOString() }
}
