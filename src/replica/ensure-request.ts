import type { App, Inventory } from '../inventory/model.ts'
import type { Probed } from './conditional.ts'
import type { TakingOver } from './judge-take-over.ts'
import type { BeginningAnew } from './new-history.ts'
import type { Owner } from './owner.ts'
import type { Clock } from './put.ts'
import type { ShownEnds } from './settle-split.ts'
import type { OpenStore } from './store.ts'

/** What is asked of the owner object of an app, and what came of it (`ensureOwner`). */

export interface OwnerOf {
  inventory: Inventory
  app: App
  /** Inventory name of the host the app is to run on. */
  host: string
  /** How buckets are got to; default: directly. */
  open?: OpenStore
}

export interface EnsureOwner extends OwnerOf {
  /** The host's id as the probe read it: sha256 in hex. */
  hostId: string
  uid: number
  gid: number
  /** The host's files belong to an owner object already: then none is made (the gate's 404 rule, ownership.md). */
  claimed?: boolean
  /** The path that the host's files belong to, by its own claim: with it the host may take up again what it has released. */
  claimPath?: string | null
  /** The name that the host's files were claimed under before this one; null = none. */
  earlier?: Earlier | null
  /** Path of the owner object that was there when this run judged it ahead; null = there was none, absent = it was not judged. */
  seen?: string | null
  /** What another machine held, this host takes over: for `restore` alone. */
  takeOver?: TakingOver
  /** It begins anew from the files here: for `provision --new-history` alone. */
  anew?: BeginningAnew
  /** It begins with what lies copied under a path: for `import` alone. */
  imports?: { path: string; dbs: readonly string[] }
  /** What lies under paths of the past is taken note of: for `keep` alone. */
  settles?: ShownEnds
  /** Names of the app's databases; at least one. */
  dbs: readonly string[]
  /** Of those, the names that the host has been given already, by its record. */
  laid?: readonly string[]
  /** What this run has found out about conditional writes. */
  probed: Probed
  /**
   * Only judge: everything that would be refused is refused, and the owner object is not written. `read` writes nothing at all,
   * `probe` what finds out whether the bucket enforces conditions.
   */
  dryRun?: 'read' | 'probe'
  clock?: Clock
}

/** An earlier name of an app, as far as the host knows of it. */
export interface Earlier {
  name: string
  /** The path that the host's files belong to by their claim under that name; null = none. */
  claimPath: string | null
  /** The files are about to get the new name: what the new name owns already, it does not own for them. */
  renaming: boolean
  /** The new name is an earlier one of that name, by the host's record: what lies under it is the past of these very files. */
  comesBack: boolean
}

export interface EnsuredOwner {
  outcome:
    | 'created'
    | 'renamed'
    | 'renamed-back'
    | 'exists'
    | 'databases-changed'
    | 'taken-back'
    | 'taken-over'
    | 'begun-anew'
    | 'imported'
    | 'split-settled'
  owner: Owner
  /** Path of the owner object that was found; null = there was none. */
  found: string | null
}
