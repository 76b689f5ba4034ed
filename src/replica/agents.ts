import { readFileSync } from 'node:fs'
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import type { Duplex } from 'node:stream'
import tls, { type ConnectionOptions } from 'node:tls'
import type { S3Replica } from '../inventory/model.ts'
import { Problem } from '../problem.ts'
import { serverOf, type Way } from './way.ts'

/** The host's sshd did not open the connection to the bucket's server. */
export class NotCarried extends Error {
  override readonly name = 'NotCarried'
  /** By its configuration; else the host itself could not connect. */
  readonly forbidden: boolean
  readonly next: string

  constructor(cause: Problem) {
    super(cause.found, { cause })
    this.next = cause.next
    this.forbidden = cause.code === 'forwarding-forbidden'
  }
}

/**
 * The sockets for requests to a replica. Through a host's SSH connection, TLS is still between here and the server: name,
 * authority and certificate are checked here, and the host sees what any router would see.
 * Requests fail with `NotCarried`, or with the Problem of the connection.
 * Throws Problem `ca-unreadable`.
 */
export function agentsFor(replica: S3Replica, way: Way): { httpAgent: HttpAgent; httpsAgent: HttpsAgent } {
  const ca = authority(replica)
  const secure = ca === undefined ? {} : { ca }
  if (way.kind === 'direct')
    return { httpAgent: new HttpAgent({ keepAlive: true }), httpsAgent: new HttpsAgent({ keepAlive: true, ...secure }) }

  const { address, port } = serverOf(replica.endpoint)
  const carry = (agent: HttpAgent, wrap: (channel: Duplex, options: ConnectionOptions) => Duplex) => {
    const open = async (options: ConnectionOptions, done: (error: Error | null, socket?: Duplex) => void) => {
      let socket: Duplex
      try {
        socket = wrap(await way.openChannel(address, port), options)
      } catch (error) {
        done(notCarried(error))
        return
      }
      done(null, socket)
    }
    agent.createConnection = (options, callback) => {
      // Without a stream beside the error, which the type wants and node:_http_agent does not look at.
      void open(options as ConnectionOptions, callback as Parameters<typeof open>[1])
      return undefined
    }
  }
  // A channel for each request: one that waits in Node's pool looks alive there after the server has closed it (ssh2's Channel
  // never counts as destroyed), and a PUT sent into it would have an unknown outcome.
  const httpAgent = new HttpAgent({ keepAlive: false })
  const httpsAgent = new HttpsAgent({ keepAlive: false, ...secure })
  carry(httpAgent, (channel) => channel)
  carry(httpsAgent, (channel, options) => tls.connect({ ...options, socket: channel }))
  return { httpAgent, httpsAgent }
}

function notCarried(error: unknown): Error {
  if (error instanceof Problem)
    return error.code === 'forward-refused' || error.code === 'forwarding-forbidden' ? new NotCarried(error) : error
  return error instanceof Error ? error : new Error(String(error))
}

function authority(replica: S3Replica): Buffer | undefined {
  if (replica.ca === null) return undefined
  try {
    return readFileSync(replica.ca)
  } catch (error) {
    throw new Problem({
      code: 'ca-unreadable',
      doing: `opening replica ${replica.name}`,
      found: `its ca: ${replica.ca} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      next: 'put the PEM file of the server’s certificate authority there, or correct ca: in the inventory',
    })
  }
}
