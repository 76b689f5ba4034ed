import { posix } from 'node:path'
import type { HostState } from '../desired/host-state.ts'
import type { Observed } from '../host/observed.ts'
import { type App, stateDirectory, unitOf } from '../inventory/model.ts'
import { isWithin } from '../inventory/paths.ts'
import type { Change, HostPlan } from './change.ts'
import type { Manifest } from './manifest.ts'

/**
 * A database that belongs to somebody else (copied there by root, say), or that its owner may not read and write, cannot be used by
 * its app, nor replicated: its gate waits.
 */
export function databaseOwners(state: HostState, observed: Observed): Change[] {
  return state.apps.flatMap((app) =>
    Object.values(app.databases).flatMap((file): Change[] => {
      const seen = observed.databases.get(file)
      const { user, group } = state.accounts.get(app.name) ?? { user: app.name, group: app.name }
      const files = [seen ?? [], seen?.beside ?? []].flat()
      // The group of a service's files is the service's own matter, and so are their modes.
      const isOwn = app.service === null
      const other = files.find(
        (each) =>
          (each.owner !== user && !isMadeByService(app, each.owner, observed)) || (isOwn && each.group !== group),
      )
      const closed = files.find((each) => isOwn && (Number.parseInt(each.mode, 8) & 0o600) !== 0o600)
      const reasons = [
        ...(other ? [`owner ${other.owner}:${other.group} → ${user}:${group}${of(other, seen)}`] : []),
        ...(closed ? [`mode ${closed.mode}${of(closed, seen)}, its owner is to read and write it`] : []),
      ]
      if (reasons.length === 0) return []
      return [
        {
          summary: { kind: 'database', name: file, action: 'update', reason: reasons.join('; ') },
          step: {
            verb: 'own',
            fields: [
              `${user}:${group}`,
              file,
              ...(closed ? ['open', unitOf(app), `${app.name}-litestream.service`] : []),
            ],
          },
        },
      ]
    }),
  )
}

/**
 * A file that a service has made as the user that it runs as, where its databases are another's: taken from it, it could not open it
 * any more.
 */
function isMadeByService({ service }: App, owner: string, observed: Observed): boolean {
  const runsAs = service === null ? undefined : observed.services.get(service.unit)?.properties.get('User')
  return owner !== 'root' && owner === runsAs
}

/** Its gate holds a service back that has a database which the user of the others cannot read. */
export function strangeDatabases(state: HostState, observed: Observed): HostPlan['warnings'] {
  return state.apps.flatMap((app) =>
    Object.values(app.databases).flatMap((file) => {
      const owner = observed.databases.get(file)?.owner
      const user = state.accounts.get(app.name)?.user
      if (owner === undefined || owner === user || !isMadeByService(app, owner, observed)) return []
      return [
        {
          code: 'database-of-service',
          app: app.name,
          message:
            `${file} belongs to ${owner}, whom ${unitOf(app)} runs as, and its other databases to ${user}, whom Litestream runs as: ` +
            'it stays as it is, and what is written to it is in no replica. At its next start the gate holds the service back',
          next: `give it away so that both can use it: chown ${user} ${file}, with a group and a mode that let ${owner} write`,
        },
      ]
    }),
  )
}

function of(file: unknown, database: unknown): string {
  return file === database ? '' : ' of what lies beside it'
}

/**
 * A folder outside of the app's state is its owner's, and is not given away. The app and Litestream make files in it, beside the
 * database: where they cannot, the app finds it read-only, and nothing of it reaches the replica.
 */
export function closedFolders(state: HostState, observed: Observed): HostPlan['warnings'] {
  return state.apps.flatMap((app) => {
    if (app.service !== null) return []
    const { user, group } = state.accounts.get(app.name) ?? { user: app.name, group: app.name }
    const folders = new Map(
      Object.values(app.databases)
        .filter((file) => !isWithin(file, stateDirectory(app.name)))
        .flatMap((file) => {
          const seen = observed.databaseFolders.get(file)
          return seen === undefined ? [] : [[posix.dirname(file), seen] as const]
        }),
    )
    return [...folders].flatMap(([folder, seen]) => {
      const bits = Number.parseInt(seen.mode, 8)
      const own = seen.owner === user ? bits >> 6 : seen.group === group ? bits >> 3 : bits
      if ((own & 3) === 3) return []
      return [
        {
          code: 'database-folder',
          app: app.name,
          message:
            `${folder} belongs to ${seen.owner}:${seen.group} (${seen.mode}), and ${app.name} cannot write to it: ` +
            'SQLite and Litestream make files there, beside the database',
          next: `on the host, once the user is there: chown ${user}:${group} ${folder}; or name a place below ${stateDirectory(app.name)}`,
        },
      ]
    })
  })
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
