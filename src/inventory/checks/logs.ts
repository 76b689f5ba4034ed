import { nearest } from '../nearest.ts'
import { logPort, logServer } from '../logs.ts'
import { mistake, type Reading } from '../reading.ts'
import { shown } from '../show.ts'

/** Log servers are hosts of the inventory or addresses, each once; addresses are given for hosts that there are. */
export function checkLogs(reading: Reading): void {
  const { hosts, top } = reading.entries
  if (!top.logs) return
  const port = logPort(top.logs)
  const seen = new Map<string, string>()
  for (const [index, text] of (top.logs.servers ?? []).entries()) {
    const path = ['logs', 'servers', index]
    const server = logServer(text, hosts, port)
    if (server === null) {
      if (reading.mayHold(text)) continue
      const near = nearest(text, hosts.keys())
      mistake(
        reading,
        path,
        near
          ? `no host is called ${shown(text)}; did you mean ${shown(near)}?`
          : `${shown(text)} is neither a host of the inventory nor an address`,
        'a server outside of the inventory is written as an address: logs.lan:514, 10.0.0.9, "[fd00::9]:514"',
      )
      continue
    }
    const identity = server.kind === 'host' ? server.host : `${server.address}:${server.port}`
    const earlier = seen.get(identity)
    if (earlier === undefined) seen.set(identity, text)
    else mistake(reading, path, `the same server as ${shown(earlier)}`)
  }
  if (top.logs.tls && top.logs.transport === 'tcp')
    mistake(reading, ['logs', 'tls'], 'means nothing with transport: tcp', undefined, 'key')
  if (top.logs.tls && top.logs.tls.certificates === undefined && top.logs.servers?.some((text) => hosts.has(text)))
    mistake(
      reading,
      ['logs', 'tls'],
      'a host of the inventory is a log server: it needs its certificate; add certificates',
    )
  for (const name of Object.keys(top.logs.addresses ?? {})) {
    if (hosts.has(name) || reading.mayHold(name)) continue
    const near = nearest(name, hosts.keys())
    mistake(
      reading,
      ['logs', 'addresses', name],
      `no host is called ${shown(name)}${near ? `; did you mean ${shown(near)}?` : ''}`,
      undefined,
      'key',
    )
  }
}
