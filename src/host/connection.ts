import type { Duplex, Readable } from 'node:stream'

/** What a remote command answered: only `code === 0` is success. A command ended by a signal has 128 + its number. */
export interface ExecResult {
  code: number | null
  stdout: string
  stderr: string
}

export interface ExecOptions {
  /** As a clause, for messages: `probing pi-attic`. */
  doing?: string
  /** Sent to the command's stdin, which is then closed. A stream that fails ends the exec with its error. */
  input?: string | Buffer | Readable
  /** Seconds after which the channel is given up and a Problem `deadline` is thrown; Infinity = `signal` alone decides. */
  deadlineSeconds: number
  /** Called with every whole line of stdout as it arrives (without the newline). */
  onLine?: (line: string) => void
  /** What is printed goes to `onLine` alone, and may go on without an end; of `stdout` only the beginning is kept. */
  onlyLines?: boolean | undefined
  /** Called with stderr as it arrives, in pieces as they come. */
  onStderr?: (text: string) => void
  /** Gives the channel up when it aborts; its reason is thrown. */
  signal?: AbortSignal
}

/** An open SSH connection to one host of the inventory. */
export interface Connection {
  /** The host's inventory name. */
  readonly host: string
  /** SSH execs made over this connection so far: a no-op run must show 1. */
  readonly execs: number
  /**
   * Runs one command line on the host. `command` is made with `shellWords` from constants and quoted values only.
   * Throws a Problem (`connection-lost`, `deadline`, `answer-too-long`); a command that fails is a result, not an error.
   */
  exec(command: string, options: ExecOptions): Promise<ExecResult>
  close(): Promise<void>
}

/** A connection that can also carry TCP to where the host itself can reach. */
export interface SshConnection extends Connection {
  /**
   * Opens a TCP connection from the host to `address:port`. Throws Problem `forward-refused` (the host cannot connect),
   * `forwarding-forbidden` (its sshd may not) or `connection-lost`.
   */
  openChannel(address: string, port: number): Promise<Duplex>
}
