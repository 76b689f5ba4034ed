import { painter } from './colour.ts'
import { duration } from './duration.ts'
import type { EventData } from './event-data.ts'
import { progressWords } from './format-progress.ts'
import { harmlessLine } from './harmless.ts'
import { pad, textWidth, truncate } from './text-width.ts'

/** What the table shows of a host. */
interface Row {
  step: string
  detail: string
  /** When the step began, in ms. */
  since: number
  /** Set once the host is done: the seconds it took. */
  took: number | null
}

/** What is known of each host, in the inventory's order. */
export type TableState = Map<string, Row>

/** Takes an event into the table. `now` in ms, of a clock that never goes back. */
export function advance(state: TableState, event: EventData, now: number): void {
  switch (event.type) {
    case 'run-started':
      for (const host of event.hosts) state.set(host, { step: 'waiting', detail: '', since: now, took: null })
      break
    case 'host-step':
      state.set(event.host, { step: event.step, detail: event.detail ?? '', since: now, took: null })
      break
    case 'restore-progress': {
      const [step, detail] = progressWords(event)
      const row = state.get(event.host)
      state.set(event.host, { step, detail, since: row?.step === step ? row.since : now, took: null })
      break
    }
    case 'host-done':
      state.set(event.host, { step: event.outcome, detail: '', since: now, took: event.seconds })
      break
    default:
  }
}

/** The table as lines of at most `columns` columns: host, step, time in it, detail. */
export function frame(state: TableState, columns: number, color: boolean, now: number): string[] {
  const paint = painter(color)
  const hosts = Math.max(0, ...[...state.keys()].map((host) => textWidth(harmlessLine(host))))
  // As wide as the longest outcome from the start: columns that move are hard to follow.
  const steps = Math.max('unreachable'.length, ...[...state.values()].map((row) => textWidth(harmlessLine(row.step))))
  return [...state].map(([host, row]) => {
    const seconds = row.took ?? Math.floor((now - row.since) / 1000)
    // Whole seconds while it runs: tenths would redraw the screen for nothing.
    const time = row.took === null ? `${seconds} s` : duration(seconds)
    const line = `${pad(harmlessLine(host), hosts)}  ${pad(harmlessLine(row.step), steps)}  ${time.padStart(7)}  ${harmlessLine(row.detail)}`
    const cut = truncate(line.trimEnd(), columns)
    return row.took === null && row.step !== 'waiting' ? cut : paint('dim', cut)
  })
}
