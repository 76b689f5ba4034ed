import type { HostState } from '../desired/host-state.ts'
import type { Observed } from '../host/observed.ts'
import type { Change } from './change.ts'
import type { Manifest } from './manifest.ts'

/** A database that belongs to somebody else (copied there by root, say) cannot be written by its app, nor replicated: its gate waits. */
export function databaseOwners(state: HostState, observed: Observed): Change[] {
  return state.apps.flatMap((app) =>
    Object.values(app.databases).flatMap((file): Change[] => {
      const seen = observed.databases.get(file)
      const { user, group } = state.accounts.get(app.name) ?? { user: app.name, group: app.name }
      // The group of a service's files is the service's own matter.
      const other = [seen ?? [], seen?.beside ?? []]
        .flat()
        .find((each) => each.owner !== user || (app.service === null && each.group !== group))
      if (!other) return []
      return [
        {
          summary: {
            kind: 'database',
            name: file,
            action: 'update',
            reason: `owner ${other.owner}:${other.group} → ${user}:${group}${other === seen ? '' : ' of what lies beside it'}`,
          },
          step: { verb: 'own', fields: [`${user}:${group}`, file] },
        },
      ]
    }),
  )
}

/**
 * The databases of services that their gate switches to WAL mode before the next start, with the inventory's consent: once, at
 * adoption. One whose service sets another mode at each start is told of by an alert, and no change of every run.
 */
export function walSwitches(state: HostState, observed: Observed, recorded: Manifest): Change[] {
  return state.apps.flatMap((app) => {
    const { service, databases, litestream, name } = app
    if (service === null || !litestream.switchToWal || recorded.services?.[name]?.unit === service.unit) return []
    return Object.entries(databases).flatMap(([database, file]): Change[] =>
      observed.databases.get(file)?.journal === 'rollback'
        ? [
            {
              summary: {
                kind: 'database',
                name: file,
                action: 'update',
                reason: `is switched to WAL mode while ${service.unit} is down (wal: switch)`,
              },
              step: { verb: 'switched', fields: [name, database] },
            },
          ]
        : [],
    )
  })
}
