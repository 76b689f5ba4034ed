import type { Observed } from '../host/observed.ts'
import { type App, stateDirectory } from '../inventory/model.ts'
import { Problem } from '../problem.ts'
import type { Change } from './change.ts'
import { isReplicated } from './leaving.ts'
import { type Manifest, readManifest } from './manifest.ts'

/** An app of this host that the inventory has under another name now (`was:`). */
export interface Rename {
  from: string
  to: string
}

/**
 * Renames that are still to be done on a host: it has the app under its earlier name, by its manifest, and the inventory does not.
 * The manifest forgets that name once the files are in place, so `was:` may stay in the inventory.
 */
export function renamesOn(apps: readonly App[], manifest: string | null): Rename[] {
  const recorded = new Set(readManifest(manifest).apps)
  const names = new Set(apps.map((app) => app.name))
  return apps.flatMap(({ name, was }) =>
    was !== null && recorded.has(was) && !names.has(was) ? [{ from: was, to: name }] : [],
  )
}

/**
 * What a host will show once its renames are done: the user of the earlier name is the user of the new one, with its uid, so
 * nothing of the app's files changes its owner.
 * @throws Problem `rename-clash` when the host has an app or a user of both names
 */
export function afterRenames(observed: Observed, apps: readonly App[], host: string): Observed {
  const renames = renamesOn(apps, observed.manifest)
  if (renames.length === 0) return observed
  const recorded = readManifest(observed.manifest).apps
  const users = new Map(observed.users)
  for (const { from, to } of renames) {
    const account = users.get(from)
    const both = recorded.includes(to) ? 'an app' : account && users.has(to) ? 'a user' : null
    if (both !== null)
      throw new Problem({
        code: 'rename-clash',
        doing: `renaming ${from} to ${to} on ${host}`,
        found: `${host} has ${both} of each name`,
        next:
          both === 'an app'
            ? `${to} has data of its own: take was: ${from} out of ${to} in the inventory, or give the renamed app another name`
            : `give the renamed app another name, or remove the user ${to} on ${host} (userdel ${to}) when nothing needs it`,
        host,
        app: to,
      })
    if (!account) continue
    users.delete(from)
    users.set(to, { ...account, home: stateDirectory(to) })
  }
  return { ...observed, users }
}

/** The port of Litestream's metrics goes along, for it must not move. */
export function renamedMetrics(metrics: Record<string, number>, renames: readonly Rename[]): Record<string, number> {
  const moved = renames.flatMap(({ from, to }) => (metrics[from] === undefined ? [] : [[to, metrics[from]] as const]))
  return { ...metrics, ...Object.fromEntries(moved) }
}

/** What streamside has laid in the folder of an app lies in that of the new name by then, and is that user's. */
export function movedFiles(recorded: Manifest, renames: readonly Rename[]): Manifest {
  const files = Object.entries(recorded.files).map(([path, file]) => {
    const rename = renames.find(({ from }) => path.startsWith(`${stateDirectory(from)}/`))
    if (!rename) return [path, file] as const
    const { from, to } = rename
    const moved = `${stateDirectory(to)}${path.slice(stateDirectory(from).length)}`
    return [moved, { ...file, as: file.as === from ? to : file.as, app: to }] as const
  })
  return { ...recorded, files: Object.fromEntries(files) }
}

/** The app is let go of under its earlier name, then its user and its files are given the new one. */
export function renamed({ from, to }: Rename, recorded: Manifest): Change {
  return {
    summary: {
      kind: 'app',
      name: to,
      action: 'update',
      reason: `it was ${from}: its user and ${stateDirectory(from)} go with it${isReplicated(from, recorded) ? ', into a new place in the replica' : ''}`,
    },
    step: { verb: 'rename', fields: [from, to] },
  }
}

/** The folders in that of an app are not made: they come along. */
export function comesAlong({ summary, ...change }: Change, renames: readonly Rename[]): Change {
  const { kind, name } = summary
  const rename = renames.find(({ to }) => name === stateDirectory(to) || name.startsWith(`${stateDirectory(to)}/`))
  if (kind !== 'directory' || !rename) return { summary, ...change }
  const from = `${stateDirectory(rename.from)}${name.slice(stateDirectory(rename.to).length)}`
  return { ...change, summary: { ...summary, action: 'update', reason: `it is ${from} until then` } }
}

/** Apps of a host whose rename is behind it: `was:` has nothing to say there any more. */
export function renamesDone(apps: readonly App[], manifest: string | null): Rename[] {
  const recorded = new Set(readManifest(manifest).apps)
  return apps.flatMap(({ name, was }) =>
    was !== null && recorded.has(name) && !recorded.has(was) ? [{ from: was, to: name }] : [],
  )
}

/** What is left of an app under its earlier name, beside what is removed of it. */
export function leftOfRename(
  { from, to }: Rename,
  recorded: Manifest,
): { code: string; app: string; message: string; next: string } {
  if (!isReplicated(from, recorded))
    return {
      code: 'renamed',
      app: to,
      message: `${from} is called ${to} now`,
      next: `was: ${from} may leave the inventory once all hosts have done this`,
    }
  return {
    code: 'renamed',
    app: to,
    message: `${from} is called ${to} now; what the replica holds of it under ${from} stays there, and is its history up to now`,
    next: `keep it for as long as you may want a point of it back; was: ${from} may leave the inventory once all hosts have done this`,
  }
}
