import { isIP } from 'node:net'
import type { Entries, HostEntry } from './entries.ts'
import type { Logs, LogServer } from './model.ts'
import { onOperator } from './paths.ts'

type LogsEntry = NonNullable<Entries['top']['logs']>

const day = 86_400

/** A server as the inventory writes it, by its parts; null when it can be neither a host of the inventory nor an address. */
export function logServer(text: string, hosts: ReadonlyMap<string, unknown>, defaultPort: number): LogServer | null {
  if (hosts.has(text)) return { kind: 'host', host: text }
  const [, bracketed, bracketedPort] = /^\[([0-9A-Fa-f:.]+)\](?::([0-9]{1,5}))?$/.exec(text) ?? []
  const [, name, namePort] = /^([A-Za-z0-9][A-Za-z0-9._-]{0,252})(?::([0-9]{1,5}))?$/.exec(text) ?? []
  const address = bracketed ?? (isIP(text) === 6 ? text : name)
  const port = bracketedPort ?? namePort
  if (address === undefined || Number(port ?? 1) < 1 || Number(port ?? 1) > 65_535) return null
  if (bracketed !== undefined && isIP(bracketed) !== 6) return null
  if (/^[0-9.]+$/.test(address) && isIP(address) !== 4) return null
  // A single word without a port is the name of a host, and one that is misspelt.
  if (port === undefined && isIP(address) === 0 && !address.includes('.')) return null
  return { kind: 'address', address, port: port === undefined ? defaultPort : Number(port) }
}

/** Port of syslog: 6514 is TLS's (RFC 5425), 514 what every program takes for plain TCP. */
export function logPort(entry: LogsEntry): number {
  return entry.port ?? (logTransport(entry) === 'tls' ? 6514 : 514)
}

/** Whoever names certificates wants them used. */
function logTransport(entry: LogsEntry): 'tcp' | 'tls' {
  return entry.transport ?? (entry.tls === undefined ? 'tcp' : 'tls')
}

/** The logging of the inventory with its defaults. Only for an entry without mistakes. */
export function toLogs(entry: LogsEntry, hosts: ReadonlyMap<string, HostEntry>, folder: string): Logs {
  const port = logPort(entry)
  const addresses: Record<string, string[]> = Object.create(null)
  for (const [name, host] of hosts) {
    const given = entry.addresses?.[name]
    const own = host.address
    if (given !== undefined) addresses[name] = [given].flat()
    else if (own !== undefined && isIP(own) !== 0) addresses[name] = [own]
  }
  return {
    servers: (entry.servers ?? []).map((text) => {
      const server = logServer(text, hosts, port)
      if (server === null) throw new TypeError('a log server with a mistake in it was taken for a good one')
      return server
    }),
    transport: logTransport(entry),
    tls:
      entry.tls === undefined
        ? null
        : {
            ca: onOperator(folder, entry.tls.ca),
            folder: entry.tls.certificates === undefined ? null : onOperator(folder, entry.tls.certificates),
          },
    queue: entry.queue ?? 'light',
    queueBytes: entry['queue-size'] ?? 64 * 2 ** 20,
    port,
    networks: entry.network === undefined ? null : [entry.network].flat(),
    addresses,
    share: entry['disk-share'] ?? { percent: 10 },
    keepDays: Math.floor((entry.keep ?? 30 * day) / day),
    journal: {
      storage: entry.journal?.storage ?? 'persistent',
      sizeBytes: entry.journal?.size ?? 64 * 2 ** 20,
      syncSeconds: entry.journal?.sync ?? 60,
    },
  }
}
