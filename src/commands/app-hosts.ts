import type { App, Host, Inventory } from '../inventory/model.ts'
import { nearest } from '../inventory/nearest.ts'
import { exitCodes, Problem } from '../problem.ts'
import { limitedHosts } from './limit.ts'

/**
 * The app of this name.
 * @throws Problem `app-unknown` (exit 2) with the nearest right name
 */
export function appNamed(inventory: Inventory, name: string): App {
  const app = Object.hasOwn(inventory.apps, name) ? inventory.apps[name] : undefined
  if (app) return app
  throw unknown('app', name, Object.keys(inventory.apps))
}

/**
 * The host of this name.
 * @throws Problem `host-unknown` (exit 2) with the nearest right name
 */
export function hostNamed(inventory: Inventory, name: string): Host {
  const host = Object.hasOwn(inventory.hosts, name) ? inventory.hosts[name] : undefined
  if (host) return host
  throw unknown('host', name, Object.keys(inventory.hosts))
}

/**
 * The hosts of an app, less those that `--limit` leaves out.
 * @throws Problem `app-unknown`, `limit-unknown`, `limit-empty` (exit 2)
 */
export function hostsOf(inventory: Inventory, name: string, limits: string[]): Host[] {
  const app = appNamed(inventory, name)
  const hosts = limitedHosts(inventory, limits).filter((host) => app.hosts.includes(host.name))
  if (hosts.length > 0) return hosts
  throw new Problem({
    code: 'limit-empty',
    doing: `looking for ${name}`,
    found: `none of its hosts (${app.hosts.join(', ')}) is among --limit ${limits.join(' --limit ')}`,
    next: 'leave --limit out, or name one of them',
    exit: exitCodes.usage,
  })
}

function unknown(kind: 'app' | 'host', name: string, names: string[]): Problem {
  const guess = nearest(name, names)
  return new Problem({
    code: `${kind}-unknown`,
    doing: `looking for the ${kind} ${name}`,
    found: `the inventory has no ${kind} of that name`,
    next: guess === undefined ? `it has: ${names.join(', ') || 'none'}` : `did you mean ${guess}?`,
    exit: exitCodes.usage,
  })
}
