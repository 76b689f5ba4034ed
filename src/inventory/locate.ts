import { type Alias, isAlias, isMap, isNode, isScalar, isSeq, type Node, type YAMLMap, type YAMLSeq } from 'yaml'
import type { Notes } from './mistake.ts'
import { nearest } from './nearest.ts'
import { shown } from './show.ts'
import type { Place, Source } from './source.ts'
import type { Located, LocatedMap } from './tree.ts'

/** Deepest nesting that is read; an inventory needs eight. */
export const deepest = 64
/** Most values that one file may expand to, aliases counted each time they are used: the end of an alias bomb. */
export const mostValues = 20_000

interface Reader {
  source: Source
  notes: Notes
  /** Anchors in document order: an alias means the last one above it. */
  anchors: Map<string, Node>
  /** Nodes that are being expanded, to see an alias to its own parent. */
  open: Set<Node>
  values: number
  stopped: boolean
  /** A whole section, or an entry of one, could not be read: what refers to it cannot be judged. */
  lost: boolean
}

/** What `locate` made of a document. */
export interface LocatedDocument {
  /** Null when the document was too much to read. */
  root: Located | null
  lost: boolean
}

/**
 * The nodes of a document as located values. Mistakes go into `notes`; a value that is not to be had (an alias without its
 * anchor) is marked as unknown, so that nothing more is said about it.
 */
export function locate(source: Source, contents: unknown, notes: Notes): LocatedDocument {
  const reader: Reader = {
    source,
    notes,
    anchors: new Map(),
    open: new Set(),
    values: 0,
    stopped: false,
    lost: false,
  }
  const root = read(reader, contents, [], 0)
  return { root: reader.stopped ? null : root, lost: reader.lost }
}

function read(reader: Reader, item: unknown, path: PropertyKey[], depth: number): Located {
  const node = isNode(item) ? item : null
  const place = placeOfNode(reader.source, node)
  if (node === null) return { kind: 'scalar', place, value: null, text: '' }
  reader.values++
  if (reader.stopped || reader.values > mostValues || depth > deepest) {
    if (!reader.stopped)
      note(reader, place, path, depth > deepest ? `nested more than ${deepest} levels deep` : tooMany, tooManyHint)
    reader.stopped = true
    return unknown(place)
  }
  if (isAlias(node)) return readAlias(reader, node, path, depth)
  if ('anchor' in node && typeof node.anchor === 'string') reader.anchors.set(node.anchor, node)
  reader.open.add(node)
  try {
    if (isMap(node)) return readMap(reader, node, path, depth)
    if (isSeq(node)) return readList(reader, node, path, depth)
    return readScalar(reader, node, path)
  } finally {
    reader.open.delete(node)
  }
}

const tooMany = `the file expands to more than ${mostValues} values`
const tooManyHint = 'aliases (*name) that repeat each other grow without bounds; write them out, or fewer of them'

function readAlias(reader: Reader, alias: Alias, path: PropertyKey[], depth: number): Located {
  const place = placeOfNode(reader.source, alias)
  const target = reader.anchors.get(alias.source)
  if (target && !reader.open.has(target)) return read(reader, target, path, depth + 1)
  const near = nearest(alias.source, reader.anchors.keys())
  note(
    reader,
    place,
    path,
    target
      ? `the alias *${shown(alias.source)} holds itself`
      : `no anchor &${shown(alias.source)} stands above this alias${near ? `; did you mean *${shown(near)}?` : ''}`,
  )
  if (path.length <= 2) reader.lost = true
  return unknown(place)
}

function unknown(place: Place): Located {
  return { kind: 'scalar', place, value: null, text: '', unknown: true }
}

function readMap(reader: Reader, node: YAMLMap, path: PropertyKey[], depth: number): Located {
  checkTag(reader, node, path)
  const map: LocatedMap = { kind: 'map', place: placeOfNode(reader.source, node), entries: new Map() }
  const merged: LocatedMap[] = []
  for (const pair of node.items) {
    const keyNode = isNode(pair.key) ? pair.key : null
    const name = keyName(reader, keyNode, map.place, path)
    if (name === null) {
      if (path.length <= 1) reader.lost = true
      continue
    }
    const key = placeOfNode(reader.source, keyNode)
    const value = read(reader, pair.value, [...path, name], depth + 1)
    const earlier = map.entries.get(name)
    if (earlier) {
      const { line } = reader.source.lineAt(earlier.key.start)
      note(reader, key, [...path, name], `this key stands here a second time; the first is in line ${line}`)
    } else if (name === '<<' && isScalar(keyNode) && keyNode.type === 'PLAIN') {
      for (const part of value.kind === 'list' ? value.items : [value]) {
        if (part.kind === 'map') merged.push(part)
        else note(reader, key, [...path, name], 'a merge key takes an alias of a mapping, or a list of them')
      }
    } else map.entries.set(name, { key, value: atKey(value, key) })
  }
  for (const part of merged)
    for (const [name, entry] of part.entries) if (!map.entries.has(name)) map.entries.set(name, entry)
  return map
}

