import type { Notes } from './mistake.ts'
import type { Located, LocatedMap } from './tree.ts'

/** Sections whose entries may be spread over the files of a folder. */
const spread = new Set(['replicas', 'hosts', 'apps', 'secrets'])

/**
 * The files of a folder as one mapping. The entries of `replicas`, `hosts`, `apps` and `secrets` may be spread over the
 * files; `version` may stand in each; anything else stands once. What stands twice is a mistake that names both places.
 */
export function mergeFiles(roots: LocatedMap[], notes: Notes): LocatedMap | null {
  const first = roots[0]
  if (!first) return null
  const whole: LocatedMap = { kind: 'map', place: first.place, entries: new Map() }
  for (const root of roots)
    for (const [name, entry] of root.entries) {
      const earlier = whole.entries.get(name)
      if (!earlier) {
        const own = spread.has(name) && entry.value.kind === 'map'
        whole.entries.set(name, own ? { key: entry.key, value: copy(entry.value) } : entry)
      } else if (spread.has(name) && earlier.value.kind === 'map' && entry.value.kind === 'map') {
        addEntries(name, earlier.value, entry.value, notes)
      } else if (name !== 'version' || !sameScalar(earlier.value, entry.value)) {
        const hint =
          name === 'site'
            ? 'if these are two inventories, not the parts of one, choose with --inventory FILE'
            : undefined
        noteTwice([name], entry, earlier, notes, hint)
      }
    }
  return whole
}

function copy(node: Located): Located {
  return node.kind === 'map' ? { ...node, entries: new Map(node.entries) } : node
}

function addEntries(section: string, into: LocatedMap, from: LocatedMap, notes: Notes): void {
  for (const [name, entry] of from.entries) {
    const earlier = into.entries.get(name)
    if (earlier) noteTwice([section, name], entry, earlier, notes)
    else into.entries.set(name, entry)
  }
}

type Entry = LocatedMap['entries'] extends Map<string, infer E> ? E : never

function noteTwice(path: string[], entry: Entry, earlier: Entry, notes: Notes, hint?: string): void {
  const { source, start } = earlier.key
  notes.mistakes.push({
    place: entry.key,
    path,
    message: `already stands in ${source.name}:${source.lineAt(start).line}`,
    ...(hint === undefined ? {} : { hint }),
  })
}

function sameScalar(a: Located, b: Located): boolean {
  return a.kind === 'scalar' && b.kind === 'scalar' && a.value === b.value
}
