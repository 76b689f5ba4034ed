import { exitCodes, Problem } from '../problem.ts'
import { type Excerpt, excerptOf, hiddenParts, type HiddenParts } from './excerpt.ts'
import type { Place, Source } from './source.ts'

/** One thing that is wrong in an inventory (or, among the warnings, odd), ready to be printed by `formatMistakes`. */
export interface Mistake {
  /** The file as the reader calls it: relative to the current folder when it lies below it. */
  file: string
  /** From 1. */
  line: number
  /** From 1, in UTF-16 code units: what editors jump to. */
  column: number
  /** The key it is about, `apps.notes.host`; empty when it is about the file. */
  path: string
  /** What is wrong, without position or path. */
  message: string
  /** What to do about it, when that takes more than the message. */
  hint?: string
  /** The line it stands in, or the part of a long one around it; null when lines of that file are never shown. */
  excerpt: Excerpt | null
}

/** A mistake before its position has been worked out. */
export interface Finding {
  place: Place
  path: readonly PropertyKey[]
  message: string
  hint?: string
}

/** What the steps of loading write down as they go; nothing is thrown before all of them have looked. */
export interface Notes {
  mistakes: Finding[]
  warnings: Finding[]
  /** What could not be checked. */
  remarks: Finding[]
  /** Values that stand in the open where a secret belongs: they must not be shown with any line. */
  concealed: Place[]
}

/** An empty set of notes. */
export function newNotes(): Notes {
  return { mistakes: [], warnings: [], remarks: [], concealed: [] }
}

/** The inventory cannot be used: `mistakes` holds all that is wrong with it, sorted by file and position. Exit code 2. */
export class InventoryProblem extends Problem {
  readonly mistakes: Mistake[]

  constructor(path: string, mistakes: Mistake[]) {
    const first = mistakes[0]
    const rest = mistakes.length > 1 ? `, and ${mistakes.length - 1} more` : ''
    super({
      code: 'inventory-mistakes',
      doing: `reading the inventory ${path}`,
      found: first ? `${describeMistake(first)}${rest}` : 'nothing usable',
      next: 'mend the inventory; streamside check shows every mistake in its place',
      exit: exitCodes.usage,
    })
    this.mistakes = mistakes
  }
}

/** `file:line:column: path: message`, the first line of what is printed for a mistake. */
export function describeMistake(mistake: Mistake): string {
  const path = mistake.path === '' ? '' : `${mistake.path}: `
  return `${mistake.file}:${mistake.line}:${mistake.column}: ${path}${mistake.message}`
}

/**
 * Findings as mistakes: positions worked out, what is concealed hidden, sorted by file (in the order of `sources`) and
 * position, what is said twice about one place said once.
 */
export function toMistakes(findings: Finding[], sources: Source[], concealed: Place[], path: PathText): Mistake[] {
  const order = new Map(sources.map((source, index) => [source, index]))
  // Files that the inventory names come after it, each as a whole.
  for (const { place } of findings) if (!order.has(place.source)) order.set(place.source, order.size)
  const hidden = hiddenParts(concealed)
  const seen = new Set<string>()
  return findings
    .toSorted(
      (a, b) =>
        (order.get(a.place.source) ?? 0) - (order.get(b.place.source) ?? 0) ||
        a.place.start - b.place.start ||
        a.place.end - b.place.end,
    )
    .map((finding) => toMistake(finding, hidden, path))
    .filter((mistake) => {
      const text = describeMistake(mistake)
      if (seen.has(text)) return false
      seen.add(text)
      return true
    })
}

type PathText = (path: readonly PropertyKey[]) => string

function toMistake(finding: Finding, hidden: HiddenParts, path: PathText): Mistake {
  const { source, start, end } = finding.place
  const { line, column } = source.lineAt(start)
  return {
    file: source.name,
    line,
    column,
    path: path(finding.path),
    message: finding.message,
    ...(finding.hint === undefined ? {} : { hint: finding.hint }),
    excerpt: source.showsLines ? excerptOf(source, start, end, hidden) : null,
  }
}
