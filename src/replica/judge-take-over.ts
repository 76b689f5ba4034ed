import type { Inventory } from '../inventory/model.ts'
import { newPath, type Owner } from './owner.ts'
import type { OwnerPlace } from './place.ts'
import { openDirectly } from './open.ts'
import { sourceSeen } from './source-seen.ts'
import type { DataStore, OpenStore } from './store.ts'
import { type ChosenSource, takeOver } from './take-over.ts'
import type { InstanceRequest, Transition } from './transitions.ts'

/** What `restore` knows of an app that it is about to take over. */
export interface TakingOver {
  /** Databases whose files lie on the host: nothing is brought back over them by itself. */
  lying: readonly string[]
  /** People have said that what lies on the host is to be put aside. */
  discard?: boolean
  /** This very host holds it, and its gate has refused what the bucket has gone back to: people go back there all the same. */
  goesBack?: boolean
  /** A point that people go back to, whoever holds it; what lies on the host is put aside then. */
  chosen?: ChosenSource | null
  /** Path of the owner object that people have agreed to; null = there was none, absent = it is looked at for them. */
  agreed?: string | null
}

interface Taker {
  inventory: Inventory
  host: string
  instance: string
  claimed?: boolean
  open?: OpenStore
}

/**
 * May this host take over what another machine holds, or what nobody does? Asked of one that holds it itself only where it goes back.
 * What a host of the inventory with another name holds is moved, not restored: that host may be alive.
 * Throws Problem `replica-*`.
 */
export async function judgeTakeOver(
  store: DataStore,
  place: OwnerPlace,
  { inventory, host, instance, claimed = false, open = openDirectly }: Taker,
  { lying, agreed, discard = false, chosen = null }: TakingOver,
  wish: InstanceRequest,
  found: Owner,
): Promise<Transition> {
  const { holder } = found
  if (holder !== null && holder.host !== host && Object.hasOwn(inventory.hosts, holder.host))
    return { kind: 'held-by-another-host', holder }
  if (agreed !== undefined && agreed !== found.path) return { kind: 'restore-changed', holder, path: found.path }
  if (!discard && chosen === null && (claimed || lying.length > 0))
    return { kind: 'restore-over-data', lying: [...lying] }
  const seen = await sourceSeen(store, place, instance, found, wish.dbs, open)
  return takeOver(found, { ...wish, pathOf: newPath }, seen, chosen)
}
