import type { Restarts } from '../rollout/context.ts'

/** What the commands that reach hosts share on the command line. */
export interface RunOptions {
  /** A file or a folder; undefined = looked for in the current folder. */
  inventory?: string
  /** HOST, APP or @tag, several allowed. */
  limit: string[]
  parallel: number
  acceptNew: boolean
  verify: boolean
  /** `--restarts`; default rolling. */
  restarts?: Restarts
  /** `--prune`: apps that left the inventory go. */
  prune?: boolean
  /** `--break-lock`; only commands that change hosts have it. */
  breakLock?: boolean
  json: boolean
  verbose: boolean
}
