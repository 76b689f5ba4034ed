import { mistake, type Reading } from '../reading.ts'
import { shown } from '../show.ts'

/** No two hosts are the same machine: same address (any case) and port. Without hosts there is nothing to do. */
export function checkHosts(reading: Reading): void {
  const { hosts, top } = reading.entries
  if (!reading.mayHold('hosts') && hosts.size === 0 && !reading.entries.root.entries.has('hosts')) {
    mistake(reading, ['hosts'], 'missing; an inventory has at least one host', 'hosts: { pi-attic: { address: … } }')
  }
  const seen = new Map<string, string>()
  for (const [name, host] of hosts) {
    const address = (host.address ?? name).toLowerCase().replace(/\.$/, '')
    const key = `${address} ${host.port ?? top.defaults?.port ?? ''}`
    const earlier = seen.get(key)
    if (earlier !== undefined) {
      const path = ['hosts', name, ...(host.address === undefined ? [] : ['address'])]
      mistake(reading, path, `the same address and port as ${shown(earlier)}`)
    } else seen.set(key, name)
  }
}
