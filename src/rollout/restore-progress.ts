import type { RunEvent } from '../report/events.ts'
import type { JournalLine } from './journal.ts'

type Line = Extract<JournalLine, { kind: 'progress' }>
type Progress = Omit<Extract<RunEvent, { type: 'restore-progress' }>, 'type' | 'host'>

interface Seen {
  /** Where its rate is counted from. */
  first: { bytes: number; at: number }
  checking: boolean
  /** When it was told last as a milestone. */
  told: number
}

/** Milliseconds between two that are told in a log. */
const milestoneMs = 10_000

/**
 * Makes events of what a transaction tells of a gate that restores: the rate since a database was seen first, and what is left by it.
 * `now`: milliseconds of a clock that never goes back.
 */
export function restoreProgress(): (line: Line, now: number) => Progress {
  const seen = new Map<string, Seen>()
  return ({ app, database, checking, bytes, whole }, now) => {
    const key = JSON.stringify([app, database])
    const before = seen.get(key)
    // fewer than before: the gate has begun again
    const isNew = before === undefined || (!checking && (before.checking || bytes < before.first.bytes))
    const first = isNew ? { bytes, at: now } : before.first
    const milestone = isNew || before.checking !== checking || now - before.told >= milestoneMs
    seen.set(key, { first, checking, told: milestone ? now : (before?.told ?? now) })
    const seconds = (now - first.at) / 1000
    const rate = checking || seconds <= 0 || bytes <= first.bytes ? null : (bytes - first.bytes) / seconds
    return {
      app,
      database,
      checking,
      bytes,
      whole,
      bytesPerSecond: rate === null ? null : Math.round(rate),
      secondsLeft: rate === null || whole === null ? null : Math.max(0, Math.round((whole - bytes) / rate)),
      milestone,
    }
  }
}
