import type { Place, Source } from './source.ts'

/** A line as it is shown with a mistake; `start` and `length` mark the part in question. */
export interface Excerpt {
  text: string
  start: number
  length: number
}

interface Part {
  from: number
  to: number
}

/** The parts of a line (as columns from 0) that must not be shown. */
export type HiddenParts = (source: Source, line: { text: string; offset: number }) => Part[]

// A file that does not parse, and a misspelt key, tell us nothing about which values are secret: what follows a key that
// sounds like one is hidden in every line, unless it names a secret.
const secretKeys =
  /((?:secret|password|passwd|token|access[-_]?key|api[-_]?key)[\w-]{0,40}["']?[ \t]*:[ \t]*)(?!!secret\b)("(?:[^"\\]|\\.)*"?|'[^']*'?|[^\s,}\]#[{"'][^\s,}\]#]*)/gi

/** Finds what is to be hidden in a line, each line looked through once: one may be a megabyte long and full of mistakes. */
export function hiddenParts(concealed: Place[]): HiddenParts {
  const known = new Map<Source, Map<number, Part[]>>()
  return (source, { text, offset }) => {
    let lines = known.get(source)
    if (!lines) known.set(source, (lines = new Map<number, Part[]>()))
    let parts = lines.get(offset)
    if (!parts) lines.set(offset, (parts = findParts(source, text, offset, concealed)))
    return parts
  }
}

function findParts(source: Source, text: string, offset: number, concealed: Place[]): Part[] {
  const parts: Part[] = []
  for (const place of concealed)
    if (place.source === source && place.end > offset && place.start < offset + text.length)
      parts.push({ from: Math.max(0, place.start - offset), to: Math.min(text.length, place.end - offset) })
  for (const match of text.matchAll(secretKeys)) {
    const from = match.index + (match[1] ?? '').length
    parts.push({ from, to: from + (match[2] ?? '').length })
  }
  const merged: Part[] = []
  for (const part of parts.toSorted((a, b) => a.from - b.from)) {
    const last = merged.at(-1)
    if (last && part.from <= last.to) last.to = Math.max(last.to, part.to)
    else merged.push(part)
  }
  return merged
}

/** Characters kept on each side of the mark: more than the widest terminal shows. */
const context = 1000

/** The line around a place of the source, with `***` for what is hidden in it. */
export function excerptOf(source: Source, start: number, end: number, hidden: HiddenParts): Excerpt {
  const line = source.lineAt(start)
  const mark = {
    from: Math.min(start - line.offset, line.text.length),
    to: Math.min(end - line.offset, line.text.length),
  }
  const low = Math.max(0, mark.from - context)
  const high = Math.min(line.text.length, mark.from + context)
  let text = ''
  let from: number | null = null
  let to = 0
  let at = low
  // A mark that touches a hidden part is put on its asterisks.
  const add = (piece: string, upTo: number, isHidden: boolean) => {
    if (from === null && mark.from < upTo) from = text.length + (isHidden ? 0 : mark.from - at)
    if (mark.to > at) to = text.length + (isHidden ? piece.length : Math.min(mark.to, upTo) - at)
    text += piece
    at = upTo
  }
  for (const part of hidden(source, line)) {
    if (part.to <= low) continue
    if (part.from >= high) break
    if (part.from > at) add(line.text.slice(at, part.from), part.from, false)
    add('***', part.to, true)
  }
  if (at < high) add(line.text.slice(at, high), high, false)
  const first = from ?? text.length
  return { text, start: first, length: Math.max(1, to - first) }
}
