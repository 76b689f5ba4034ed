import type { HostState } from '../desired/host-state.ts'
import type { Observed } from '../host/observed.ts'
import type { Change } from './change.ts'

/** A database that belongs to somebody else (copied there by root, say) cannot be written by its app, nor replicated. */
export function databaseOwners(state: HostState, observed: Observed): Change[] {
  return state.apps.flatMap((app) =>
    Object.values(app.databases).flatMap((file): Change[] => {
      const seen = observed.databases.get(file)
      if (!seen || (seen.owner === app.name && seen.group === app.name)) return []
      return [
        {
          summary: {
            kind: 'database',
            name: file,
            action: 'update',
            reason: `owner ${seen.owner}:${seen.group} → ${app.name}:${app.name}`,
          },
          step: { verb: 'own', fields: [app.name, file] },
        },
      ]
    }),
  )
}
