import { type App, instanceName, type Inventory } from '../inventory/model.ts'
import { databaseKey, ownerKey, parseOwner } from './owner.ts'
import { ownerPlace } from './place.ts'
import { openDirectly } from './open.ts'
import type { DataStore, StoreLimits } from './store.ts'

/**
 * Bytes that the databases of an app take on one host, by what its replica holds: the newest file of each says in its first
 * bytes how many pages the database has. Null as long as nothing is replicated. No host is asked.
 * Throws Problem `replica-*`, `ca-unreadable`, `owner-unreadable`.
 */
export async function replicatedBytes(
  inventory: Inventory,
  app: App,
  host: string,
  limits: StoreLimits,
): Promise<number | null> {
  const { data, keeper } = ownerPlace(inventory, app)
  const instance = instanceName(app, host)
  const stores: DataStore[] = []
  const open = async (replica: typeof data) => {
    const store = await openDirectly(replica, limits)
    stores.push(store)
    return store
  }
  try {
    const owners = await open(keeper)
    const key = ownerKey(keeper, instance)
    const object = await owners.get(key)
    if (object === null) return null
    const { path } = parseOwner(object.body, `${key} in ${owners.where}`)
    const store = keeper === data ? owners : await open(data)
    let sum: number | null = null
    for (const name of Object.keys(app.databases)) {
      const bytes = await databaseBytes(store, databaseKey(data, instance, path, name))
      if (bytes !== null) sum = (sum ?? 0) + bytes
    }
    return sum
  } finally {
    for (const store of stores) store.close()
  }
}

// Litestream's levels: 9 holds the snapshots, 0 to 3 what came since. Names are MIN-MAX.ltx, transaction ids of 16 hex digits.
// A page of a thousand names is enough: a listing that is cut yields an older file, which says the size of its time.
const levels = ['0009', '0003', '0002', '0001', '0000']

async function databaseBytes(store: DataStore, folder: string): Promise<number | null> {
  const listings = await Promise.all(levels.map((level) => store.list(`${folder}/${level}/`, 1000)))
  const last = (key: string) => /-([0-9a-f]{16})\.ltx$/.exec(key)?.[1] ?? ''
  const [newest] = listings.flat().toSorted((a, b) => (last(a) < last(b) ? 1 : -1))
  if (newest === undefined || last(newest) === '') return null
  const header = await store.beginning(newest, ltxHeaderBytes)
  return header === null ? null : pagesInBytes(header)
}

// superfly/ltx, ltx.go, Header.MarshalBinary: magic `LTX1`, then big-endian u32 each: flags, page size, commit (the number of
// pages of the database after the transaction).
const ltxHeaderBytes = 100

/** The size of the database that an LTX file's header tells; null when it is none. */
export function pagesInBytes(header: Buffer): number | null {
  if (header.length < 16 || header.toString('latin1', 0, 4) !== 'LTX1') return null
  return header.readUInt32BE(8) * header.readUInt32BE(12)
}
