import { appsOn } from '../desired/host-state.ts'
import { nearest } from '../inventory/nearest.ts'
import type { Host, Inventory } from '../inventory/model.ts'
import { exitCodes, Problem } from '../problem.ts'

/**
 * The hosts that `--limit` leaves: each limit is a host, an app (its hosts) or @tag; none at all means every host.
 * @throws Problem `limit-unknown` (exit 2) with the nearest right name
 */
export function limitedHosts(inventory: Inventory, limits: string[]): Host[] {
  const all = Object.values(inventory.hosts)
  if (limits.length === 0) return all
  const chosen = new Set<Host>()
  for (const limit of limits) {
    const matching = limit.startsWith('@')
      ? all.filter((host) => host.tags.includes(limit.slice(1)))
      : all.filter((host) => host.name === limit || appsOn(inventory, host.name).some((app) => app.name === limit))
    if (matching.length === 0) throw unknownLimit(inventory, limit)
    for (const host of matching) chosen.add(host)
  }
  return all.filter((host) => chosen.has(host))
}

function unknownLimit(inventory: Inventory, limit: string): Problem {
  const tags = new Set(Object.values(inventory.hosts).flatMap((host) => host.tags))
  const names = [...Object.keys(inventory.hosts), ...Object.keys(inventory.apps), ...[...tags].map((tag) => `@${tag}`)]
  const guess = nearest(limit, names)
  return new Problem({
    code: 'limit-unknown',
    doing: `reading --limit ${limit}`,
    found: 'the inventory has no host, app or @tag of that name',
    next: guess === undefined ? `it has: ${names.join(', ')}` : `did you mean ${guess}?`,
    exit: exitCodes.usage,
  })
}
