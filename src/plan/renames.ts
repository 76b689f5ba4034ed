import { gateConfigPath } from '../desired/places.ts'
import type { Observed } from '../host/observed.ts'
import { type App, stateDirectory } from '../inventory/model.ts'
import type { Change } from './change.ts'
import { isReplicated } from './leaving.ts'
import { type Manifest, readManifest } from './manifest.ts'

/** An app of this host that the inventory has under another name now (`was:`), or again under the one from before a rename. */
export interface Rename {
  /** The name that the manifest has it under: that of `to` when a rename is given up that was cut off. */
  from: string
  to: string
  /** The name whose claim and owner object are those of the files: an earlier one as long as the gate of `from` has not claimed them. */
  source: string
  /** Other names that a rename which was cut off may have given to its user, its files and its units. */
  halves: string[]
}

/** What renames follow from: the manifest, and which apps have claimed their files. */
export type Recorded = Pick<Observed, 'manifest' | 'apps'>

/**
 * Renames that are still to be done on a host: it has the app under another name, by its manifest, and the inventory does not.
 * The manifest remembers earlier names, so `was:` may name any of them, and may stay in the inventory.
 */
export function renamesOn(apps: readonly App[], seen: Recorded): Rename[] {
  const recorded = readManifest(seen.manifest)
  const names = new Set(apps.map((app) => app.name))
  return apps.flatMap((app) => {
    const from = nameNow(app, recorded, names, seen)
    if (from === null) return []
    const halves = halvesOf(from, recorded).filter((half) => half !== app.name)
    return [{ from, to: app.name, source: sourceOf(from, recorded, seen), halves }]
  })
}

function nameNow(app: App, recorded: Manifest, names: ReadonlySet<string>, seen: Recorded): string | null {
  const { name, was } = app
  const free = recorded.apps.filter((each) => !names.has(each))
  // Two apps of this host would become one: afterRenames refuses it.
  if (recorded.apps.includes(name) && was !== null && free.includes(was)) return was
  if (recorded.apps.includes(name)) return halvesOf(name, recorded).length > 0 ? name : null
  const begun = free.find((each) => halvesOf(each, recorded).includes(name))
  if (begun !== undefined) return begun
  const said = free.filter((each) =>
    was === null ? false : [each, ...halvesOf(each, recorded), ...earlierNames(each, recorded)].includes(was),
  )
  if (said.length > 0) return said.find((each) => each === was) ?? said[0] ?? null
  // Given up when all was in place but the start: nothing has ever run, or been uploaded, under the name in between.
  const untried = (each: string) =>
    recorded.files[gateConfigPath(each)] !== undefined && seen.apps.get(each)?.claimed !== true
  return free.find((each) => untried(each) && earlierNames(each, recorded).includes(name)) ?? null
}

/** Names that a rename of `name` was cut off on the way to. */
export function halvesOf(name: string, { apps, was = {} }: Manifest): string[] {
  return Object.keys(was).filter((half) => was[half] === name && apps.includes(name) && !apps.includes(half))
}

/** What an app was called before, the last name first. */
export function earlierNames(name: string, { was = {} }: Manifest): string[] {
  const names: string[] = []
  for (let at = was[name]; at !== undefined && at !== name && !names.includes(at); at = was[at]) names.push(at)
  return names
}

/** The name under which the files of `name` were claimed last; itself when they never were. */
export function sourceOf(name: string, recorded: Manifest, { apps }: Pick<Observed, 'apps'>): string {
  return [name, ...earlierNames(name, recorded)].find((each) => apps.get(each)?.claimed === true) ?? name
}

/** The manifest while renames are under way: as it was, with what is laid under the new names and where their files come from. */
export function whileRenaming(recorded: Manifest, renames: readonly Rename[], next: Manifest): Manifest {
  const moving = renames.filter(({ from, to }) => from !== to)
  const laid = Object.entries(next.files).filter(([, { app }]) => moving.some(({ to }) => to === app))
  return {
    ...recorded,
    files: { ...recorded.files, ...Object.fromEntries(laid) },
    was: { ...recorded.was, ...Object.fromEntries(moving.map(({ from, to }) => [to, from])) },
  }
}

