/**
 * Points in time that a database can be restored to, from the names and times of Litestream's files alone.
 *
 * A file is `LEVEL/MIN-MAX.ltx` (`0000/…` in a bucket, `ltx/0/…` in a directory) and holds the transactions from MIN to MAX; level 9 are whole images, 0 what is uploaded as it
 * happens, 1 to 8 what has been merged since (Litestream 0.5, `litestream ltx`). A transaction can be restored to as long as it is
 * where a file ends: once it has been merged into a bigger one, it is none any more.
 */
export interface LtxFile {
  level: number
  /** Transactions, 16 hexadecimal digits. */
  min: string
  max: string
  /** When it was written, by the clock of whoever keeps it: milliseconds since the epoch. */
  at: number
}

export interface Point {
  txid: string
  /** When the first file that ends there was written: all that is in it had happened by then. Milliseconds since the epoch. */
  at: number
}

const imageLevel = 9

/** The file of an object's key, or null for another object. */
export function ltxFile({ key, at }: { key: string; at: number }): LtxFile | null {
  const [, level, min, max] = /\/([0-9a-f]{1,4})\/([0-9a-f]{16})-([0-9a-f]{16})\.ltx$/.exec(key) ?? []
  return level === undefined || min === undefined || max === undefined
    ? null
    : { level: Number.parseInt(level, 16), min, max, at }
}

/** Where files end, oldest first. Not all of them can be restored to: `isWhole`. `upTo`: later transactions are left out. */
export function endsOf(files: readonly LtxFile[], upTo: string | null = null): Point[] {
  const ends = new Map<string, number>()
  for (const { max, at } of files) {
    if (upTo !== null && max > upTo) continue
    ends.set(max, Math.min(at, ends.get(max) ?? at))
  }
  return [...ends].map(([txid, at]) => ({ txid, at })).toSorted((a, b) => (a.txid < b.txid ? -1 : 1))
}

/**
 * Whether files lead to exactly this transaction without a gap, as Litestream puts them together (CalcRestorePlan): the newest
 * image that is not younger, then level by level, downwards, what follows on.
 */
export function isWhole(files: readonly LtxFile[], txid: string): boolean {
  const usable = files.filter(({ max }) => max <= txid)
  let reached = BigInt(0)
  for (const { level, max } of usable) if (level === imageLevel && number(max) > reached) reached = number(max)
  for (let level = imageLevel - 1; level >= 0; level -= 1) {
    const own = usable.filter((file) => file.level === level).toSorted((a, b) => (a.min < b.min ? -1 : 1))
    for (const { min, max } of own)
      if (number(min) <= reached + BigInt(1) && number(max) > reached) reached = number(max)
  }
  return reached === number(txid)
}

/** The last point at or before a time (milliseconds since the epoch); null when there is none. */
export function pointBefore(files: readonly LtxFile[], time: number, upTo: string | null = null): Point | null {
  return endsOf(files, upTo).findLast(({ txid, at }) => at <= time && isWhole(files, txid)) ?? null
}

/** The first point after that transaction; null when there is none. */
export function pointAfter(files: readonly LtxFile[], txid: string, upTo: string | null = null): Point | null {
  return endsOf(files, upTo).find((point) => point.txid > txid && isWhole(files, point.txid)) ?? null
}

const number = (txid: string): bigint => BigInt(`0x${txid}`)
