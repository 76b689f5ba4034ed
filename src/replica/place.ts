import type { App, Inventory, Replica } from '../inventory/model.ts'
import { Problem } from '../problem.ts'

/** Where an app's data and its owner object live. */
export interface OwnerPlace {
  /** The app's replica: Litestream's data. */
  data: Replica
  /** The replica that keeps owner.json and tip.json: the same one, or the one `ownership: NAME` names. */
  keeper: Replica
  /** `ownership: emulate`: conditions are emulated by reading before and after. */
  emulate: boolean
  /** Replicas of the inventory that could keep the owner objects instead. */
  alternatives: string[]
}

/**
 * Resolves an app's replica and its keeper.
 * Throws Problem `unknown-replica` (the loader checks names; this one is for inventories made otherwise) and
 * `ownership-chain` when the keeper itself keeps its owner objects elsewhere.
 */
export function ownerPlace(inventory: Inventory, app: App): OwnerPlace {
  const data = replicaNamed(inventory, app.replica, `app ${app.name}`)
  const keeper =
    typeof data.ownership === 'object'
      ? replicaNamed(inventory, data.ownership.replica, `ownership: of replica ${data.name}`)
      : data
  if (typeof keeper.ownership === 'object')
    throw new Problem({
      code: 'ownership-chain',
      doing: `looking up who keeps the owner objects of replica ${data.name}`,
      found: `${keeper.name}, and that keeps its own on ${keeper.ownership.replica}`,
      next: `name a replica with conditional writes in ownership: of ${data.name}`,
    })
  const alternatives = Object.values(inventory.replicas)
    .filter((other) => other !== data && other.type === 's3' && other.ownership === 'conditional')
    .map((other) => other.name)
  return { data, keeper, emulate: keeper.ownership === 'emulate', alternatives }
}

function replicaNamed(inventory: Inventory, name: string | null, by: string): Replica {
  const replica = name === null || !Object.hasOwn(inventory.replicas, name) ? undefined : inventory.replicas[name]
  if (replica) return replica
  throw new Problem({
    code: 'unknown-replica',
    doing: `looking up the replica of ${by}`,
    found: name === null ? 'none is named' : `there is no replica ${name} in the inventory`,
    next: `name one of: ${Object.keys(inventory.replicas).join(', ')}`,
  })
}
