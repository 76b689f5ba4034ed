import { painter } from './colour.ts'
import { duration } from './duration.ts'
import type { EventData } from './event-data.ts'
import type { HostOutcome } from './events.ts'
import { harmlessLine } from './harmless.ts'
import { pad, textWidth } from './text-width.ts'

export type HostDone = Extract<EventData, { type: 'host-done' }>

const colours: Record<HostOutcome, 'green' | 'yellow' | 'red' | 'dim'> = {
  unchanged: 'dim',
  changed: 'green',
  pending: 'yellow',
  failed: 'red',
  unreachable: 'red',
  locked: 'yellow',
  sound: 'green',
  wrong: 'red',
}

/** One line a host: outcome, changes, execs, time. */
export function formatSummary(hosts: HostDone[], seconds: number, color: boolean): string {
  const paint = painter(color)
  const names = Math.max(0, ...hosts.map((done) => textWidth(harmlessLine(done.host))))
  const lines = hosts.map(
    (done) =>
      `${pad(harmlessLine(done.host), names)}  ${paint(colours[done.outcome], pad(done.outcome, 11))}  ` +
      `${count(done.changes, 'change').padStart(11)}  ${count(done.execs, 'exec').padStart(8)}  ${duration(done.seconds)}`,
  )
  return [...lines, paint('dim', `${count(hosts.length, 'host')} in ${duration(seconds)}`)].join('\n')
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
