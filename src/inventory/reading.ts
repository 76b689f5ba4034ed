import type { Entries } from './entries.ts'
import type { Notes } from './mistake.ts'
import { placeOf } from './tree.ts'

/** What a check looks at, and where it writes down what it finds. */
export interface Reading {
  entries: Entries
  notes: Notes
  /** A part of the inventory could not be read: what seems to be missing may stand there, and is not missed. */
  partial: boolean
  /** Absolute folder that relative paths start from. */
  folder: string
}

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
export function warning(
  { entries, notes }: Reading,
  path: readonly PropertyKey[],
  message: string,
  hint?: string,
): void {
  notes.warnings.push({
    place: placeOf(entries.root, path, 'value'),
    path,
    message,
    ...(hint === undefined ? {} : { hint }),
  })
}
