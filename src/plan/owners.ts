import type { HostState } from '../desired/host-state.ts'
import { gateConfigPath } from '../desired/places.ts'
import type { Resource } from '../desired/resources.ts'
import { sha256 } from '../desired/runs-from.ts'
import type { Observed } from '../host/observed.ts'
import type { Rename } from './renames.ts'

/** What of gate.json says how starts are decided about, and nothing of whose the databases are. */
const policies = new Set(['whenUnreachable', 'offlineLimitSeconds', 'wal'])

/**
 * Apps whose owner object is to be looked at: it is made at the first launch, and brought up to date when the app's databases
 * change. Another policy needs none: who wants an app to start while its replica is away must not need the replica for that.
 */
export function appsWithoutOwner(
  state: HostState,
  observed: Observed,
  changed: Set<Resource>,
  renames: readonly Rename[] = [],
): string[] {
  return state.apps
    .filter((app) => Object.keys(app.databases).length > 0)
    .filter(
      (app) =>
        observed.apps.get(app.name)?.claimed !== true ||
        renames.some(({ to }) => to === app.name) ||
        // Let go, and in the inventory again before all of it had been taken away; laid by a run that was cut off before it wrote the
        // owner object.
        ['let-go', 'database-unknown'].includes(observed.apps.get(app.name)?.reason?.code ?? '') ||
        state.resources.some(
          (resource) =>
            resource.kind === 'file' &&
            resource.path === gateConfigPath(app.name) &&
            changed.has(resource) &&
            !isPolicyOnly(resource.content, observed.paths.get(resource.path)),
        ),
    )
    .map((app) => app.name)
}

function isPolicyOnly(wanted: string | Buffer, seen: ReturnType<Observed['paths']['get']>): boolean {
  if (seen?.type !== 'file') return false
  // Only its mode or owner is to be mended.
  if (seen.content === null) return seen.sha256 === sha256(wanted)
  try {
    return withoutPolicies(seen.content.toString()) === withoutPolicies(wanted.toString())
  } catch (error) {
    // Somebody has written something else there.
    if (error instanceof SyntaxError) return false
    throw error
  }
}

function withoutPolicies(text: string): string {
  const value: unknown = JSON.parse(text)
  if (typeof value !== 'object' || value === null) return text
  return JSON.stringify(Object.entries(value).filter(([key]) => !policies.has(key)))
}
