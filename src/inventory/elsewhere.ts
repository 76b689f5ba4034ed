import type { Inventory } from './model.ts'

/** An app that the inventory has, but not on the host in question. */
export interface Elsewhere {
  /** Its name there: another one than the host's when it was renamed (`was:`). */
  name: string
  hosts: string[]
}

/**
 * Apps of the inventory that a host may still have and that are not to run there: their data would have to move with them, by the
 * name that the host knows them by. Not those with `hosts:`, which have data of their own on each host.
 */
export function appsElsewhere(inventory: Pick<Inventory, 'apps'>, host: string): Map<string, Elsewhere> {
  const found = new Map<string, Elsewhere>()
  for (const { name, hosts, was, instancePerHost } of Object.values(inventory.apps)) {
    if (hosts.includes(host)) continue
    if (!instancePerHost) found.set(name, { name, hosts })
    if (was !== null) found.set(was, { name, hosts })
  }
  return found
}

/** By its name in the replica: an instance of an app with `hosts:` has data of its own, which go nowhere when it leaves its host. */
export function isOfOneHost(instance: string | undefined): boolean {
  return instance?.includes('@') === true
}

/** What a person may do about such an app: nothing moves it with its data yet. */
export function backFrom(app: string, host: string, { name, hosts }: Elsewhere): string {
  const now = `${name === app ? '' : `as ${name} `}on ${hosts.join(', ')}`
  return (
    `the inventory has it ${now}, and moving an app with its data (move) is not built yet: ` +
    `write it down as ${app} with host: ${host} again`
  )
}
