import type { ExitCode, Problem } from '../problem.ts'
import type { Holder } from '../replica/owner.ts'
import type { Upload } from '../replica/uploads.ts'
import type { HostStatus } from '../status/status.ts'

/** Version of the NDJSON event stream (`--json`): raised when a field changes its meaning or goes. */
export const eventSchemaVersion = 1

export type HostOutcome = 'unchanged' | 'changed' | 'pending' | 'failed' | 'unreachable' | 'locked' | 'sound' | 'wrong'

/** Everything a run says while it goes on. Handlers return data, one place renders it. Never holds a secret. */
export type RunEvent =
  | { type: 'run-started'; command: string; hosts: string[] }
  /** A host has begun a step (`connect`, `probe`, `plan`, `upload`, `packages`, `files`, `units`, `restart`, `health` …). */
  | { type: 'host-step'; host: string; step: string; detail?: string }
  /** A change that is to be, or was, made: the same value that `plan` prints. */
  | { type: 'change'; host: string; change: ChangeSummary }
  /** What `status` found on a host. */
  | { type: 'host-status'; host: string; status: HostStatus }
  /** A line of a host's journal (`logs`). */
  | { type: 'log-line'; host: string; line: string }
  /** What `restore` will do about an app. `path`: what is restored; `databases`: what the replica holds there. */
  | {
      type: 'restore-source'
      host: string
      app: string
      action: 'take-over' | 'go-back' | 'going-on' | 'here' | 'other' | 'to-file'
      epoch: number | null
      holder: Holder | null
      path: string | null
      databases: Upload[]
      /** Where people have chosen a point: that, and the next one that can be had. */
      points?: (UploadedPoint & { name: string; next: UploadedPoint | null })[]
      /** Databases whose files on the host are put aside for it. */
      discarded: string[]
    }
  /**
   * An app that begins anew (`provision --new-history`): the files of this host that it goes on with, and what the replica holds under
   * `path`, where that stays.
   */
  | {
      type: 'new-history'
      host: string
      app: string
      epoch: number | null
      holder: Holder | null
      path: string | null
      /** Every database of the app. `goesOn`: with its file, else it begins empty; `txid`: how far Litestream has counted that. */
      files: { name: string; txid: string | null; goesOn: boolean }[]
      databases: Upload[]
    }
  /** An app's databases are back and proven under a path of this host's own. */
  | {
      type: 'restored'
      host: string
      app: string
      epoch: number
      path: string
      databases: { name: string; txid: string; ageSeconds: number | null }[]
      /** From the command's start until the app was healthy; absent when this run has not seen that. */
      secondsToHealthy?: number
    }
  /** A database was written to a file of the operator's machine (`restore --to-file`). `sha256`: of the file, hex. */
  | {
      type: 'fetched'
      host: string
      app: string
      database: string
      file: string
      txid: string | null
      bytes: number
      sha256: string
    }
  /**
   * A gate restores a database: `bytes` of `whole` (null: not known) are written, at so many a second; or it checks what it has written.
   * `milestone`: the first of a database, one each ten seconds, and where the check begins; for whoever does not want all of them.
   */
  | {
      type: 'restore-progress'
      host: string
      app: string
      database: string
      checking: boolean
      bytes: number
      whole: number | null
      bytesPerSecond: number | null
      secondsLeft: number | null
      milestone: boolean
    }
  | { type: 'app-healthy'; host: string; app: string; seconds: number }
  /** How the restart of an app by `update` or `restart` came out. */
  | ({ type: 'app-rolled'; host: string } & RolledApp)
  /** In which steps an app would be taken down and up again (`--dry-run`). */
  | { type: 'roll-steps'; host: string; app: string; steps: { step: string; what: string }[] }
  /** A restart of the past (`history`). `at`: ISO 8601. */
  | ({ type: 'app-history'; host: string; at: string; who: string } & Omit<RolledApp, 'databases'>)
  | { type: 'warning'; host?: string; app?: string; code: string; message: string; next?: string }
  /** Progress of the operator's own machine: a download, a release being packed. */
  | { type: 'note'; message: string }
  | { type: 'problem'; problem: Problem }
  | { type: 'host-done'; host: string; outcome: HostOutcome; changes: number; execs: number; seconds: number }
  | { type: 'run-finished'; exit: ExitCode; seconds: number }

/** An app that was stopped and started with its data proven. */
export interface RolledApp {
  app: string
  /** `put-back`: what ran before runs again. */
  outcome: 'rolled' | 'put-back' | 'failed'
  /** Releases, by their sha256; null: it has none. */
  from: string | null
  to: string | null
  /** `restore`: its files were compared, byte for byte, with what the replica gives back; `prove`: that was restored before the stop. */
  mode: 'restore' | 'prove'
  /** From the stop until it was healthy; null when it was not. */
  downSeconds: number | null
  /** As they were restored from the replica beside the app, and checked in full, with the seconds that took. */
  databases: { name: string; txid: string; bytes: number; seconds: number }[]
}

/** A transaction that can be restored to, and when it was uploaded: ISO 8601. */
export interface UploadedPoint {
  txid: string
  writtenAt: string
}

export interface ChangeSummary {
  /** `file`, `package`, `user`, `directory`, `link`, `release`, `binary`, `unit`, `restart`, `owner` … */
  kind: string
  /** What it is done to: a path, a package, a unit. */
  name: string
  action: 'create' | 'update' | 'remove' | 'install' | 'start' | 'restart' | 'enable' | 'stop' | 'check'
  reason: string
  /** Unified diff of a text file, secrets masked. */
  diff?: string
}

/** Takes events as they happen; must not throw and must not block. */
export type Report = (event: RunEvent) => void
