import { table } from './columns.ts'
import { duration } from './duration.ts'
import type { EventData } from './event-data.ts'
import type { RolledApp } from './events.ts'
import { harmlessLine } from './harmless.ts'
import { size } from './size.ts'
import { wrap } from './text-width.ts'

const words: Record<RolledApp['outcome'], string> = { rolled: 'healthy', 'put-back': 'put back', failed: 'failed' }

/** A restart that has ended: releases, downtime, what was proven. */
export function formatRolled(event: Extract<EventData, { type: 'app-rolled' }>): string {
  const { host, app, outcome, downSeconds, databases, mode } = event
  const down = downSeconds === null ? 'not healthy' : `${words[outcome]} after ${duration(downSeconds)} down`
  const proof = mode === 'restore' ? 'restored beside, checked, the same as here' : 'restored beside and checked'
  const lines = databases.map(
    ({ name, txid, bytes, seconds }) =>
      `  ${name}  transaction ${txid.replace(/^0+(?=.)/, '')}, ${size(bytes)}, ${outcome === 'failed' ? 'restored beside and checked' : proof} in ${duration(seconds)}`,
  )
  return [`${host} ${app}: ${releases(event)}${down}`, ...lines].map((line) => harmlessLine(line)).join('\n')
}

/** The steps of a roll that is only shown, in columns. */
export function formatSteps({ host, app, steps }: Extract<EventData, { type: 'roll-steps' }>, columns: number): string {
  const width = Math.max(...steps.map(({ step }) => step.length))
  const indent = ' '.repeat(width + 4)
  const lines = steps.flatMap(({ step, what }) =>
    wrap(what, Math.max(20, columns - indent.length)).map(
      (line, n) => (n === 0 ? `  ${step.padEnd(width)}  ` : indent) + line,
    ),
  )
  return [`${host} ${app}:`, ...lines].map((line) => harmlessLine(line)).join('\n')
}

function releases({ from, to }: Pick<RolledApp, 'from' | 'to'>): string {
  if (to === null || from === to) return ''
  return `release ${short(from)} → ${short(to)}, `
}

const short = (release: string | null): string => release?.slice(0, 12) ?? '-'

/** The restarts of the past, oldest first: a line each. `columns`: what the terminal has; Infinity in a pipe. */
export function historyTable(
  past: readonly (Omit<RolledApp, 'databases'> & { host: string; at: string; who: string })[],
  columns: number,
): string {
  if (past.length === 0) return 'update, restart and rollback have not restarted anything here yet'
  const rows = past
    .toSorted((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))
    .map(({ at, host, app, outcome, from, to, downSeconds, who }) =>
      [
        `${at.slice(0, 16).replace('T', ' ')} UTC`,
        host,
        app,
        words[outcome],
        downSeconds === null ? '-' : duration(downSeconds),
        from === to ? short(from) : `${short(from)} → ${short(to)}`,
        who,
      ].map((text) => ({ text: harmlessLine(text) })),
    )
  const heads = ['WHEN', 'HOST', 'APP', 'OUTCOME', 'DOWN', 'RELEASE', 'WHO'].map((text) => ({ text }))
  return table([heads, ...rows], columns)
    .map((row) =>
      row
        .map(({ text }) => text)
        .join('')
        .trimEnd(),
    )
    .join('\n')
}
