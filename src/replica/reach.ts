import { instanceName } from '../inventory/model.ts'
import type { OwnerOf } from './ensure.ts'
import { instancePrefix } from './owner.ts'
import { ownerPlace } from './place.ts'
import { openDirectly } from './open.ts'

/**
 * Lists an app's folder in its replica, and in the one that keeps its owner object, by what the inventory says now: endpoint,
 * region, keys, authority. One request a replica. provision asks before it lays other ones under a Litestream that runs.
 * Throws Problem `replica-*`, `ca-unreadable`.
 */
export async function reachReplica({ inventory, app, host, open = openDirectly }: OwnerOf): Promise<void> {
  const { data, keeper } = ownerPlace(inventory, app)
  for (const replica of new Set([keeper, data])) {
    const store = await open(replica)
    try {
      await store.list(instancePrefix(replica, instanceName(app, host)), 1)
    } finally {
      store.close()
    }
  }
}
