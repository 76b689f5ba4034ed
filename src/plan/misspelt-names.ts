import type { HostState } from '../desired/host-state.ts'
import { nearest } from '../inventory/nearest.ts'
import { exitCodes, Problem } from '../problem.ts'
import type { Manifest } from './manifest.ts'

/**
 * A new app whose `was:` names nothing that the host ever had, beside one that has just left and is called almost so: it would begin
 * empty, and the data of the other would stay behind.
 * @param leaving apps that the host has and the inventory has not
 */
export function misspeltNames({ host, apps }: HostState, recorded: Manifest, leaving: readonly string[]): Problem[] {
  return apps.flatMap(({ name, was }) => {
    if (was === null || recorded.apps.includes(name) || recorded.apps.includes(was)) return []
    const meant = nearest(was, leaving)
    if (meant === undefined) return []
    return [
      new Problem({
        code: 'rename-unknown',
        doing: `renaming ${was} to ${name} on ${host.name}`,
        found: `this host has no ${was}, and has ${meant}, which is no longer in the inventory`,
        next: `if ${meant} is what it was, write was: ${meant} under ${name}; if ${name} is a new app, take was: away`,
        host: host.name,
        app: name,
        exit: exitCodes.usage,
      }),
    ]
  })
}
