import { painter, type Paint } from './colour.ts'
import type { ChangeSummary } from './events.ts'
import { abbreviated, withFolders } from './fold-changes.ts'
import { harmless, harmlessLine } from './harmless.ts'
import { pad, textWidth, wrap } from './text-width.ts'

export interface ChangesLook {
  color: boolean
  /** Print the unified diffs of files, too. */
  diffs: boolean
  /** Width of the terminal, 80 in a pipe: reasons begin where most of them fit. */
  columns: number
  /** Reasons go on below each other where a line is full; in a pipe each change is one line, for grep. */
  wrapped: boolean
}

/** The changes of one host, one a line, as columns: action, kind, name, reason; the programs of a new folder on one line. */
export function formatChanges(host: string, all: ChangeSummary[], look: ChangesLook): string {
  const paint = painter(look.color)
  const changes = withFolders(all)
  const nameOf = ({ name }: ChangeSummary) => harmlessLine(abbreviated(name))
  const most = Math.min(60, Math.max(20, look.columns - 32))
  const names = Math.min(most, Math.max(0, ...changes.map((change) => textWidth(nameOf(change)))))
  const lines = changes.flatMap((change) => {
    const before = `${pad(change.kind, 10)}${pad(nameOf(change), names)}  `
    const indent = 10 + textWidth(before)
    const reason = harmlessLine(abbreviated(change.reason))
    const [first = '', ...rest] = look.wrapped ? wrap(reason, Math.max(24, look.columns - indent)) : [reason]
    return [
      `  ${paint(colourOf(change.action), pad(change.action, 8))}${before}${paint('dim', first)}`.trimEnd(),
      ...rest.map((line) => `${' '.repeat(indent)}${paint('dim', line)}`),
      ...(look.diffs && change.diff ? formatDiff(change.diff, paint) : []),
    ]
  })
  return [paint('bold', harmlessLine(host)), ...lines].join('\n')
}

function colourOf(action: ChangeSummary['action']): 'green' | 'yellow' | 'red' {
  if (action === 'remove' || action === 'stop') return 'red'
  return action === 'update' || action === 'restart' ? 'yellow' : 'green'
}

/** A unified diff, indented and coloured as git does. */
export function formatDiff(diff: string, paint: Paint): string[] {
  return diff
    .replace(/\n$/, '')
    .split('\n')
    .map((raw) => {
      const line = harmless(raw)
      if (line.startsWith('+++') || line.startsWith('---')) return `      ${paint('bold', line)}`
      if (line.startsWith('+')) return `      ${paint('green', line)}`
      if (line.startsWith('-')) return `      ${paint('red', line)}`
      return `      ${line.startsWith('@@') ? paint('cyan', line) : line}`
    })
}
