import net from 'node:net'
import type { Duplex } from 'node:stream'

/**
 * Opens a TCP connection from a host of the inventory to `address:port`; the host looks the name up.
 * Throws Problem `forward-refused`, `forwarding-forbidden` or `connection-lost`.
 */
export type OpenChannel = (address: string, port: number) => Promise<Duplex>

/** How the operator's machine gets to the server of a bucket. */
export type Way =
  | { kind: 'direct' }
  | {
      kind: 'through'
      /** Inventory name of the host whose SSH connection carries the requests. */
      host: string
      /** Why they do not go directly, as a clause. */
      reason: string
      openChannel: OpenChannel
    }

export const direct: Way = { kind: 'direct' }

/** Milliseconds. A server in the next room answers in 1, one behind a radio link in some hundred. */
const directLimitMs = 3000

/** Where the server of an endpoint listens, as net.connect and sshd take it: an IPv6 address without brackets. */
export function serverOf(endpoint: string): { address: string; port: number } {
  const { hostname, port, protocol } = new URL(endpoint)
  return {
    address: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port),
  }
}

/**
 * True when the endpoint means each machine's own loopback. Hosts stream to theirs: whatever answers under that address on the
 * operator's machine is another server.
 */
export function isOnLoopback(endpoint: string): boolean {
  const { address } = serverOf(endpoint)
  return (
    address === 'localhost' || address.endsWith('.localhost') || address === '::1' || /^127(\.\d+){3}$/.test(address)
  )
}

/**
 * Null when a TCP connection to the endpoint's server comes about, else what stood in the way. Only TCP is asked: what the
 * server then says, a refusal or a certificate included, is its own answer and no reason for another way to it.
 */
export function whyNotDirectly(endpoint: string, limitMs: number = directLimitMs): Promise<string | null> {
  const { address, port } = serverOf(endpoint)
  return new Promise((resolve) => {
    // Node gives an address 250 ms before it tries the next, which a server behind a slow link misses.
    const socket = net.connect({ host: address, port, autoSelectFamilyAttemptTimeout: 1000 })
    const settle = (found: string | null) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(found)
    }
    const timer = setTimeout(() => settle(`${address}:${port} does not answer within ${limitMs / 1000} s`), limitMs)
    socket.once('connect', () => settle(null))
    // One listener for good: of a name's several addresses the last may fail after the verdict.
    socket.on('error', (error) => settle(words(error)))
    // Whoever waits for this has a connection open; for one who does no longer, the program does not stay.
    socket.unref()
    timer.unref()
  })
}

/** Several addresses of one name fail together, and the sum has no words of its own: the first speaks for all. */
function words(error: Error): string {
  const inner: unknown = error instanceof AggregateError ? error.errors[0] : error
  return inner instanceof Error && inner.message !== '' ? inner.message : String(inner)
}
