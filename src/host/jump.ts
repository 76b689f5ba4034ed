import type { Duplex } from 'node:stream'
import { exitCodes, Problem } from '../problem.ts'
import type { SshConnection } from './connection.ts'
import { createSlots } from './slots.ts'

/** One host of a ProxyJump. */
export interface Hop {
  address: string
  user: string | null
  port: number | null
}

/** A jump host that several hosts are reached through, over one connection. */
export interface Bastion {
  /** Runs one connect through it; the others wait, for an sshd drops connects that come too many at once (MaxStartups). */
  slots: <T>(task: () => Promise<T>) => Promise<T>
  open(address: string, port: number): Promise<Duplex>
}

export interface Bastions {
  /** The bastion behind a ProxyJump value: `[user@]host[:port]` or `ssh://…`, hops separated by commas. */
  through(proxyJump: string, host: string): Promise<Bastion>
  close(): Promise<void>
}

/** Connects to the hop, through the bastion when it is not the first. */
export type DialHop = (hop: Hop, via: Bastion | null, name: string) => Promise<SshConnection>

const parallelConnects = 5

/** Jump hosts of one run: each is connected to once. */
export function createBastions(dial: DialHop): Bastions {
  const open = new Map<string, Promise<{ connection: SshConnection; bastion: Bastion }>>()
  const reach = (hops: Hop[]): Promise<{ connection: SshConnection; bastion: Bastion }> => {
    const key = JSON.stringify(hops)
    let reaching = open.get(key)
    if (!reaching) {
      reaching = connect(hops)
      open.set(key, reaching)
    }
    return reaching
  }
  const connect = async (hops: Hop[]): Promise<{ connection: SshConnection; bastion: Bastion }> => {
    const last = hops.at(-1)
    if (!last) throw new Error('a ProxyJump without a hop')
    const via = hops.length > 1 ? (await reach(hops.slice(0, -1))).bastion : null
    const connection = await dial(last, via, last.address)
    // The bastion's sshd sets TCP_NODELAY only once a session has run (an exec behind it then takes 3 ms instead of 44).
    // A bastion for forwarding only refuses the command, which does no harm: what it answers does not matter.
    await connection.exec('true', { deadlineSeconds: 10 }).catch((error: unknown) => {
      if (!(error instanceof Problem)) throw error
    })
    const slots = createSlots(parallelConnects)
    const openThrough = async (address: string, port: number): Promise<Duplex> => {
      try {
        return await connection.openChannel(address, port)
      } catch (error) {
        // A bastion that has gone is dialled anew by the next host that needs it.
        if (error instanceof Problem && error.code === 'connection-lost') open.delete(JSON.stringify(hops))
        throw error
      }
    }
    return { connection, bastion: { slots, open: openThrough } }
  }
  return {
    async through(proxyJump, host) {
      return (await reach(parseProxyJump(proxyJump, host))).bastion
    },
    async close() {
      const reached = await Promise.allSettled(open.values())
      open.clear()
      // The last hop first: it is carried by the ones before.
      for (const one of reached.toReversed()) if (one.status === 'fulfilled') await one.value.connection.close()
    },
  }
}

/** Reads a ProxyJump value. Throws Problem `ssh-config` when a hop cannot be read. */
export function parseProxyJump(proxyJump: string, host: string): Hop[] {
  return proxyJump.split(',').map((text) => {
    const hop = parseHop(text.trim())
    if (hop) return hop
    throw new Problem({
      code: 'ssh-config',
      doing: `reading the ssh settings of ${host}`,
      found: `ProxyJump ${proxyJump} has a hop that cannot be read: ${JSON.stringify(text)}`,
      next: 'write it as [user@]host[:port], several with commas between',
      host,
      exit: exitCodes.usage,
    })
  })
}

function parseHop(text: string): Hop | null {
  const bare = text.replace(/^ssh:\/\//, '').replace(/\/$/, '')
  const match = /^(?:(?<user>.+)@)?(?:\[(?<v6>[^\]]+)\]|(?<name>[^:[\]]+))(?::(?<port>\d{1,5}))?$/.exec(bare)
  const address = match?.groups?.['v6'] ?? match?.groups?.['name']
  if (!address || address.startsWith('-')) return null
  return {
    address,
    user: match?.groups?.['user'] ?? null,
    port: match?.groups?.['port'] ? Number(match.groups['port']) : null,
  }
}
