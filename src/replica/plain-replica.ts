import { createHash } from 'node:crypto'
import type { App } from '../inventory/model.ts'
import { endsOf, type LtxFile, ltxFile, type Point } from './points.ts'
import type { DataStore } from './store.ts'

/** What a Litestream that knows nothing of streamside has written for one database. */
export interface PlainReplica {
  /** Key of its folder in the bucket, without a closing slash. */
  path: string
  /** `ltx`: of Litestream 0.5. `generations`: of 0.3, which has another layout. `none`: nothing of either. */
  format: 'ltx' | 'generations' | 'none'
  /** The newest transaction, with when it was written; null but for `ltx`. */
  newest: Point | null
}

/** Objects of one database that are listed at most: some hundred requests. */
const mostObjects = 100_000
/** Copies at a time. */
const copiesAtOnce = 8
/** Rounds of listing and copying: who still writes there makes more, and takes away what it has merged. */
const rounds = 3

/** Looks at names and times alone. Throws Problem `replica-*`. */
export async function lookAtPlain(store: DataStore, path: string): Promise<PlainReplica> {
  const files = await filesUnder(store, path)
  if (files.length > 0) return { path, format: 'ltx', newest: endsOf(files.map(({ file }) => file)).at(-1) ?? null }
  const isOlder = (await store.list(`${path}/generations/`, 1)).length > 0
  return { path, format: isOlder ? 'generations' : 'none', newest: null }
}

/** Where people keep a replica of this database: by its file, by the app, by both; below the prefix and without it. */
export function usualPaths(app: Pick<App, 'name' | 'databases'>, database: string, prefix: string): string[] {
  const file = app.databases[database] ?? ''
  const name = file.slice(file.lastIndexOf('/') + 1)
  const isOnly = Object.keys(app.databases).length === 1
  const paths = [
    ...(isOnly ? [app.name] : []),
    `${app.name}/${database}`,
    `${app.name}/${name}`,
    name,
    name.replace(/\.[^.]+$/, ''),
    file.replace(/^\//, ''),
  ]
  return [...new Set([...(prefix === '' ? [] : paths.map((path) => `${prefix}/${path}`)), ...paths])]
}

/** The path of an app's own that the copy lies under: the same for the same places, so that a run that was cut off goes on. */
export function importedPath(sources: Readonly<Record<string, string>>): string {
  const digest = createHash('sha256').update(
    JSON.stringify(Object.entries(sources).toSorted(([one], [other]) => (one < other ? -1 : 1))),
  )
  return `e0000-${digest.digest('hex').slice(0, 8)}`
}

/**
 * Copies a database's chain to another folder of the bucket, by the server. What is there already is not copied again, for what is in
 * a file of that name never changes.
 * @returns how many objects were copied
 */
export async function copyChain(store: DataStore, from: string, to: string): Promise<number> {
  const there = new Set((await filesUnder(store, to)).map(({ key }) => key.slice(to.length)))
  let copied = 0
  for (let round = 0; round < rounds; round += 1) {
    const wanted = (await filesUnder(store, from))
      .map(({ key }) => key.slice(from.length))
      .filter((key) => !there.has(key))
    if (wanted.length === 0) break
    const queue = wanted.values()
    const worker = async () => {
      for (const key of queue) {
        if (await store.copy(`${from}${key}`, `${to}${key}`)) copied += 1
        there.add(key)
      }
    }
    await Promise.all(Array.from({ length: copiesAtOnce }, worker))
  }
  return copied
}

async function filesUnder(store: DataStore, path: string): Promise<{ key: string; file: LtxFile }[]> {
  const objects = (await store.written(`${path}/`, mostObjects)) ?? []
  return objects.flatMap((object) => {
    // of this database alone, and not of one in a folder below
    const isOwn = /^[0-9a-f]{4}\/[^/]+$/.test(object.key.slice(path.length + 1))
    const file = isOwn ? ltxFile(object) : null
    return file === null ? [] : [{ key: object.key, file }]
  })
}
