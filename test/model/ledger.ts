import type { Rows } from './disk.ts'

/**
 * What really happened, seen by nobody in the model's world: the invariants are judged by it.
 */
export interface Ledger {
  /** Rows that a proof or tip.json covered, per database. */
  covered: Record<string, Set<number>>
  /** Of those, the rows that a tip.json in the bucket covers. */
  tipped: Record<string, Set<number>>
  /** Of those, what a rolled back owner object does not lead to: only files that are still there tell of it. */
  doubtful: Set<number>
  /** The newest position of a path that a proof covered: `<path>/<db>`. */
  proofs: Map<string, { txid: number; rows: Rows }>
  /** Path under which each row was written by the app. */
  writtenUnder: Map<number, string>
  /** The path under which the app was last let through with a file, by inode. */
  servedUnder: Map<number, string>
  /** What a path began with: `<path>/<db>`. */
  baseline: Map<string, Rows>
  /** Boards that have uploaded under a path. */
  writers: Map<string, Set<number>>
  /** The id that a path was made for, and the PUT that made it. */
  holderOf: Map<string, string>
  madeBy: Map<string, string>
  /** Faults of this schedule that account for a refusal, and choices of an operator. */
  faults: Set<string>
  /** Some host has told people of two histories. */
  splitTold: boolean
  rows: number
  starts: number
  violations: string[]
}

export function newLedger(): Ledger {
  return {
    covered: {},
    tipped: {},
    doubtful: new Set(),
    proofs: new Map(),
    writtenUnder: new Map(),
    servedUnder: new Map(),
    baseline: new Map(),
    writers: new Map(),
    holderOf: new Map(),
    madeBy: new Map(),
    faults: new Set(),
    splitTold: false,
    rows: 0,
    starts: 0,
    violations: [],
  }
}

/** @param led whether the owner object leads to the path: it may have gone back since the proof */
export function cover(ledger: Ledger, path: string, db: string, txid: number, rows: Rows, led: boolean): void {
  const before = ledger.proofs.get(`${path}/${db}`)
  if (!before || before.txid <= txid) ledger.proofs.set(`${path}/${db}`, { txid, rows })
  const covered = (ledger.covered[db] ??= new Set())
  for (const row of rows) {
    if (!led && !covered.has(row)) ledger.doubtful.add(row)
    covered.add(row)
  }
}

/** From now on only what these rows hold is missed: a stated choice, or a bucket that went back as a whole. */
export function coverOnly(ledger: Ledger, db: string, rows: Rows): void {
  const kept = new Set(rows)
  ledger.covered[db] = new Set([...(ledger.covered[db] ?? [])].filter((row) => kept.has(row)))
}

/** Rows that a proof had covered and that are not among these; those of a forgotten path only when asked for. */
export function missing(ledger: Ledger, db: string, rows: Rows, forgottenToo = false): number[] {
  const there = new Set(rows)
  return [...(ledger.covered[db] ?? [])].filter((row) => !there.has(row) && (forgottenToo || !ledger.doubtful.has(row)))
}

/** The owner object went back: what lies under paths that it does not name is forgotten by all but the hosts' files. */
export function forget(ledger: Ledger, db: string, known: Rows): void {
  const kept = new Set(known)
  for (const row of ledger.covered[db] ?? []) if (!kept.has(row)) ledger.doubtful.add(row)
}

export function tipped(ledger: Ledger, db: string, rows: Rows): void {
  const there = (ledger.tipped[db] ??= new Set())
  for (const row of rows) there.add(row)
}

/** The bucket went back: a tip.json of later is in it no more. */
export function tippedOnly(ledger: Ledger, db: string, rows: Rows): void {
  const kept = new Set(rows)
  ledger.tipped[db] = new Set([...(ledger.tipped[db] ?? [])].filter((row) => kept.has(row)))
}

/** Objects are lost: of what had been proven a moment before its tip.json was written, nothing tells any more. */
export function onlyTipped(ledger: Ledger, db: string): void {
  coverOnly(ledger, db, [...(ledger.tipped[db] ?? [])])
}
