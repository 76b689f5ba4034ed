import type { HostState } from '../desired/host-state.ts'
import type { Observed } from '../host/observed.ts'
import type { Change } from './change.ts'

/** A database that belongs to somebody else (copied there by root, say) cannot be written by its app, nor replicated. */
export function databaseOwners(state: HostState, observed: Observed): Change[] {
  return state.apps.flatMap((app) =>
    Object.values(app.databases).flatMap((file): Change[] => {
      const seen = observed.databases.get(file)
      const { user, group } = state.accounts.get(app.name) ?? { user: app.name, group: app.name }
      // The group of a service's files is the service's own matter.
      if (!seen || (seen.owner === user && (app.service !== null || seen.group === group))) return []
      return [
        {
          summary: {
            kind: 'database',
            name: file,
            action: 'update',
            reason: `owner ${seen.owner}:${seen.group} → ${user}:${group}`,
          },
          step: { verb: 'own', fields: [`${user}:${group}`, file] },
        },
      ]
    }),
  )
}
