import type { Replica } from '../inventory/model.ts'

/** A place that keeps owner objects: a bucket, or a mounted directory. Small on purpose: what ownership needs and no more. */
export interface ObjectStore {
  /** For messages: `bucket homeserver at https://nas.lan:9000 (replica nas)`. Never holds a key. */
  readonly where: string

  /** The object, or null when the store says that there is none. Throws Problem when it cannot say. */
  get(key: string): Promise<StoredObject | null>

  /**
   * One attempt, never repeated inside. `conflict` = the condition did not hold and nothing was written.
   * Throws UnknownOutcome when the object may or may not be written, now or later; Problem when it was not.
   */
  put(key: string, body: string, condition: Condition): Promise<'done' | 'conflict'>

  /** The first keys (at most `limit`) that begin with `prefix`. Throws Problem. */
  list(prefix: string, limit: number): Promise<string[]>

  /** Only ever for probe objects: owner objects are never deleted. Throws Problem. */
  remove(key: string): Promise<void>

  /** Lets go of open connections. */
  close(): void
}

/** A place that holds data as well. */
export interface DataStore extends ObjectStore {
  /** At most the first `bytes` of an object, or null when there is none. Throws Problem. */
  beginning(key: string, bytes: number): Promise<Buffer | null>

  /** What lies below `prefix`, with when it was written, by the clock of whoever keeps it; null when there is more than `limit`. Throws Problem. */
  written(prefix: string, limit: number): Promise<Written[] | null>

  /** Copies an object within the place, by whoever keeps it. False when there is none any more. Throws Problem. */
  copy(from: string, to: string): Promise<boolean>

  /** What comes after `prefix` up to the next slash, that included, each once; at most `limit`. Throws Problem. */
  folders(prefix: string, limit: number): Promise<string[]>
}

export interface Written {
  key: string
  /** Milliseconds since the epoch. */
  at: number
}

/** Milliseconds. */
export interface StoreLimits {
  readMs: number
  writeMs: number
  /** Pauses between attempts of a read; their number is the number of repetitions. */
  readPausesMs: number[]
}

/** Opens a replica by a way that has been found for it; without limits each kind of place has its own. */
export type OpenStore = (replica: Replica, limits?: StoreLimits) => Promise<DataStore>

export interface StoredObject {
  body: string
  /** As the server gave it, quotes included. */
  etag: string
}

/** `absent`: only if there is no such object. `etag`: only over exactly that one. `none`: whatever is there. */
export type Condition = { kind: 'absent' } | { kind: 'etag'; etag: string } | { kind: 'none' }

/**
 * A PUT whose answer was lost or said nothing definite (time-out, reset, 5xx, 409): it may have been carried out, and it
 * may still be. Expected; caught by `putOwner`.
 */
export class UnknownOutcome extends Error {
  override readonly name = 'UnknownOutcome'
}
