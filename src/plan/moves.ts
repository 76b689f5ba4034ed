import type { HostState } from '../desired/host-state.ts'
import type { Observed } from '../host/observed.ts'
import { type App, unitOf } from '../inventory/model.ts'
import { Problem } from '../problem.ts'
import { size } from '../report/size.ts'
import type { Change, HostPlan } from './change.ts'
import type { Manifest, ManifestData } from './manifest.ts'

/** An app whose databases are to lie elsewhere than they do on the host. */
export interface DataMove {
  app: App
  /** Where they lie now, by their names. */
  before: Record<string, string>
  reason: string
}

/** Where the databases of an app are to lie; null for one without any. */
export function dataOf({ databases, storage }: App): ManifestData | null {
  if (Object.keys(databases).length === 0) return null
  const of = storage.kind === 'persistent' ? '' : ` (${size(storage.sizeBytes)})`
  return { databases, storage: `${storage.kind}${of}` }
}

/**
 * Apps that have a database here under the same name in another place, or in storage of another kind or size. What lies in the new place may be
 * an old copy, and all that tells is how the last orderly stop left the files: it has to be made with the app's former configuration.
 */
export function dataMoves({ apps }: HostState, recorded: Manifest): DataMove[] {
  return apps.flatMap((app) => {
    const before = recorded.data?.[app.name]
    const now = dataOf(app)
    if (before === undefined || now === null) return []
    const names = Object.keys(now.databases).filter(
      (name) =>
        before.databases[name] !== undefined &&
        (before.databases[name] !== now.databases[name] || before.storage !== now.storage),
    )
    if (names.length === 0) return []
    const places = names.flatMap((name) =>
      before.databases[name] === now.databases[name]
        ? []
        : [`${name}: ${before.databases[name]} → ${now.databases[name]}`],
    )
    if (before.storage !== now.storage) places.push(`storage: ${before.storage} → ${now.storage}`)
    return [
      {
        app,
        before: Object.fromEntries(names.map((name) => [name, before.databases[name] ?? ''])),
        reason: places.join(', '),
      },
    ]
  })
}

/** Comes before its files are replaced: the app is stopped, and the replica proven to hold everything. */
export function halted({ app, before, reason }: DataMove): Change {
  return {
    summary: {
      kind: 'app',
      name: app.name,
      action: 'stop',
      reason: `${reason}: stop, proof; there it is restored from the replica, and what lies where it was stays`,
    },
    step: { verb: 'halt', fields: [app.name, unitOf(app), ...Object.values(before)] },
  }
}

/**
 * A database may not come to lie where that of another app lies until this very run: its rows would become this app's user's to read.
 */
export function refuseCrossing({ host, apps }: HostState, recorded: Manifest, observed: Observed): Problem[] {
  return apps.flatMap((app) =>
    Object.values(app.databases).flatMap((file) => {
      const other = apps.find(
        ({ name }) => name !== app.name && Object.values(recorded.data?.[name]?.databases ?? {}).includes(file),
      )
      if (other === undefined || !observed.databases.has(file)) return []
      return [
        new Problem({
          code: 'database-of-another',
          doing: `giving ${app.name} its database on ${host.name}`,
          found: `the database of ${other.name} lies at ${file} until now`,
          next: `give ${app.name} another place. When ${other.name} has moved (one run with that alone), move what it has left there away; then the place is free`,
          host: host.name,
          app: app.name,
        }),
      ]
    }),
  )
}

/** Databases that the inventory names no more, of apps that stay: nobody copies them from then on. */
export function droppedDatabases({ apps }: HostState, recorded: Manifest): HostPlan['warnings'] {
  return apps.flatMap((app) => {
    const before = Object.entries(recorded.data?.[app.name]?.databases ?? {})
    const now = new Set(Object.values(app.databases))
    return before
      .filter(([name, file]) => app.databases[name] === undefined && !now.has(file))
      .map(([name, file]) => ({
        code: 'database-dropped',
        app: app.name,
        message: `${file}, the database ${name} of ${app.name}, is not in the inventory any more: what is written to it from now on is in no replica`,
        next: 'the file stays, and so does what the replica holds of it; put it back under databases: when it is to be replicated',
      }))
  })
}
