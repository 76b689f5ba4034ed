import { createHash } from 'node:crypto'
import type { App } from '../inventory/model.ts'

const first = 24_000
const count = 2_000

/**
 * The loopback port of each app's Litestream metrics on one host. One given in the inventory is taken as it is; one that the
 * host has recorded stays, so that a port does not move when apps are added; a new one follows from the app's name.
 *
 * @param apps the apps with databases on this host
 * @param recorded what the host's manifest holds, by app name
 */
export function metricsPorts(apps: App[], recorded: Record<string, number>): Record<string, number> {
  const ports: Record<string, number> = {}
  const taken = new Set<number>()
  for (const app of apps) {
    const fixed = app.litestream.metricsPort
    if (fixed !== null) ports[app.name] = fixed
    if (fixed !== null) taken.add(fixed)
    if (app.port !== null) taken.add(app.port)
  }
  for (const app of apps) {
    const kept = recorded[app.name]
    if (ports[app.name] === undefined && kept !== undefined && !taken.has(kept)) {
      ports[app.name] = kept
      taken.add(kept)
    }
  }
  for (const app of [...apps].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (ports[app.name] !== undefined) continue
    let port = first + (createHash('sha256').update(app.name).digest().readUInt32BE() % count)
    while (taken.has(port)) port = first + ((port - first + 1) % count)
    ports[app.name] = port
    taken.add(port)
  }
  return ports
}
