import type { GateReason } from '../host/observed.ts'
import type { ExitCode } from '../problem.ts'
import type { Health } from './health.ts'
import type { Left } from './left.ts'

/** What `status` knows of one host; the `--json` event `host-status` holds it as it is. */
export interface HostStatus {
  host: string
  apps: AppStatus[]
  /** KiB and inodes, of the file systems of /, /var/lib, /opt, and of all folders that state of apps lies in. */
  disks: Disk[]
  memory: { totalKib: number; availableKib: number }
  clock: Clock
  /** Null when the host could not say in time. */
  health: Health | null
  drift: Drift
  /** Runs of `provision` that are under way, were cut off, or ended when nobody followed them. */
  transactions: { id: string; state: string; who: string }[]
  /** What is wrong with the host itself. */
  wrong: Wrong[]
  /** What was, and is no more: nothing that `status` ends with other than 0 for. */
  notes: Note[]
}

export interface Disk {
  path: string
  /** `ext4`, `tmpfs`; null when the host could not say. */
  type: string | null
  sizeKib: number
  availableKib: number
  /** 0 for a file system without a fixed number of them. */
  inodes: number
  availableInodes: number
  readOnly: boolean
}

export interface Note {
  code: string
  text: string
}

export interface Clock {
  /** Seconds that the host's clock is ahead, to about one second. */
  offsetSeconds: number
  /** Of whom: the replica's server, or this machine where no server answered. */
  against: 'replica' | 'operator'
  /** A time server has set it since boot. */
  synchronised: boolean
}

/** What `plan` says: the same comparison. Unknown when it could not be made, and why. */
export type Drift = { known: true; changes: DriftChange[] } | { known: false; reason: string }

export interface DriftChange {
  kind: string
  name: string
  action: string
  reason: string
}

/** `idle`: a service that something else starts when it is needed. */
export type AppState = 'running' | 'idle' | 'starting' | 'waiting' | 'stopped' | 'failed' | 'absent'

export interface AppStatus {
  app: string
  /** Its name in the replica. */
  instance: string
  /** Null for an app of the inventory: else it is on the host, and in the inventory for this host no more. */
  left: Left | null
  /** waiting: the gate holds it back. absent: it has never been provisioned here. */
  state: AppState
  units: { app: UnitStatus; litestream: UnitStatus | null; gate: UnitStatus | null; timer: UnitStatus | null }
  /** Why it is not running; null for one that is. */
  reason: GateReason | null
  owner: OwnerStatus | null
  replica: ReplicaStatus | null
  unheld: Unheld
  alerts: Alert[]
  wrong: Wrong[]
}

export interface UnitStatus {
  unit: string
  load: string
  active: string
  sub: string
  result: string
}

export interface OwnerStatus {
  /** Read from the bucket just now; false: what the host last read of it, or nothing. */
  read: boolean
  /** Why it could not be read. */
  reason: string | null
  /** Inventory name of the holder's host; null = released, or never read. */
  holder: string | null
  thisHost: boolean
  epoch: number | null
  path: string | null
  /** Epoch s of the last time that the host read it, when that was not now. */
  lastRead: number | null
}

/**
 * protected    the bucket holds all that was there when the look began
 * behind       it does not yet; `since` says from when on
 * unprotected  it does not, and nothing is on its way
 * unknown      the bucket could not be asked, or nothing here can say
 */
export type Protection = 'protected' | 'behind' | 'unprotected' | 'unknown'

export interface ReplicaStatus {
  protection: Protection
  text: string
  /** Epoch s of the oldest write that the bucket does not hold, as far as can be told. */
  since: number | null
  /** Epoch s of the last upload of any database. */
  lastUpload: number | null
  /** Epoch s of the last proof that the bucket held everything (the timer's, every 2 min). */
  lastProof: number | null
  databases: DatabaseStatus[]
}

export interface DatabaseStatus {
  name: string
  protection: Protection
  text: string
  since: number | null
  /** Highest transaction here and in the bucket; 16 hex digits. */
  local: string | null
  remote: string | null
  lastUpload: number | null
  bytes: number | null
  finding: Finding | null
}

/** What is wrong with one database beside how far it is, or, as a note, may come to be. */
export interface Finding {
  code: 'place-lost' | 'database-absent'
  wrong: boolean
  /** Where it lies on the host. */
  path: string
}

/** Bytes in an app's state directory that no replica holds. */
export interface Unheld {
  bytes: number
  files: number
  /** The largest, 20 at most: each the highest folder, or a file, that holds nothing else. Relative to the state directory. */
  paths: { path: string; bytes: number; files: number }[]
  /** Named by `unprotected:`. */
  accepted: { path: string; bytes: number; files: number }[]
  /** Old database files that a restore has put aside. */
  asideBytes: number
  /** Not all of the directory was read in time: there may be more. */
  partial: boolean
  /** The first folder that the app's user may not look into, '' for the whole directory; null when there is none. */
  denied: string | null
}

export interface Alert {
  time: string
  code: string
  text: string
  next: string
}

/** Something that makes `status` exit with other than 0. */
export interface Wrong {
  code: string
  text: string
  next: string
  exit: ExitCode
}
