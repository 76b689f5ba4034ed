import { z } from 'zod'
import { issueText, noteIssues } from './explain.ts'
import type { Notes } from './mistake.ts'
import { nearest } from './nearest.ts'
import { app } from './schema/app.ts'
import { release } from './schema/release.ts'
import { host } from './schema/host.ts'
import { service } from './schema/service.ts'
import { inventory, secretSource, singles } from './schema/inventory.ts'
import { fileReplica, replicaType, s3Replica } from './schema/replica.ts'
import { type Located, type LocatedMap, placeOf, plainData, valueAt } from './tree.ts'

const top = z.strictObject(singles)
// The same with nothing required, for what can still be read of an entry with a mistake in it.
const lenient = {
  top: top.partial(),
  secret: secretSource.partial(),
  s3: s3Replica.partial(),
  file: fileReplica.partial(),
  host: host.partial(),
  app: app.extend({ release: release.partial().optional(), service: service.partial().optional() }),
}
export type S3Entry = z.output<typeof lenient.s3>
export type FileEntry = z.output<typeof lenient.file>
/** `type` tells which; one without it has a mistake, and nothing else of it is known. */
export type ReplicaEntry = S3Entry | FileEntry
export function isDirectory(entry: ReplicaEntry): entry is FileEntry {
  return entry.type === 'file'
}
export type HostEntry = z.output<typeof lenient.host>
export type AppEntry = z.output<typeof lenient.app>

/**
 * What the schema made of an inventory. A value with a mistake is left out, so that the checks that follow still see all
 * the rest and every mistake comes to light in one go. Without mistakes the entries are complete.
 */
export interface Entries {
  root: LocatedMap
  top: z.output<typeof lenient.top>
  secrets: Map<string, z.output<typeof lenient.secret>>
  replicas: Map<string, ReplicaEntry>
  hosts: Map<string, HostEntry>
  apps: Map<string, AppEntry>
}

/**
 * Reads the merged inventory through the schema. Mistakes of shape go into `notes`.
 * @param partial a part could not be read: a key of the top that is not there may stand in it
 */
export function readEntries(root: LocatedMap, notes: Notes, partial: boolean): Entries {
  for (const [name, { key }] of root.entries) {
    if (name in inventory.shape) continue
    const near = nearest(name, Object.keys(inventory.shape))
    notes.mistakes.push({
      place: key,
      path: [name],
      message: near
        ? `unknown key; did you mean ${near}?`
        : `unknown key; known here: ${Object.keys(inventory.shape).join(', ')}`,
    })
  }
  const own: LocatedMap = {
    ...root,
    entries: new Map([...root.entries].filter(([name]) => Object.hasOwn(singles, name))),
  }
  return {
    root,
    top: readObject(partial ? lenient.top : top, lenient.top, own, root, [], notes),
    secrets: readSection('secrets', secretSource, lenient.secret, root, notes),
    replicas: readReplicas(root, notes),
    hosts: readSection('hosts', host, lenient.host, root, notes),
    apps: readSection('apps', app, lenient.app, root, notes),
  }
}

/** The entries of one section by name; a section that is left out or empty has none. */
function section(name: string, root: LocatedMap, notes: Notes): LocatedMap['entries'] {
  const node = root.entries.get(name)?.value
  if (node === undefined) return new Map()
  if (node.kind === 'map') return node.entries
  const empty = node.kind === 'scalar' && node.value === null
  if (empty) return new Map()
  notes.mistakes.push({
    place: node.place,
    path: [name],
    message: `expected a mapping of names, found ${node.kind === 'list' ? 'a list' : 'a single value'}`,
  })
  return new Map()
}

function readSection<L extends z.ZodType>(
  name: string,
  schema: z.ZodType,
  lenient: L,
  root: LocatedMap,
  notes: Notes,
): Map<string, z.output<L> | Record<string, never>> {
  const read = new Map<string, z.output<L> | Record<string, never>>()
  for (const [key, { value }] of section(name, root, notes))
    read.set(key, readObject(schema, lenient, value, root, [name, key], notes))
  return read
}

function readReplicas(root: LocatedMap, notes: Notes): Entries['replicas'] {
  const read: Entries['replicas'] = new Map()
  for (const [key, { value }] of section('replicas', root, notes)) {
    const path = ['replicas', key]
    const type = replicaType.safeParse(plainData(valueAt(value, ['type']) ?? value), { error: issueText })
    if (value.kind !== 'map' || (type.success && type.data === 's3')) {
      read.set(key, readObject(s3Replica, lenient.s3, value, root, path, notes))
      continue
    }
    if (type.success) {
      read.set(key, readObject(fileReplica, lenient.file, value, root, path, notes))
      continue
    }
    read.set(key, {})
    if (value.entries.has('type'))
      noteIssues(
        type.error.issues.map((issue) => ({ ...issue, path: ['type'] })),
        root,
        path,
        notes,
      )
    else {
      const misspelt = [...value.entries.keys()].find((each) => nearest(each, ['type']) !== undefined)
      const at = misspelt === undefined ? path : [...path, misspelt]
      notes.mistakes.push({
        place: placeOf(root, at, 'key'),
        path: misspelt === undefined ? [...path, 'type'] : at,
        message:
          misspelt === undefined
            ? 'missing; a replica has a type: s3, or file'
            : 'unknown key; did you mean type? A replica has a type: s3, or file',
      })
    }
  }
  return read
}

/**
 * Reads one object by its schema. When that finds mistakes, what they are about is taken out and the rest is read again
 * by `lenient`, the same schema with nothing required.
 */
function readObject<L extends z.ZodType>(
  schema: z.ZodType,
  lenient: L,
  node: Located,
  root: Located,
  path: readonly string[],
  notes: Notes,
): z.output<L> | Record<string, never> {
  const whole = schema.safeParse(plainData(node), { error: issueText })
  if (!whole.success) {
    const bad = noteIssues(whole.error.issues, root, path, notes)
    if (node.kind !== 'map') return {}
    const cut = [...bad]
    // A part that is nothing without what was cut out of it goes as a whole: an entry of `files` first, and all of them only
    // when that was not enough.
    for (const depth of [2, 1, 1]) {
      const rest = lenient.safeParse(plainData(without(node, cut)))
      if (rest.success) return rest.data
      cut.push(...rest.error.issues.map((issue) => issue.path.slice(0, depth)))
    }
    return {}
  }
  return lenient.parse(plainData(node))
}

/** The map without what stands at the paths; a list goes as a whole, for its places are its meaning. */
function without(node: LocatedMap, paths: PropertyKey[][]): LocatedMap {
  const entries = new Map(node.entries)
  for (const [key, ...rest] of paths) {
    if (key === undefined) return { ...node, entries: new Map() }
    const entry = entries.get(String(key))
    if (entry === undefined) continue
    if (rest.length > 0 && entry.value.kind === 'map')
      entries.set(String(key), { ...entry, value: without(entry.value, [rest]) })
    else entries.delete(String(key))
  }
  return { ...node, entries }
}
