import type { Entries } from './entries.ts'
import type { Finding, Notes } from './mistake.ts'
import type { Secret } from './secret.ts'
import { placeOf } from './tree.ts'

/** What a check looks at, and where it writes down what it finds. */
export interface Reading {
  entries: Entries
  notes: Notes
  /** Whether a word may stand in a part of the inventory that could not be read: then it is not missed. */
  mayHold: (word: string) => boolean
  /** Absolute folder that relative paths start from. */
  folder: string
}

/** What a check of another room looks at: everything else has been read and looked up, whatever was wrong with it. */
export interface Draft extends Reading {
  /** By name; one that was not found is missing. */
  secrets: ReadonlyMap<string, Secret>
  /** Folder that file names in messages are relative to. */
  cwd: string
}

/** A check by a room that knows more than the inventory does: of templates, of releases, of what systemd can carry. */
export type DraftCheck = (draft: Draft) => void | Promise<void>

/** Writes down a mistake at the value of a path, or at its key when `part` says so or there is no value. */
export function mistake(
  { entries, notes }: Reading,
  path: readonly PropertyKey[],
  message: string,
  hint?: string,
  part: 'key' | 'value' = 'value',
): void {
  notes.mistakes.push({
    place: placeOf(entries.root, path, part),
    path,
    message,
    ...(hint === undefined ? {} : { hint }),
  })
}

/** Writes down something odd that stops nobody. */
export function warning(reading: Reading, path: readonly PropertyKey[], message: string, hint?: string): void {
  add(reading, reading.notes.warnings, path, message, hint)
}

/** Writes down what could not be checked, and why. */
export function remark(reading: Reading, path: readonly PropertyKey[], message: string, hint?: string): void {
  add(reading, reading.notes.remarks, path, message, hint)
}

function add(
  { entries }: Reading,
  to: Finding[],
  path: readonly PropertyKey[],
  message: string,
  hint: string | undefined,
): void {
  to.push({
    place: placeOf(entries.root, path, 'value'),
    path,
    message,
    ...(hint === undefined ? {} : { hint }),
  })
}
