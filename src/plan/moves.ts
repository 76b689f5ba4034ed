import type { HostState } from '../desired/host-state.ts'
import type { Observed } from '../host/observed.ts'
import { type App, stateDirectory, unitOf } from '../inventory/model.ts'
import { Problem } from '../problem.ts'
import { size } from '../report/size.ts'
import type { Change, HostPlan } from './change.ts'
import type { Manifest, ManifestData } from './manifest.ts'
import type { Rename } from './renames.ts'

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
 * A database may not come to lie where another one lies until this very run. With that of another app, its rows would become this app's
 * user's to read. A new one would serve the rows of the one that moves away; one that is not new does not, for what it finds in its
 * new place is put aside, so two of an app may change places.
 */
export function refuseCrossing(
  { host, apps }: HostState,
  recorded: Manifest,
  observed: Observed,
  renames: readonly Rename[],
): Problem[] {
  return apps.flatMap((app) =>
    Object.entries(app.databases).flatMap(([name, file]) => {
      if (!observed.databases.has(file)) return []
      const before = renames.find(({ to }) => to === app.name)?.from
      const holder = Object.keys(recorded.data ?? {}).find(
        (name) =>
          name !== app.name && name !== before && Object.values(recorded.data?.[name]?.databases ?? {}).includes(file),
      )
      const other = apps.find(({ name }) => name === holder)
      if (holder !== undefined && other === undefined) return [ofOneThatLeft(holder, app, file, host.name)]
      const moving = movingFrom(app, name, file, recorded)
      if (other === undefined && moving === undefined) return []
      const [taker, giver, of] = other
        ? [app.name, other.name, `of ${other.name}`]
        : [`${name} of ${app.name}`, moving ?? '', `${moving} of ${app.name}`]
      return [
        new Problem({
          code: 'database-of-another',
          doing: other
            ? `giving ${app.name} its database on ${host.name}`
            : `giving ${app.name} the database ${name} on ${host.name}`,
          found: `the database ${of} lies at ${file} until now`,
          next: `give ${taker} another place. When ${giver} has moved (one run with that alone), move what it has left there away; then the place is free`,
          host: host.name,
          app: app.name,
        }),
      ]
    }),
  )
}

/** It runs on as it is, and its rows would be another user's; or it is to go in this very run, which has not let go of it yet. */
function ofOneThatLeft(holder: string, app: App, file: string, host: string): Problem {
  return new Problem({
    code: 'database-of-another',
    doing: `giving ${app.name} its database on ${host}`,
    found: `${file} is the database of ${holder}, which is no longer in the inventory and is still on this host`,
    next:
      `if ${app.name} is what ${holder} is called now, write  was: ${holder}  under ${app.name}; else give ${app.name} another place, ` +
      `or remove ${holder} first, in a run without ${app.name} (provision --prune)`,
    host,
    app: app.name,
  })
}

/** The database of an app that leaves a place to one that is new; none when the name alone changes. */
function movingFrom(app: App, name: string, file: string, recorded: Manifest): string | undefined {
  const before = recorded.data?.[app.name]?.databases ?? {}
  if (before[name] !== undefined) return undefined
  return Object.keys(before).find((each) => before[each] === file && app.databases[each] !== undefined)
}

/**
 * A rename orders the gate to go on from the very files that lie on the host, at the places where they come to lie with the app's
 * folder: it would find none in another place, and a move has its proof under the earlier configuration alone. One after the other.
 */
export function refuseRenamedMoves(
  { host, apps }: HostState,
  recorded: Manifest,
  renames: readonly Rename[],
): Problem[] {
  return renames.flatMap(({ from, to }) => {
    const before = recorded.data?.[from]
    const app = apps.find(({ name }) => name === to)
    const now = app && dataOf(app)
    if (!before || !now) return []
    const along = (file: string) =>
      file.startsWith(`${stateDirectory(from)}/`)
        ? `${stateDirectory(to)}${file.slice(stateDirectory(from).length)}`
        : file
    const others = Object.entries(before.databases).flatMap(([name, file]) => {
      const wanted = now.databases[name]
      return wanted === undefined || wanted === along(file) ? [] : [`${name}: ${along(file)} → ${wanted}`]
    })
    if (before.storage !== now.storage) others.push(`storage: ${before.storage} → ${now.storage}`)
    if (others.length === 0) return []
    return [
      new Problem({
        code: 'rename-moves',
        doing: from === to ? `giving ${to} its name back on ${host.name}` : `renaming ${from} to ${to} on ${host.name}`,
        found: `its databases are to lie elsewhere in the same run (${others.join(', ')})`,
        next: `rename it first, with its databases as they lie now; give them another place in a run after that`,
        host: host.name,
        app: to,
      }),
    ]
  })
}

/**
 * Databases that the inventory names no more, of apps that stay: nobody copies them from then on, by that name at least. What lies in
 * the place of one goes on as another's, or is put aside by it.
 */
export function droppedDatabases({ apps }: HostState, recorded: Manifest): HostPlan['warnings'] {
  return apps.flatMap((app) => {
    const before = recorded.data?.[app.name]?.databases ?? {}
    return Object.entries(before)
      .filter(([name]) => app.databases[name] === undefined)
      .map(([name, file]) => {
        const taker = Object.keys(app.databases).find((each) => app.databases[each] === file)
        const gone = `${file}, the database ${name} of ${app.name}, is not in the inventory any more`
        const warning = { code: 'database-dropped', app: app.name }
        if (taker === undefined)
          return {
            ...warning,
            message: `${gone}: what is written to it from now on is in no replica`,
            next: 'the file stays, and so does what the replica holds of it; when it is to be replicated again, put it under databases: by another name',
          }
        if (before[taker] === undefined)
          return {
            ...warning,
            message: `${gone} by that name: it is ${taker} now, in a place of its own in the replica`,
            next: `what the replica holds under ${name} stays there, and is its history up to now`,
          }
        return {
          ...warning,
          message: `${gone}, and ${taker} gets its place: what lies there is put aside`,
          next: `it is kept in .streamside-aside beside the database, and what the replica holds under ${name} stays`,
        }
      })
  })
}
