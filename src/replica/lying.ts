import { databaseKey, instancePrefix } from './owner.ts'
import type { OwnerPlace } from './place.ts'
import type { ObjectStore, OpenStore } from './store.ts'

/** The first keys below the instance's prefix, where its data are to lie and where its owner object is to lie. */
export async function whatLiesThere(
  store: ObjectStore,
  place: OwnerPlace,
  name: string,
  open: OpenStore,
): Promise<string[]> {
  const keys = await store.list(instancePrefix(place.keeper, name), 5)
  if (keys.length > 0 || place.keeper === place.data) return keys
  const data = await open(place.data)
  try {
    return await data.list(instancePrefix(place.data, name), 5)
  } finally {
    data.close()
  }
}

/**
 * Of databases that are added below a path, the folders where an earlier one of that name lies: Litestream would go on in it, and at
 * its next start the gate would take what it held for the newest state of the file here. One listing for each.
 */
export async function lyingOfAdded(
  store: ObjectStore,
  place: OwnerPlace,
  { instance, path, added }: { instance: string; path: string; added: readonly string[] },
  open: OpenStore,
): Promise<string[]> {
  if (added.length === 0) return []
  const data = place.keeper === place.data ? store : await open(place.data)
  try {
    const lying: string[] = []
    for (const name of added) {
      const folder = `${databaseKey(place.data, instance, path, name)}/`
      if ((await data.list(folder, 1)).length > 0) lying.push(folder)
    }
    return lying
  } finally {
    if (data !== store) data.close()
  }
}
