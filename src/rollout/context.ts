import type { HostArtifacts } from '../desired/host-state.ts'
import type { ConnectOptions } from '../host/connect.ts'
import type { App, Architecture, Inventory } from '../inventory/model.ts'
import type { Roll } from '../plan/roll.ts'
import type { Secret } from '../inventory/secret.ts'
import type { ChosenSource } from '../replica/take-over.ts'
import type { Report } from '../report/events.ts'
import type { Buckets } from './buckets.ts'
import type { Departed } from './departed.ts'
import type { Machines } from './machines.ts'
import type { Turns } from './turns.ts'

/** What of a host may be taken over. */
export interface TakeOvers {
  /** Path of the owner object that people have agreed to by app, null = there was none; absent = it is only looked at. */
  agreed: ReadonlyMap<string, string | null>
  /** Apps whose owner object is to be written, whatever the host's own files say of it. */
  apps: readonly string[]
  /** What lies on the host is put aside. */
  discardLocal: boolean
  /** Points that apps are restored to, by app; the others come back as they were last. */
  chosen?: ReadonlyMap<string, ChosenSource>
  /** Apps that cannot be looked at yet are looked at, and agreed to, after this part. */
  comesBack?: boolean
}

/** What every step of a run is given, instead of globals. */
export interface RunContext {
  inventory: Inventory
  report: Report
  connect: ConnectOptions
  artifacts: ArtifactSource
  /** How replicas are got to: directly, or through the SSH connection of a host. */
  buckets: Buckets
  /** Hosts that have left the inventory and still hold an app are looked for; absent where that is not asked. */
  departed?: Departed
  /** Told of each answer of a host; throws when another name of this run has answered from the same machine. */
  machines: Machines
  /** Where downloads, packed releases and what was found out about replicas are kept on the operator's machine. */
  cacheDirectory: string
  /** Asks for a sudo password on a terminal; absent without one. */
  askSudoPassword?: (host: string) => Promise<Secret>
  /** Compare releases and binaries by content, not by signature alone. */
  verify: boolean
  /** Asks a yes-or-no question on a terminal; absent without one. */
  confirm?: (question: string) => Promise<boolean>
  /** Whether units that run restart, and whether the hosts of an app do so one after the other. */
  restarts: Restarts
  turns: (host: string) => Turns
  /** Whether a host may let others go first, `other` for one: once a run, and only when that one is in it. */
  mayWait: (host: string, other: string) => boolean
  /** Apps that left the inventory go from their hosts without a question. */
  prune: boolean
  /** `restore`: what another machine held is taken over, where people have agreed to it. */
  takeOver?: TakeOvers
  /** End another run's transaction on a host in the middle, instead of leaving the host to it. */
  breakLock: boolean
  /** Operator, machine and command: written into the transaction on the host, for whoever finds it there. */
  who: string
  /** Set when the operator has asked to stop: hosts that have not begun are left alone. */
  stopping: AbortSignal
  /** Of `update`, `restart` and `rollback`: this is about one app, whose data are proven before and after it is stopped. */
  roll?: Roll
}

export const restarts = ['rolling', 'now', 'none'] as const
export type Restarts = (typeof restarts)[number]

/** Gets what is shipped to hosts; each thing once a run, however many hosts want it. */
export interface ArtifactSource {
  /** Litestream and the apps' releases for a host of this architecture. */
  forHost(apps: App[], architecture: Architecture): Promise<HostArtifacts>
  /** Release digests that a host of any architecture may carry, known before it is asked for its own. */
  candidates(apps: App[]): Promise<HostArtifacts[]>
}
