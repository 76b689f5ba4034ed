import { readdir, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { checkApps } from './checks/apps.ts'
import { checkPathsOnHosts } from './checks/databases.ts'
import { checkEphemeralFolders } from './checks/ephemeral.ts'
import { checkHosts } from './checks/hosts.ts'
import { checkLocalFiles } from './checks/local.ts'
import { checkLogs } from './checks/logs.ts'
import { checkNames } from './checks/names.ts'
import { checkRenames } from './checks/renames.ts'
import { checkPorts } from './checks/ports.ts'
import { checkReferences } from './checks/references.ts'
import { checkReplicas } from './checks/replicas.ts'
import { checkServices } from './checks/services.ts'
import { checkValues } from './checks/values.ts'
import { toInventory } from './convert.ts'
import { readEntries } from './entries.ts'
import { mergeFiles } from './merge.ts'
import { InventoryProblem, type Mistake, newNotes, type Notes, toMistakes } from './mistake.ts'
import type { Inventory } from './model.ts'
import { parseYaml } from './parse.ts'
import type { DraftCheck, Reading } from './reading.ts'
import type { Secret } from './secret.ts'
import { resolveSecrets } from './secrets/resolve.ts'
import { shownPath } from './show.ts'
import { decode, displayName, newSource, readBytes, type Source } from './source.ts'
import type { Located, LocatedMap } from './tree.ts'

export interface LoadOptions {
  /** Folder that file names in messages are relative to. Default: the current one. */
  cwd?: string
  /** Where secrets are looked for first. Default: the process's environment. */
  env?: NodeJS.ProcessEnv
  /** Look up no secret: each has an empty value. For commands that need none. */
  skipSecrets?: boolean
  /** Do not look whether releases, files and certificates exist on this machine. For commands that ship none. */
  skipLocalFiles?: boolean
  /** Checks of other rooms, which look at what could be read before anything is refused. */
  checks?: readonly DraftCheck[]
}

export interface Loaded {
  inventory: Inventory
  warnings: Mistake[]
  /** What could not be checked, and why. */
  remarks: Mistake[]
}

/**
 * Loads an inventory: one file, or a folder whose *.yaml files are read as one.
 * Throws InventoryProblem with every mistake in it, by file and position.
 */
export async function loadInventory(path: string, options: LoadOptions = {}): Promise<Loaded> {
  const cwd = options.cwd ?? process.cwd()
  const full = resolve(cwd, path)
  const name = displayName(full, cwd)
  const notes = newNotes()
  const { sources, reading } = await readAll(full, cwd, notes)
  const finish = (findings: Notes['mistakes']) => toMistakes(findings, sources, notes.concealed, shownPath)
  const fail = () => new InventoryProblem(name, finish(notes.mistakes))
  if (!reading) throw fail()
  const { folder, mayHold } = reading
  checkNames(reading)
  checkRenames(reading)
  checkReferences(reading)
  checkHosts(reading)
  checkApps(reading)
  checkServices(reading)
  checkValues(reading)
  checkPorts(reading)
  checkPathsOnHosts(reading)
  checkEphemeralFolders(reading)
  checkReplicas(reading)
  checkLogs(reading)
  if (!options.skipLocalFiles) await checkLocalFiles(reading)
  const secrets = options.skipSecrets
    ? new Map<string, Secret>()
    : await resolveSecrets(reading.entries, { folder, cwd, env: options.env ?? process.env, mayHold }, notes)
  for (const check of options.checks ?? []) await check({ ...reading, secrets, cwd })
  if (notes.mistakes.length > 0) throw fail()
  const files = sources.map((source) => source.path)
  return {
    inventory: toInventory({ entries: reading.entries, folder, files, secrets }),
    warnings: finish(notes.warnings),
    remarks: finish(notes.remarks),
  }
}

/**
 * Names of hosts and apps, and tags (`@shop`), of an inventory as far as it can be read: its mistakes are not told, and what stands
 * below one of syntax is not seen. For those who type.
 */
export async function inventoryNames(path: string): Promise<{ hosts: string[]; apps: string[]; tags: string[] }> {
  const { reading } = await readAll(resolve(path), process.cwd(), newNotes())
  if (!reading) return { hosts: [], apps: [], tags: [] }
  const { hosts, apps } = reading.entries
  const tags = new Set([...hosts.values()].flatMap((host) => host.tags ?? []))
  return { hosts: [...hosts.keys()], apps: [...apps.keys()], tags: [...tags].map((tag) => `@${tag}`) }
}

/** All that can be read, before anything is checked; `reading` is null when that is nothing. */
async function readAll(
  full: string,
  cwd: string,
  notes: Notes,
): Promise<{ sources: Source[]; reading: Reading | null }> {
  const { folder, sources, readable, complete } = await readSources(full, cwd, notes)
  const parsed = readable.map((source) => ({ source, ...parseYaml(source, notes) }))
  const unread = parsed.filter(({ whole }) => !whole).map(({ source }) => source.text)
  const partial = !complete || unread.length > 0
  // Names stand in a file as they are, but for those that are spelt with escapes.
  const mayHold = (word: string) => !complete || unread.some((text) => text.includes(word) || /\\[xuU]/.test(text))
  const maps = parsed.map(({ source, root, whole }) =>
    root === null && !whole ? null : topMap(source, root, sources.length > 1, notes),
  )
  const whole = mergeFiles(
    maps.filter((map) => map !== null),
    notes,
  )
  return { sources, reading: whole && { entries: readEntries(whole, notes, partial), notes, mayHold, folder } }
}

interface Sources {
  folder: string
  sources: Source[]
  /** Those of them that hold text. */
  readable: Source[]
  /** False when a file could not be read, or not as text. */
  complete: boolean
}

/** Files of a folder that hold secrets, encrypted or not, and so are no part of the inventory. */
const notInventory = /^\.|^secrets\.ya?ml$|\.sops\.ya?ml$/

async function readSources(path: string, cwd: string, notes: Notes): Promise<Sources> {
  const refuse = (file: string, message: string, hint?: string) => {
    const source = newSource(file, displayName(file, cwd), '', false)
    notes.mistakes.push({ place: { source, start: 0, end: 1 }, path: [], message, ...(hint ? { hint } : {}) })
  }
  let paths = [path]
  let folder = dirname(path)
  try {
    if ((await stat(path)).isDirectory()) {
      folder = path
      const names = (await readdir(path)).filter((file) => /\.ya?ml$/.test(file) && !notInventory.test(file)).sort()
      paths = names.map((file) => join(path, file))
      if (paths.length === 0) refuse(path, 'a folder without *.yaml files', 'streamside init writes a first inventory')
    }
  } catch (error) {
    refuse(path, whyUnreadable(error), 'name the inventory with --inventory PATH')
    return { folder, sources: [], readable: [], complete: false }
  }
  const sources: Source[] = []
  const unreadable = new Set<Source>()
  for (const file of paths) {
    try {
      const { text, wrong } = decode(await readBytes(file))
      const source = newSource(file, displayName(file, cwd), text)
      sources.push(source)
      if (wrong) {
        unreadable.add(source)
        const { offset, ...rest } = wrong
        notes.mistakes.push({ place: { source, start: offset, end: offset + 1 }, path: [], ...rest })
      }
    } catch (error) {
      refuse(file, whyUnreadable(error))
    }
  }
  const readable = sources.filter((source) => !unreadable.has(source))
  return { folder, sources, readable, complete: notes.mistakes.length === 0 }
}

function whyUnreadable(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : null
  // Anything without a code is a bug, not a file that cannot be read.
  if (code === null) throw error
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'there is no such file or folder'
  return code === 'EACCES' ? 'you may not read it' : `cannot be read (${code})`
}

function topMap(source: Source, root: Located | null, oneOfMany: boolean, notes: Notes): LocatedMap | null {
  if (root?.kind === 'map') return root
  const empty = root === null || (root.kind === 'scalar' && root.value === null)
  if (empty && oneOfMany) return null
  notes.mistakes.push({
    place: root && !empty ? root.place : { source, start: 0, end: 1 },
    path: [],
    message: empty ? 'the inventory is empty' : 'an inventory is a mapping: version, site, replicas, hosts, apps',
    ...(empty ? { hint: 'streamside init writes a first one' } : {}),
  })
  return null
}
