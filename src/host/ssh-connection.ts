import os from 'node:os'
import { Readable, type Duplex } from 'node:stream'
import type { NodeSSH } from 'node-ssh'
import type { Client, ClientChannel } from 'ssh2'
import { exitCodes, Problem } from '../problem.ts'
import type { ExecOptions, ExecResult, SshConnection } from './connection.ts'
import { collector, createLimit } from './collector.ts'
import { countdown } from './countdown.ts'
import { errorText } from './error-code.ts'
import { execute } from './execute.ts'
import { createSlots } from './slots.ts'

/** A client that has logged in, with what it said last when it failed. */
export interface LoggedIn {
  ssh: NodeSSH
  client: Client
  /** The error that ended the connection, once there is one. */
  failure: () => Error | null
  /** Settles when the socket is gone. */
  closed: Promise<void>
}

/** sshd allows 10 sessions a connection (MaxSessions); the rest wait here. */
const parallelExecs = 5

/** Makes the Connection of a client that has logged in. `onClose` runs once the connection has been closed. */
export function sshConnection(host: string, of: LoggedIn, onClose: () => Promise<void>): SshConnection {
  const slots = createSlots(parallelExecs)
  let execs = 0
  const lost = (doing: string, found: string): Problem =>
    new Problem({
      code: 'connection-lost',
      doing,
      found: of.failure() ? `${found} (${of.failure()?.message})` : found,
      next: 'run the command again: what was already under way on the host goes on there, and the next run finds it',
      host,
      exit: exitCodes.unreachable,
    })
  return {
    host,
    get execs() {
      return execs
    },
    exec: (command, options) =>
      slots(() =>
        runCommand(host, of, command, options, {
          lost,
          onOpen() {
            execs += 1
          },
        }),
      ),
    openChannel: (address, port) => openChannel(host, of.client, address, port, lost),
    async close() {
      await closeClient(of)
      await onClose()
    },
  }
}

interface Hooks {
  lost: (doing: string, found: string) => Problem
  onOpen: () => void
}

async function runCommand(
  host: string,
  of: LoggedIn,
  command: string,
  options: ExecOptions,
  hooks: Hooks,
): Promise<ExecResult> {
  const doing = options.doing ?? `running a command on ${host}`
  const patience = countdown(
    options.deadlineSeconds,
    () =>
      new Problem({
        code: 'deadline',
        doing,
        found: `no end of it after ${options.deadlineSeconds} s`,
        next: `look at ${host} (load, disk, a prompt that waits); what was started may still be running there`,
        host,
      }),
  )
  const giveUp = AbortSignal.any(options.signal ? [patience.signal, options.signal] : [patience.signal])
  const limit = createLimit(host, doing)
  const stdout = collector(limit, { onLine: options.onLine, onlyLines: options.onlyLines })
  const stderr = collector(limit, { onText: options.onStderr })
  const input = readable(options.input)
  let channel: ClientChannel | undefined
  const stopped = Promise.withResolvers<never>()
  stopped.promise.catch(() => {}) // heard through the race below, or too late to matter
  const stop = (reason: unknown) => {
    stopped.reject(reason)
    channel?.close()
  }
  const aborted = () => stop(giveUp.reason)
  // A handler that throws would otherwise end the process from inside the socket's event.
  const guarded = (handle: (chunk: Buffer) => void) => (chunk: Buffer) => {
    try {
      handle(chunk)
    } catch (error) {
      stop(error)
    }
  }
  input?.on('error', stop)
  giveUp.addEventListener('abort', aborted)
  try {
    giveUp.throwIfAborted()
    const running = execute(of.client, command, {
      input,
      onChannel(opened) {
        channel = opened
        hooks.onOpen()
        if (giveUp.aborted) opened.close()
      },
      onStdout: guarded((chunk) => stdout.take(chunk)),
      onStderr: guarded((chunk) => stderr.take(chunk)),
    })
    const opened = running.catch((error: Error) => {
      throw hooks.lost(doing, `the host opened no channel: ${error.message}`)
    })
    const { code, signal } = await Promise.race([opened, stopped.promise])
    // A connection that dies in mid-exec resolves with neither: never a success.
    if (code === null && signal === null) throw hooks.lost(doing, 'the connection ended before the command did')
    return { code: code ?? signalled(signal), stdout: stdout.end(), stderr: stderr.end() }
  } finally {
    patience.stop()
    giveUp.removeEventListener('abort', aborted)
    input?.destroy()
  }
}

function signalled(signal: string | null): number {
  const numbers: Record<string, number> = os.constants.signals
  return 128 + (numbers[signal ?? ''] ?? 0)
}

function readable(input: ExecOptions['input']): Readable | undefined {
  if (input === undefined) return undefined
  return input instanceof Readable ? input : Readable.from([Buffer.from(input)], { objectMode: false })
}

function openChannel(
  host: string,
  client: Client,
  address: string,
  port: number,
  lost: Hooks['lost'],
): Promise<Duplex> {
  const doing = `opening a way from ${host} to ${address}:${port}`
  return new Promise((resolve, reject) => {
    try {
      client.forwardOut('127.0.0.1', 0, address, port, (error, channel) => {
        if (!error) resolve(channel)
        else reject(notForwarded(error, doing, host, `${address}:${port}`) ?? lost(doing, error.message))
      })
    } catch (error) {
      // ssh2 throws at once when the client is no longer connected.
      reject(lost(doing, errorText(error)))
    }
  })
}

/** SSH_OPEN_ADMINISTRATIVELY_PROHIBITED (RFC 4254, section 5.1). */
const prohibited = 1

/** The Problem for a channel that the host's sshd has refused; null when it gave no answer. */
function notForwarded(error: Error, doing: string, host: string, to: string): Problem | null {
  if (!('reason' in error) || typeof error.reason !== 'number') return null
  // ssh2 puts its own words before those of the host.
  const said = error.message.replace(/^\(SSH\) Channel open failure: /, '')
  const common = { doing, host, exit: exitCodes.unreachable, cause: error }
  if (error.reason === prohibited)
    return new Problem({
      ...common,
      code: 'forwarding-forbidden',
      found: `sshd on ${host} may not forward a connection to ${to} (${said})`,
      next: `allow it in sshd_config on ${host} (AllowTcpForwarding yes or local, PermitOpen ${to}; then systemctl reload ssh), and for the key in its authorized_keys (restrict, no-port-forwarding)`,
    })
  return new Problem({
    ...common,
    code: 'forward-refused',
    found: `${host} cannot connect to ${to}: ${said}`,
    next: `see that ${to} is up and that ${host} reaches it (nc -z ${to.replace(/:(?=\d+$)/, ' ')})`,
  })
}

/** Says good-bye and waits for the socket to close; one that does not within 2 s is cut. */
export async function closeClient(of: Pick<LoggedIn, 'client' | 'closed'>): Promise<void> {
  of.client.end()
  const cut = setTimeout(() => of.client.destroy(), 2000)
  await of.closed
  clearTimeout(cut)
}
