import path from 'node:path'
import type { Draft } from '../inventory/reading.ts'
import { onHost } from '../inventory/paths.ts'
import { Secret } from '../inventory/secret.ts'
import { type Located, valueAt } from '../inventory/tree.ts'

/** An app as far as it could be read, whatever is wrong with the rest of it. */
export interface DraftApp {
  app: {
    name: string
    port: number | null
    /** Null when it is there and could not be read: nothing can be said about its names. */
    environment: Record<string, string | Secret> | null
    databases: Record<string, string> | null
  }
  /** Where the databases of an app with ephemeral storage lie, and the path in the inventory that says so. */
  ephemeralFolder: { folder: string; at: readonly PropertyKey[] } | null
}

/** The apps of a draft. */
export function draftApps(draft: Draft): DraftApp[] {
  return [...draft.entries.apps].map(([name, entry]) => {
    const databases = databasesOf(draft, name)
    const at = ['apps', name, ...(entry.database === undefined ? ['databases'] : ['database'])]
    const first = Object.values(databases ?? {})[0]
    const isEphemeral = typeof entry.storage === 'object' && first !== undefined && first !== ''
    return {
      app: { name, port: entry.port ?? null, environment: environmentOf(draft, name), databases },
      ephemeralFolder: isEphemeral ? { folder: path.posix.dirname(first), at } : null,
    }
  })
}

function environmentOf(draft: Draft, name: string): DraftApp['app']['environment'] {
  return mapOf(valueAt(draft.entries.root, ['apps', name, 'environment']), (value) => {
    if (value.kind !== 'scalar') return ''
    if (typeof value.value !== 'symbol') return value.text
    const label = value.value.description ?? ''
    return draft.secrets.get(label) ?? new Secret(label, '')
  })
}

function databasesOf(draft: Draft, name: string): DraftApp['app']['databases'] {
  const { root } = draft.entries
  const text = (value: Located) => (value.kind === 'scalar' && value.text !== '' ? onHost(name, value.text) : '')
  const single = valueAt(root, ['apps', name, 'database'])
  return single ? { main: text(single) } : mapOf(valueAt(root, ['apps', name, 'databases']), text)
}

function mapOf<T>(node: Located | undefined, value: (node: Located) => T): Record<string, T> | null {
  if (node === undefined) return {}
  if (node.kind !== 'map') return null
  const made: Record<string, T> = Object.create(null)
  for (const [key, entry] of node.entries) made[key] = value(entry.value)
  return made
}