/** An empty value (`host:`) has no text of its own to point at: it is shown at its key. */
function atKey(value: Located, key: Place): Located {
  const empty = value.kind === 'scalar' && value.value === null && value.text === '' && value.unknown !== true
  return empty ? { ...value, place: key } : value
}

function keyName(reader: Reader, key: Node | null, map: Place, path: PropertyKey[]): string | null {
  const node = isAlias(key) ? (reader.anchors.get(key.source) ?? key) : key
  if (node === null || !isScalar(node) || node.value === null) {
    const place = node === null ? { ...map, end: map.start + 1 } : placeOfNode(reader.source, key)
    note(reader, place, path, 'a key is a plain word, not a list, a mapping or nothing')
    return null
  }
  if (key && 'anchor' in key && typeof key.anchor === 'string') reader.anchors.set(key.anchor, key)
  const name = typeof node.value === 'string' ? node.value : (node.source ?? '')
  const place = placeOfNode(reader.source, key)
  if (node.tag === '!secret') note(reader, place, path, '!secret is for values, not for keys')
  else if (name === '__proto__') note(reader, place, path, '__proto__ cannot be a key')
  else if (name.includes('\0')) note(reader, place, path, 'a key cannot hold a NUL character')
  else return name
  return null
}

function readList(reader: Reader, node: YAMLSeq, path: PropertyKey[], depth: number): Located {
  checkTag(reader, node, path)
  const items = node.items.map((item, index) => read(reader, item, [...path, index], depth + 1))
  return { kind: 'list', place: placeOfNode(reader.source, node), items }
}

const secretName = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/

function readScalar(reader: Reader, node: Node, path: PropertyKey[]): Located {
  const place = placeOfNode(reader.source, node)
  const value: unknown = isScalar(node) ? node.value : null
  const text = isScalar(node) ? (typeof value === 'string' ? value : (node.source ?? '')) : ''
  if (isScalar(node) && node.tag === '!secret') {
    const tagged = { ...place, start: tagStart(reader.source, place.start) }
    if (!secretName.test(text)) {
      const found = text === '' ? 'nothing' : 'something else'
      note(reader, tagged, path, `!secret is followed by a name (letters, digits, - _ .), not by ${found}`)
      // What was written here may be the secret itself.
      reader.notes.concealed.push(place)
      return unknown(tagged)
    }
    return { kind: 'scalar', place: tagged, value: Symbol(text), text }
  }
  if (!checkTag(reader, node, path)) return unknown(place)
  const plain = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : null
  return { kind: 'scalar', place, value: plain, text }
}

/** False when the node has a tag that means nothing here, which is noted. */
function checkTag(reader: Reader, node: Node, path: PropertyKey[]): boolean {
  const tag = node.tag
  if (tag === undefined || /^tag:yaml\.org,2002:(str|int|float|bool|null|map|seq)$/.test(tag)) return true
  const place = placeOfNode(reader.source, node)
  const start = tagStart(reader.source, place.start)
  const near = tag === '!secret' ? 'it is followed by a name: !secret nas-key' : 'the only one is !secret NAME'
  note(reader, { ...place, start, end: Math.max(start + 1, place.start) }, path, `unknown tag ${shown(tag)}; ${near}`)
  return false
}

/** Where the tag before a value begins: the library's ranges start after it. */
function tagStart(source: Source, start: number): number {
  const from = Math.max(0, start - 300)
  const match = /!\S*\s*$/.exec(source.text.slice(from, start))
  return match ? from + match.index : start
}

function placeOfNode(source: Source, node: Node | null): Place {
  const range = node?.range
  return range ? { source, start: range[0], end: Math.max(range[0], range[1]) } : { source, start: 0, end: 0 }
}

function note(reader: Reader, place: Place, path: PropertyKey[], message: string, hint?: string): void {
  reader.notes.mistakes.push({ place, path: [...path], message, ...(hint === undefined ? {} : { hint }) })
}
