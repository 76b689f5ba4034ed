import { duration } from './duration.ts'
import type { EventData } from './event-data.ts'
import { progressWords } from './format-progress.ts'
import { harmlessLine } from './harmless.ts'

/** Progress as one line an event, `host  step  detail`, for a pipe or a log; null for what is told elsewhere. */
export function plainLine(event: EventData): string | null {
  switch (event.type) {
    case 'host-step':
      return columns(event.host, event.step, event.detail)
    case 'restore-progress':
      return event.milestone ? columns(event.host, ...progressWords(event)) : null
    case 'app-healthy':
      return columns(event.host, 'healthy', `${event.app} after ${duration(event.seconds)}`)
    case 'host-done':
      return columns(event.host, event.outcome, duration(event.seconds))
    case 'note':
      return harmlessLine(event.message)
    default:
      return null
  }
}

function columns(...texts: (string | undefined)[]): string {
  return texts
    .filter((text) => text !== undefined && text !== '')
    .map((text) => harmlessLine(text ?? ''))
    .join('  ')
}
