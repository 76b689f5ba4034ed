import type { Clock } from './put.ts'
import type { Condition, ObjectStore } from './store.ts'

/** How long after a write it is looked at again: longer than two operators' requests are usually apart. */
const settleMs = 5000

/**
 * `ownership: emulate`, for a server without conditional writes: GET, compare, PUT, GET again after 5 s. Two writers
 * within the same seconds are not protected against each other: the last one wins, and the first one learns it only if the
 * other's write came within those 5 s. `status` says so.
 */
export function emulateConditions(store: ObjectStore, clock: Clock): ObjectStore {
  async function holds(key: string, condition: Condition): Promise<boolean> {
    if (condition.kind === 'none') return true
    const current = await store.get(key)
    return condition.kind === 'absent' ? current === null : current?.etag === condition.etag
  }
  return {
    ...store,
    async put(key, body, condition) {
      if (!(await holds(key, condition))) return 'conflict'
      await store.put(key, body, { kind: 'none' })
      await clock.sleep(settleMs)
      return (await store.get(key))?.body === body ? 'done' : 'conflict'
    },
  }
}
