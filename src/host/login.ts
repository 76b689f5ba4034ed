import type { Duplex } from 'node:stream'
import type { BaseAgent, ParsedKey, SignCallback, SigningRequestOptions } from 'ssh2'
import { Problem } from '../problem.ts'
import type { Countdown } from './countdown.ts'
import type { HostKeyCheck } from './host-key-check.ts'
import { KeyUnusable, type Identities, type Identity } from './identities.ts'
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

  constructor(cause: Error & { level?: string }, trials: KeyTrials, greeted: boolean) {
    super(cause.message, { cause })
    this.trials = trials
    this.level = cause.level
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
  const { default: ssh2 } = await import('ssh2')
  const trials: KeyTrials = { tried: [], unusable: [...request.identities.unusable], methods: [], partial: false }
  const refused = Promise.withResolvers<never>()
  refused.promise.catch(() => {}) // heard through the race below, or too late to matter
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
      trials.partial ||= partial === true
      if (offered) return false as never
      offered = true
      return { type: 'agent', username: request.user, agent: keyAgent(ssh2.BaseAgent, request, trials) }
    },
  })
  connecting.catch(() => {}) // the same events are heard below
  const { client, failure, ready, closed, greeted } = follow(ssh)
  const expired = new Promise<never>((_, reject) => {
    const over = () => reject(limit.signal.reason as Error)
    if (limit.signal.aborted) over()
    else limit.signal.addEventListener('abort', over, { once: true })
  })
  expired.catch(() => {})
  try {
    await Promise.race([ready, refused.promise, expired])
    return { ssh, client, failure, closed }
  } catch (error) {
    client.destroy()
    request.socket.destroy()
    if (error instanceof Problem) throw error
    // ssh2 reports the refused key before our own promise is heard.
    await Promise.race([refused.promise, new Promise((resolve) => setImmediate(resolve))])
    throw new LoginFailed(error as Error, trials, greeted())
  }
}

/** Listens to a client from its first moment to its last: an 'error' without a listener would end the process. */
function follow(ssh: InstanceType<typeof import('node-ssh').NodeSSH>) {
  const client = ssh.connection
  if (!client) throw new Error('node-ssh has made no client')
  let failure: Error | null = null
  let greeted = false
  const ready = Promise.withResolvers<void>()
  const closed = Promise.withResolvers<void>()
  client.on('handshake', () => {
    greeted = true
  })
  client.on('error', (error: Error & { level?: string }) => {
    // A key that cannot sign is no end: the next one is offered.
    if (error.level === 'agent') return
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

/**
 * All identities as one ssh2 agent: ssh2 then asks for each key whether the host would take it, and for a signature only
 * if so. That is what keeps a passphrase from being asked for a key that nobody wants.
 */
function keyAgent(Base: typeof BaseAgent, request: LoginRequest, trials: KeyTrials): BaseAgent {
  const { offered } = request.identities
  const find = (key: ParsedKey): Identity | undefined =>
    offered.find((identity) => identity.publicKey.getPublicSSH().equals(key.getPublicSSH()))
  class KeyAgent extends (Base as new () => BaseAgent<ParsedKey>) {
    override getIdentities(callback: (error?: Error | null, keys?: ParsedKey[]) => void): void {
      trials.tried = offered.map((identity) => identity.label)
      callback(
        null,
        offered.map((identity) => identity.publicKey),
      )
    }

    override sign(
      key: ParsedKey,
      data: Buffer,
      options: SigningRequestOptions | SignCallback,
      done?: SignCallback,
    ): void {
      const callback = typeof options === 'function' ? options : done
      const identity = find(key)
      const signing = identity
        ? request.limit.paused(() => identity.sign(data, typeof options === 'function' ? {} : options))
        : Promise.reject(new KeyUnusable('no such key'))
      signing.then(
        (signature) => callback?.(null, signature),
        (error: Error) => {
          trials.unusable.push(error.message)
          callback?.(error)
        },
      )
    }
  }
  return new KeyAgent()
}