/** Earlier names as they are once the renames are done. */
export function afterwards({ was = {} }: Manifest, renames: readonly Rename[]): Record<string, string> {
  const over = new Set(renames.flatMap(({ halves }) => halves))
  const kept = Object.entries(was).filter(([name]) => !over.has(name))
  let names = Object.fromEntries(kept)
  for (const { from, to } of renames) if (from !== to) names = withRename(names, from, to)
  return names
}

/** A name that is used again stands first in the row of earlier names: those on both sides of where it stood are linked then. */
function withRename(was: Record<string, string>, from: string, to: string): Record<string, string> {
  const before = was[to]
  const others = Object.entries(was).flatMap(([name, earlier]) => {
    if (name === to) return []
    if (earlier !== to) return [[name, earlier] as const]
    return before === undefined || before === name ? [] : [[name, before] as const]
  })
  return { ...Object.fromEntries(others), [to]: from }
}

/** The port of Litestream's metrics goes along, for it must not move. */
export function renamedMetrics(metrics: Record<string, number>, renames: readonly Rename[]): Record<string, number> {
  const moved = renames.flatMap(({ from, to }) => (metrics[from] === undefined ? [] : [[to, metrics[from]] as const]))
  return { ...metrics, ...Object.fromEntries(moved) }
}

/** What streamside has laid in the folder of an app lies in that of the new name by then, and is that user's. */
export function movedFiles(recorded: Manifest, renames: readonly Rename[]): Manifest {
  const files = Object.entries(recorded.files).map(([path, file]) => {
    for (const { from, to, halves } of renames) {
      const name = [from, ...halves].find((each) => path.startsWith(`${stateDirectory(each)}/`))
      if (name === undefined) continue
      const moved = `${stateDirectory(to)}${path.slice(stateDirectory(name).length)}`
      return [moved, { ...file, as: file.as === name ? to : file.as, app: to }] as const
    }
    return [path, file] as const
  })
  return { ...recorded, files: Object.fromEntries(files) }
}

/** The app is let go of under its earlier name, then its user and its files are given the new one. */
export function renamed({ from, to, source, halves }: Rename, recorded: Manifest): Change {
  const back = `its rename to ${halves.length > 0 ? halves.join(', ') : from} is given up: its user and ${stateDirectory(to)} have this name again`
  const on = `it was ${from}: its user and ${stateDirectory(from)} go with it${isReplicated(from, recorded) ? ', into a new place in the replica' : ''}`
  return {
    summary: { kind: 'app', name: to, action: 'update', reason: source === to ? back : on },
    step: { verb: 'rename', fields: [from, to, source, ...halves] },
  }
}

/** The folders and files in that of an app are not made: they come along. */
export function comesAlong({ summary, ...change }: Change, renames: readonly Rename[], recorded: Manifest): Change {
  const { kind, name } = summary
  const rename = renames.find(({ to }) => name === stateDirectory(to) || name.startsWith(`${stateDirectory(to)}/`))
  // Of one that was cut off they may be under either name.
  if (!rename || rename.halves.length > 0) return { summary, ...change }
  const from = `${stateDirectory(rename.from)}${name.slice(stateDirectory(rename.to).length)}`
  if (kind !== 'directory' && recorded.files[from] === undefined) return { summary, ...change }
  return { ...change, summary: { ...summary, action: 'update', reason: `it is ${from} until then` } }
}

/** Apps of a host whose rename is behind it: `was:` has nothing to say there any more. */
export function renamesDone(apps: readonly App[], manifest: string | null): { from: string; to: string }[] {
  const recorded = new Set(readManifest(manifest).apps)
  return apps.flatMap(({ name, was }) =>
    was !== null && recorded.has(name) && !recorded.has(was) ? [{ from: was, to: name }] : [],
  )
}

/** What is left of an app under its earlier name, beside what is removed of it; nothing when it has that name again. */
export function leftOfRename(
  { from, to, source }: Rename,
  recorded: Manifest,
): { code: string; app: string; message: string; next: string }[] {
  if (source === to) return []
  if (!isReplicated(from, recorded))
    return [
      {
        code: 'renamed',
        app: to,
        message: `${from} is called ${to} now`,
        next: `was: ${from} may leave the inventory once all hosts have done this`,
      },
    ]
  return [
    {
      code: 'renamed',
      app: to,
      message: `${from} is called ${to} now; what the replica holds of it under ${source} stays there, and is its history up to now`,
      next: `keep it for as long as you may want a point of it back; was: ${from} may leave the inventory once all hosts have done this`,
    },
  ]
}
