import type { Moment, Stage } from './stage.ts'

/** An app that is to be up once a job is done. */
export interface AppAtEnd {
  name: string
  host: string
  port: number
  /** Rows that it had before the job, and must have after it; null for an app without a database. */
  rows: readonly string[] | null
}

/**
 * Something that a campaign disturbs: one command on hosts in a known state. Later ones (a rolling update, the restore of a
 * dead host) are entered in jobs.ts and get every fault at each of their own boundaries, for those are read from the run.
 */
export interface Job {
  name: string
  /** One line for `--help`. */
  says: string
  /** Makes the state that the command begins from. Called once a campaign. */
  prepare(stage: Stage): Promise<Moment>
  /** Writes the inventory that the command works from. */
  aim(stage: Stage): Promise<void>
  /** Units that are up at the beginning, by host: each case waits for them. */
  upAtStart: { host: string; units: readonly string[] }[]
  /** The replica lies on the stage's disk, and not in the bucket. */
  disk?: true
  /** The command, and the same again afterwards: `provision --accept-new …`; without `--json` and `--inventory`. */
  command: readonly string[]
  apps: readonly AppAtEnd[]
  /** Apps that get another name on all hosts that have them: the host's record says so before the first part of it. */
  renames?: readonly { from: string; to: string }[]
  /** Who is to hold the owner object of an app at the end, null for one that was let go. */
  owners: readonly { app: string; holder: string | null }[]
}
