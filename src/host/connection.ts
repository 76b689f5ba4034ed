import type { Readable } from 'node:stream'

/** What a remote command answered. `code` is null when the connection was lost: only `code === 0` is success. */
export interface ExecResult {
  code: number | null
  stdout: string
  stderr: string
}

export interface ExecOptions {
  /** Sent to the command's stdin, which is then closed. */
  input?: string | Buffer | Readable
  /** Seconds after which the channel is given up and a Problem `deadline` is thrown. */
  deadlineSeconds: number
  /** Called with every whole line of stdout as it arrives (without the newline). */
  onLine?: (line: string) => void
}

/** An open SSH connection to one host of the inventory. */
export interface Connection {
  /** The host's inventory name. */
  readonly host: string
  /** SSH execs made over this connection so far: a no-op run must show 1. */
  readonly execs: number
  /**
   * Runs one command line on the host. `command` is made with `shellWords` from constants and quoted values only.
   * Throws a Problem (`connection-lost`, `deadline`); a command that fails is a result, not an error.
   */
  exec(command: string, options: ExecOptions): Promise<ExecResult>
  close(): Promise<void>
}
