import { instancePrefix, type Holder, ownerKey, parseOwner } from './owner.ts'
import { Problem } from '../problem.ts'
import type { DataStore } from './store.ts'

/** An instance of an app in a bucket, and the host that may write it. */
export interface Held {
  /** `app`, or `app@host`. */
  instance: string
  holder: Holder
}

/** Folders asked for in one listing, and of those the owner objects that are read. */
const most = 200
/** Requests at a time: enough to hide a slow link, and no burden for a server at home. */
const together = 8

/**
 * Who holds what lies below a replica's prefix, but for instances in `known`. One listing of folders, and one GET for each folder
 * that is not known; a folder without an owner object is nobody's. Released ones and those that cannot be read are left out: the
 * latter are told of where their app is.
 * Throws Problem `replica-*` when the bucket cannot be asked.
 */
export async function heldInstances(
  store: DataStore,
  replica: { prefix: string },
  known: ReadonlySet<string>,
): Promise<Held[]> {
  const root = replica.prefix === '' ? '' : `${replica.prefix}/`
  const folders = await store.folders(root, most)
  const unknown = folders.map((folder) => folder.slice(root.length, -1)).filter((name) => !known.has(name))
  const held: Held[] = []
  const queue = [...unknown]
  const worker = async () => {
    for (let instance = queue.shift(); instance !== undefined; instance = queue.shift()) {
      const holder = await holderOf(store, replica, instance)
      if (holder) held.push({ instance, holder })
    }
  }
  await Promise.all(Array.from({ length: Math.min(together, unknown.length) }, worker))
  return held.sort((a, b) => (a.instance < b.instance ? -1 : 1))
}

async function holderOf(store: DataStore, replica: { prefix: string }, instance: string): Promise<Holder | null> {
  const object = await store.get(ownerKey(replica, instance))
  return object && holderIn(object.body, `owner.json below ${instancePrefix(replica, instance)} in ${store.where}`)
}

/** The same of a directory, whose owner objects its host has read. */
export function heldAmong(owners: readonly { instance: string; body: string }[], known: ReadonlySet<string>): Held[] {
  return owners
    .filter(({ instance }) => !known.has(instance))
    .flatMap(({ instance, body }) => {
      const holder = holderIn(body, `the owner object of ${instance}`)
      return holder ? [{ instance, holder }] : []
    })
}

function holderIn(body: string, where: string): Holder | null {
  try {
    return parseOwner(body, where).holder
  } catch (error) {
    // Anybody may keep an owner.json in a bucket: what is none of ours says nothing of a host.
    if (error instanceof Problem) return null
    throw error
  }
}
