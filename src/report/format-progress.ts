import { duration } from './duration.ts'
import type { EventData } from './event-data.ts'
import { size } from './size.ts'

/** The step and its detail: `restoring`, `notes main: 120 MB of 480 MB (25 %), 12 MB/s, 30 s left`. */
export function progressWords(event: Extract<EventData, { type: 'restore-progress' }>): [step: string, detail: string] {
  const { app, database, checking, bytes, whole, bytesPerSecond, secondsLeft } = event
  const of = `${app} ${database}: `
  if (checking) return ['checking', `${of}${size(bytes)}`]
  const share = whole === null || whole === 0 ? '' : ` of ${size(whole)} (${Math.floor((100 * bytes) / whole)} %)`
  const rate = bytesPerSecond === null ? '' : `, ${size(bytesPerSecond)}/s`
  const left = secondsLeft === null ? '' : `, ${duration(secondsLeft)} left`
  return ['restoring', `${of}${size(bytes)}${share}${rate}${left}`]
}
