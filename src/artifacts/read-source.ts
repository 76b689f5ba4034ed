import type { Problem } from '../problem.ts'
import { releaseProblem, type Reading, type ReleaseEntry } from './release-entry.ts'

/**
 * A release as it was read: entries in the order they came, and where the content of each file lies on this machine
 * meanwhile (the directory's own file, or a numbered file of the unpacking folder; never a path that an archive chose).
 */
export interface ReadRelease {
  entries: ReleaseEntry[]
  /** Absolute path of a file's content, by entry path. */
  content: Map<string, string>
  /** Newest modification time in the source, milliseconds since the epoch. */
  newest: number
}

/** What an archive may hold; a few lines of a hostile one can claim exabytes. */
export interface ReleaseLimits {
  /** Bytes of content, in all. */
  bytes: number
  entries: number
}

export const releaseLimits: ReleaseLimits = { bytes: 8 * 1024 ** 3, entries: 500_000 }

export function tooLarge(reading: Reading, limits: ReleaseLimits): Problem {
  return releaseProblem(
    reading,
    `it unpacks to more than ${Math.round(limits.bytes / 1024 ** 2)} MB or ${limits.entries} entries`,
    'see what is in it; data do not belong in a release',
    'release-too-large',
  )
}
