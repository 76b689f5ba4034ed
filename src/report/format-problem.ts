import type { Problem } from '../problem.ts'
import { painter } from './colour.ts'
import { problemData, type ProblemData } from './event-data.ts'
import { harmless } from './harmless.ts'
import { wrap } from './text-width.ts'

export interface TextLook {
  /** Columns to wrap at; never more than 80. */
  columns: number
  color: boolean
}

/**
 * A problem for people: what was being done (and where), what was found, what to do next.
 *
 *     error: connecting to pi-attic [connection-refused]
 *       192.168.1.21 port 22 is up, but nothing listens for ssh there
 *       next: see whether pi-attic is still booting and whether sshd runs on port 22
 */
export function formatProblem(problem: Problem | ProblemData, look: TextLook): string {
  const { code, doing, found, next, host, app } = problemData(problem)
  const paint = painter(look.color)
  const where = [host, app].filter((name) => name !== undefined && !doing.includes(name)).join(', ')
  const [first = '', ...rest] = block(`error: ${doing}${where === '' ? '' : ` (${where})`} [${code}]`, look, '', '  ')
  return [
    paint(['red', 'bold'], first),
    ...rest.map((line) => paint(['red', 'bold'], line)),
    ...block(found, look, '  ', '  '),
    ...block(`next: ${next}`, look, '  ', '        '),
  ].join('\n')
}

/** A warning, in the shape of a problem. */
export function formatWarning(
  warning: { code: string; message: string; next?: string; host?: string; app?: string },
  look: TextLook,
): string {
  const paint = painter(look.color)
  const where = [warning.host, warning.app].filter((name) => name !== undefined).join(', ')
  const lines = block(
    `warning: ${where === '' ? '' : `${where}: `}${warning.message} [${warning.code}]`,
    look,
    '',
    '  ',
  )
  return [
    ...lines.map((line) => paint('yellow', line)),
    ...(warning.next === undefined ? [] : block(`next: ${warning.next}`, look, '  ', '        ')),
  ].join('\n')
}

function block(text: string, look: TextLook, first: string, others: string): string[] {
  const columns = Math.max(20, Math.min(look.columns, 80) - others.length)
  return wrap(harmless(text).trim(), columns).map((line, index) => (index === 0 ? first : others) + line)
}
