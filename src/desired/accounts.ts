import { createHash } from 'node:crypto'

// Debian policy 9.2.2: 100-999 are for system users made at run time. The upper part is the one adduser reaches last.
const lowest = 700
const highest = 979

/**
 * A free uid (used for the group as well) for an app's user. It follows from the name, so that an app tends to have the same
 * one on every host; once an owner object exists, the one written there is used instead.
 *
 * @param taken uids and gids in use on the host
 * @throws RangeError when every id of the range is taken
 */
export function freeAccountId(name: string, taken: ReadonlySet<number>): number {
  const size = highest - lowest + 1
  const start = createHash('sha256').update(name).digest().readUInt32BE() % size
  for (let step = 0; step < size; step += 1) {
    const id = lowest + ((start + step) % size)
    if (!taken.has(id)) return id
  }
  throw new RangeError(`no free user id between ${lowest} and ${highest}`)
}
