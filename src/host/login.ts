import type { Duplex } from 'node:stream'
import type { NodeSSH } from 'node-ssh'
import { Problem } from '../problem.ts'
import type { Countdown } from './countdown.ts'
import type { HostKeyCheck } from './host-key-check.ts'
import { errorText } from './error-code.ts'
import type { Identities } from './identities.ts'
import { keyAgent } from './key-agent.ts'
import type { LoggedIn } from './ssh-connection.ts'

export interface LoginRequest {
  socket: Duplex
  user: string
  hostKey: HostKeyCheck
  identities: Identities
  /** Covers the whole login; it stands still while a person is asked. */
  limit: Countdown
}

/** What became of the keys, for the message when none was taken. */
export interface KeyTrials {
  tried: string[]
  unusable: string[]
  /** Methods the host would have taken, when it said so. */
  methods: string[]
  /** A key was accepted, but the host wants a second factor. */
  partial: boolean
}

/** ssh2's own words for a login that failed, with what is known about the keys. */
export class LoginFailed extends Error {
  readonly trials: KeyTrials
  readonly level: string | undefined
  /** The host had begun to speak SSH: not a busy sshd that dropped us before (MaxStartups). */
  readonly greeted: boolean

  constructor(cause: unknown, trials: KeyTrials, greeted: boolean) {
    super(errorText(cause), { cause })
    this.trials = trials
    this.level = levelOf(cause)
    this.greeted = greeted
  }
}

/**
 * Speaks SSH over an open socket until the host lets us in. The host key is checked before any key of ours is shown.
 * Throws the Problem of the host-key check, the countdown's reason, or LoginFailed.
 */
export async function login(request: LoginRequest): Promise<LoggedIn> {
  const { limit } = request
  const { NodeSSH } = await import('node-ssh')
  const trials: KeyTrials = { tried: [], unusable: [...request.identities.unusable], methods: [], partial: false }
  const refused = Promise.withResolvers<never>()
  refused.promise.catch(() => {}) // heard through the race below, or too late to matter
  const agent = await keyAgent(request.identities.offered, limit, trials)
  let offered = false
  const ssh = new NodeSSH()
  const connecting = ssh.connect({
    sock: request.socket,
    username: request.user,
    keepaliveInterval: 5000,
    keepaliveCountMax: 3,
    // Ours is the countdown, which waits while a person reads a fingerprint.
    readyTimeout: 0,
    algorithms: { serverHostKey: request.hostKey.algorithms },
    // Not an async function: ssh2 takes any value returned, a promise too, for a yes.
    hostVerifier(key: Buffer, verify: (trusted: boolean) => void) {
      // Keys are exchanged anew after so many bytes (RekeyLimit). ssh2 1.17 goes on sending while it waits for the answer,
      // with the wrong keys, and sshd ends the connection: the second time the answer must be there at once.
      if (request.hostKey.trusts(key)) {
        verify(true)
        return
      }
      limit
        .paused(() => request.hostKey.check(key))
        .then(
          () => verify(true),
          (problem: unknown) => {
            refused.reject(problem)
            verify(false)
          },
        )
    },
    authHandler(methods, partial) {
      if (Array.isArray(methods)) trials.methods = methods
      trials.partial ||= partial
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- false ends it; @types/ssh2 does not know
      if (offered) return false as never
      offered = true
      return { type: 'agent', username: request.user, agent }
    },
  })
  connecting.catch(() => {}) // the same events are heard below
  const { client, failure, ready, closed, greeted } = follow(ssh)
  const expired = new Promise<never>((_, reject) => {
    const over = () => reject(limit.signal.reason)
    if (limit.signal.aborted) over()
    else limit.signal.addEventListener('abort', over, { once: true })
  })
  expired.catch(() => {})
  const ended = endOf(request.socket)
  ended.catch(() => {})
  try {
    await Promise.race([ready, refused.promise, expired, ended])
    return { ssh, client, failure, closed }
  } catch (error) {
    client.destroy()
    request.socket.destroy()
    if (error instanceof Problem) throw error
    // ssh2 reports the refused key before our own promise is heard.
    await Promise.race([refused.promise, new Promise((resolve) => setImmediate(resolve))])
    throw new LoginFailed(error, trials, greeted())
  }
}

/** Milliseconds that ssh2 has to say itself why it was over. */
const lastWordMs = 100

/** Rejects when a socket is over. A proxy command may have ended before ssh2 listened, which then waits for ever. */
function endOf(socket: Duplex): Promise<never> {
  return new Promise((_, reject) => {
    const over = () => setTimeout(() => reject(new Error('the connection ended')), lastWordMs)
    if (socket.destroyed) over()
    else socket.once('close', over)
  })
}

/** Listens to a client from its first moment to its last: an 'error' without a listener would end the process. */
function follow(ssh: NodeSSH) {
  const client = ssh.connection
  if (!client) throw new Error('node-ssh has made no client')
  let failure: Error | null = null
  let greeted = false
  const ready = Promise.withResolvers<void>()
  const closed = Promise.withResolvers<void>()
  client.on('handshake', () => {
    greeted = true
  })
  client.on('error', (error: Error) => {
    // A key that cannot sign is no end: the next one is offered.
    if (levelOf(error) === 'agent') return
    failure ??= error
    ready.reject(error)
  })
  client.on('ready', () => ready.resolve())
  client.on('close', () => {
    ready.reject(failure ?? new Error('the host closed the connection'))
    closed.resolve()
  })
  ready.promise.catch(() => {})
  return { client, ready: ready.promise, closed: closed.promise, failure: () => failure, greeted: () => greeted }
}

/** ssh2 marks its errors with where they arose: `client-authentication`, `handshake`, `agent` … */
function levelOf(error: unknown): string | undefined {
  return error instanceof Error && 'level' in error && typeof error.level === 'string' ? error.level : undefined
}
