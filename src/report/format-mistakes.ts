import type { Excerpt } from '../inventory/excerpt.ts'
import { describeMistake, type Mistake } from '../inventory/mistake.ts'
import { harmless } from '../inventory/show.ts'
import { painter } from './colour.ts'
import { textWidth } from './text-width.ts'

export interface FormatOptions {
  /** Columns of the terminal. Default 80. */
  columns?: number
  color?: boolean
  /** Put before each message: `warning`. */
  label?: string
  /** Most that are shown; the rest are counted. Default 100. */
  most?: number
}

const indent = 4

/**
 * Mistakes as text for a terminal, each with its position, its line and a caret, blank lines between. No character of the
 * inventory reaches the terminal but as itself or as a visible escape. Ends with a newline unless empty.
 */
export function formatMistakes(mistakes: readonly Mistake[], options: FormatOptions = {}): string {
  const columns = Math.max(40, options.columns ?? 80)
  const most = options.most ?? 100
  const blocks = mistakes.slice(0, most).map((mistake) => formatMistake(mistake, columns, options))
  if (mistakes.length > most) blocks.push(`… and ${mistakes.length - most} more\n`)
  return blocks.join('\n')
}

function formatMistake(mistake: Mistake, columns: number, { color = false, label }: FormatOptions): string {
  const paint = painter(color)
  const said = describeMistake(label === undefined ? mistake : { ...mistake, message: `${label}: ${mistake.message}` })
  const [first = '', ...rest] = wrap(harmless(said), columns, indent)
  const lines = [paint('bold', first), ...rest.map((line) => `${' '.repeat(indent)}${line}`)]
  if (mistake.excerpt && mistake.excerpt.text.trim() !== '') {
    const { text, before, width } = cut(mistake.excerpt, columns - indent)
    lines.push(`${' '.repeat(indent)}${text}`)
    const caret = `^${'~'.repeat(Math.max(0, width - 1))}`
    lines.push(`${' '.repeat(indent + before)}${paint(label === undefined ? 'red' : 'yellow', caret)}`)
  }
  if (mistake.hint !== undefined)
    for (const line of wrap(harmless(mistake.hint), columns - indent, 0))
      lines.push(`${' '.repeat(indent)}${paint('dim', line)}`)
  return `${lines.join('\n')}\n`
}

/**
 * Words in lines of at most `columns` columns; lines after the first have `inset` fewer. A longer word stays whole, so that
 * `file:line:column` can be clicked.
 */
function wrap(text: string, columns: number, inset: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    const room = lines.length === 0 ? columns : columns - inset
    if (line !== '' && textWidth(line) + 1 + textWidth(word) > room) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}

/** The excerpt cut to `room` columns around the marked part, with the columns before the mark and its width. */
function cut(excerpt: Excerpt, room: number): { text: string; before: number; width: number } {
  const show = (text: string) => harmless(text.replaceAll('\t', '  '))
  // Only what can be seen is worth escaping: a line may be a megabyte long.
  const left = excerpt.text.slice(0, excerpt.start)
  const lead = tail(show(left.slice(-4 * room)), Math.floor(room / 2))
  const leadCut = left.length > 4 * room || textWidth(show(left)) > textWidth(lead)
  const before = leadCut ? `…${lead}` : lead
  const rest = room - textWidth(before)
  const marked = excerpt.text.slice(excerpt.start, excerpt.start + Math.min(excerpt.length, 4 * room))
  const after = excerpt.text.slice(excerpt.start + excerpt.length)
  const shownMark = show(marked)
  const visible = show(marked + after.slice(0, 4 * room))
  const kept = head(visible, rest)
  const text = kept.length < visible.length ? `${head(visible, rest - 1)}…` : kept
  return {
    text: before + text,
    before: textWidth(before),
    width: Math.max(1, Math.min(textWidth(shownMark), textWidth(text))),
  }
}

function head(text: string, width: number): string {
  let out = ''
  let used = 0
  for (const char of text) {
    used += textWidth(char)
    if (used > width) break
    out += char
  }
  return out
}

function tail(text: string, width: number): string {
  const characters = Array.from(text)
  let out = ''
  let used = 0
  while (characters.length > 0) {
    const char = characters.pop() ?? ''
    used += textWidth(char)
    if (used > width) break
    out = char + out
  }
  return out
}
