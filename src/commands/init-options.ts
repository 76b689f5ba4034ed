/** What the command line says; on a terminal what is missing is asked for. */
export interface InitOptions {
  /** Where the inventory is written. Default `inventory.yaml` in the current folder. */
  inventory?: string
  site?: string
  user?: string
  /** NAME=ADDRESS, or a NAME that is an address too. */
  host: string[]
  /** `[NAME=][USER@]ADDRESS[:PORT]` of a host that runs already: its services become proposals. */
  from?: string
  /** An ssh_config to use instead of the user's own, for `from` and in the inventory. */
  sshConfig?: string
  /** Take the key of the host of `from` when it is not known yet. */
  acceptNew?: boolean
  /** Print what would be written, and write nothing. */
  dryRun?: boolean
  endpoint?: string
  region?: string
  bucket?: string
  prefix?: string
  app?: string
  release?: string
  command?: string
  /** Debian packages, with commas or blanks between them. */
  packages?: string
  port?: number
  database?: string
  health?: string
  /** Write over an inventory that is there; the old one is kept beside it. */
  force: boolean
  cwd?: string
  env?: NodeJS.ProcessEnv
  stdout?: Pick<NodeJS.WriteStream, 'write'>
  /** False: ask nothing. Default: whether stdin and stderr are a terminal. */
  interactive?: boolean
  /** Ends a question that waits for an answer. */
  stopping?: AbortSignal
}

/** The signal that ends the questions of an init; one that never comes when there is none. */
export function stoppingOf({ stopping }: InitOptions): AbortSignal {
  return stopping ?? new AbortController().signal
}
