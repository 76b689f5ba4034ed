import { Composer, Lexer, Parser } from 'yaml'
import type { Document, YAMLError } from 'yaml'
import { deepest, locate } from './locate.ts'
import { newNotes, type Notes } from './mistake.ts'
import type { Source } from './source.ts'
import { explainSyntax } from './syntax.ts'
import type { Located, LocatedMap } from './tree.ts'

/** What could be read of a file. */
export interface Parsed {
  /** Null when there is nothing to go on with. */
  root: Located | null
  /** False when a part of the file could not be read: what is not in `root` may well stand in the file. */
  whole: boolean
}

/**
 * Reads one YAML document into located values. Mistakes go into `notes`. What stands before the first mistake of syntax is
 * read all the same, so that its own mistakes come to light in the same go. Never throws, whatever the text: depth is
 * bounded before anything recursive sees it, aliases are counted as they are expanded, and keys are compared through a Map
 * (the library's own check compares each with each).
 */
export function parseYaml(source: Source, notes: Notes): Parsed {
  const tokens = tokenize(source, notes)
  if (!tokens) return { root: null, whole: false }
  const documents = [...new Composer({ uniqueKeys: false, version: '1.2' }).compose(tokens, true, source.text.length)]
  const document = documents[0]
  if (!document) return { root: null, whole: true }
  const syntax = newNotes()
  for (const each of documents) noteSyntax(each, source, syntax)
  const second = documents[1]
  if (second && syntax.mistakes.length === 0) {
    const start = second.contents?.range?.[0] ?? second.range[0]
    notes.mistakes.push({
      place: { source, start, end: start + 1 },
      path: [],
      message: 'a second YAML document begins here',
      hint: 'one file holds one document: take the --- away, or make it a file of its own in the inventory folder',
    })
  }
  if (syntax.mistakes.length === 0) {
    const { root, lost } = locate(source, document.contents, notes)
    return { root, whole: root !== null && !lost && !second }
  }
  notes.mistakes.push(...syntax.mistakes)
  return { root: readBefore(source, document, syntax, notes), whole: false }
}

/**
 * The complete entries above the line of the first mistake of syntax: YAML is read from the top, so that they are what they
 * would be without it.
 */
function readBefore(source: Source, document: Document.Parsed, syntax: Notes, notes: Notes): Located | null {
  const first = Math.min(...syntax.mistakes.map(({ place }) => place.start))
  const limit = source.lineAt(first).offset
  const found = newNotes()
  const { root } = locate(source, document.contents, found)
  notes.mistakes.push(...found.mistakes.filter(({ place }) => place.end < limit))
  notes.concealed.push(...found.concealed)
  return root?.kind === 'map' ? endingBefore(root, limit, 2) : null
}

/** The entries of a map, of its maps and so on for some levels, that end before an offset. */
function endingBefore(map: LocatedMap, limit: number, levels: number): LocatedMap {
  const entries: LocatedMap['entries'] = new Map()
  for (const [name, { key, value }] of map.entries) {
    if (Math.max(key.end, value.place.end) < limit && !endsEmpty(value)) entries.set(name, { key, value })
    else if (key.end < limit && value.kind === 'map' && levels > 1)
      entries.set(name, { key, value: endingBefore(value, limit, levels - 1) })
  }
  return { ...map, entries }
}

/** Whether a value ends in a key without one: what belongs to it may be the very lines that cannot be read. */
function endsEmpty(value: Located): boolean {
  if (value.kind === 'scalar') return value.text === ''
  const last = value.kind === 'list' ? value.items.at(-1) : [...value.entries.values()].at(-1)?.value
  return last !== undefined && endsEmpty(last)
}

/** The concrete syntax tokens, or null when the text nests too deeply. The parser keeps its own stack, so it is safe. */
function tokenize(source: Source, notes: Notes) {
  const parser = new Parser()
  const tokens = []
  for (const lexeme of new Lexer().lex(source.text)) {
    const start = parser.offset
    for (const token of parser.next(lexeme)) tokens.push(token)
    // One entry a level, and two for the document and the value itself.
    if (parser.stack.length > deepest + 2) {
      notes.mistakes.push({
        place: { source, start, end: start + 1 },
        path: [],
        message: `nested more than ${deepest} levels deep`,
      })
      return null
    }
  }
  for (const token of parser.end()) tokens.push(token)
  return tokens
}

function noteSyntax(document: Document.Parsed, source: Source, notes: Notes): void {
  if (document.directives.yaml.explicit && document.directives.yaml.version !== '1.2') {
    const start = Math.max(0, source.text.indexOf('%YAML'))
    notes.mistakes.push({
      place: { source, start, end: start + 9 },
      path: [],
      message: 'inventories are YAML 1.2; take this line away',
    })
  }
  // An unknown tag is only a warning to the library; the reader below names it in its own words.
  const problems: YAMLError[] = [
    ...document.errors,
    ...document.warnings.filter(({ code }) => code !== 'TAG_RESOLVE_FAILED'),
  ]
  // One slip makes a row of complaints in its line: the first one is the one that helps.
  const lines = new Set<number>()
  for (const problem of problems) {
    const { line } = source.lineAt(problem.pos[0])
    if (lines.has(line)) continue
    lines.add(line)
    notes.mistakes.push({
      place: { source, start: problem.pos[0], end: Math.max(problem.pos[0] + 1, problem.pos[1]) },
      path: [],
      ...explainSyntax(problem),
    })
  }
}
