import type { Place } from './source.ts'

/** A YAML value together with the place it was written at: what checks look at, and what messages point to. */
export type Located = LocatedScalar | LocatedList | LocatedMap

export interface LocatedScalar {
  kind: 'scalar'
  place: Place
  /** A symbol stands for `!secret NAME`, its description being NAME: no schema takes it for text by accident. */
  value: string | number | boolean | null | symbol
  /** As it was written, without quotes: `0640` is the number 640 to YAML. */
  text: string
  /** The value could not be read, which has been said: nothing more is said about it. */
  unknown?: true
}

export interface LocatedList {
  kind: 'list'
  place: Place
  items: Located[]
}

export interface LocatedMap {
  kind: 'map'
  place: Place
  entries: Map<string, { key: Place; value: Located }>
}

/** The value as plain data: maps become objects without a prototype, so that no key can be taken for an inherited one. */
export function plainData(node: Located): unknown {
  if (node.kind === 'scalar') return node.value
  if (node.kind === 'list') return node.items.map(plainData)
  const object: Record<string, unknown> = Object.create(null)
  for (const [key, { value }] of node.entries) object[key] = plainData(value)
  return object
}

/** The value at a path, undefined when there is none. */
export function valueAt(node: Located, path: readonly PropertyKey[]): Located | undefined {
  let found: Located | undefined = node
  for (const key of path) {
    if (found?.kind === 'list') found = found.items[Number(key)]
    else if (found?.kind === 'map') found = found.entries.get(String(key))?.value
    else return undefined
  }
  return found
}

/**
 * The place to point at for a path: the value (`value`) or the key (`key`). What does not exist is shown at the nearest
 * key above it; the very top at the start of the text.
 */
export function placeOf(root: Located, path: readonly PropertyKey[], part: 'key' | 'value'): Place {
  const parent = path.length > 0 ? valueAt(root, path.slice(0, -1)) : undefined
  const last = path.at(-1)
  if (parent?.kind === 'map' && last !== undefined) {
    const entry = parent.entries.get(String(last))
    // An empty value has no width: the key says more.
    if (entry) return part === 'key' || isEmpty(entry.value) ? entry.key : entry.value.place
  }
  if (parent?.kind === 'list' && last !== undefined) {
    const item = parent.items[Number(last)]
    if (item) return item.place
  }
  if (path.length > 0) return placeOf(root, path.slice(0, -1), 'key')
  return { ...root.place, end: root.place.start + 1 }
}

function isEmpty(node: Located): boolean {
  return node.kind === 'scalar' && node.place.start === node.place.end
}
