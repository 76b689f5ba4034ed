import { mistake, type Reading } from '../reading.ts'
import { shown } from '../show.ts'

/** No two listeners on one host share a port: ports of apps and of Litestream's metrics. */
export function checkPorts(reading: Reading): void {
  const { apps } = reading.entries
  /** By host and port. */
  const taken = new Map<string, string>()
  for (const [name, app] of apps) {
    const wanted = [
      { port: app.port, path: ['apps', name, 'port'], as: shown(name) },
      {
        port: app.litestream?.metrics,
        path: ['apps', name, 'litestream', 'metrics'],
        as: `the metrics of ${shown(name)}`,
      },
    ]
    for (const { port, path, as } of wanted) {
      if (port === undefined) continue
      const clashes = new Map<string, string[]>()
      for (const host of new Set([app.host ?? [], app.hosts ?? []].flat())) {
        const key = `${host} ${port}`
        const earlier = taken.get(key)
        if (earlier === undefined) taken.set(key, as)
        else clashes.set(earlier, [...(clashes.get(earlier) ?? []), host])
      }
      for (const [earlier, hosts] of clashes)
        mistake(reading, path, `port ${port} of ${hosts.map((host) => shown(host)).join(', ')} is taken by ${earlier}`)
    }
  }
}
