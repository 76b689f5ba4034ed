import type { Ltx } from './disk.ts'

/** The replica: the owner object with its etag, and per path a tip.json and a chain of LTX objects for each database. */
export interface LtxObject extends Ltx {
  min: number
}

export interface Bucket {
  owner: { etag: string; body: string } | null
  tips: Record<string, { etag: string; body: string }>
  /** Key `<path>/<db>`; sorted by transaction, oldest first. */
  chains: Record<string, readonly LtxObject[]>
  etags: number
}

export type Condition = { etag: string } | 'absent'

export interface Answer {
  curl: number
  http: number
  s3: string
  error: string
}

export function emptyBucket(): Bucket {
  return { owner: null, tips: {}, chains: {}, etags: 0 }
}

export function chain(bucket: Bucket, path: string, db: string): readonly LtxObject[] {
  return bucket.chains[`${path}/${db}`] ?? []
}

/** 200, or 412 when somebody else's object is there. `ablated`: a server that takes every PUT. */
export function putOwner(bucket: Bucket, body: string, condition: Condition, ablated: boolean): number {
  if (!ablated && (condition === 'absent' ? bucket.owner !== null : bucket.owner?.etag !== condition.etag)) return 412
  bucket.owner = { etag: newEtag(bucket), body }
  return 200
}

export function putTip(bucket: Bucket, path: string, body: string, condition: Condition): number {
  const there = bucket.tips[path]
  if (condition === 'absent' ? there !== undefined : there?.etag !== condition.etag) return 412
  bucket.tips[path] = { etag: newEtag(bucket), body }
  return 200
}

function newEtag(bucket: Bucket): string {
  bucket.etags += 1
  return `"${bucket.etags}"`
}

/** An upload. A key names its transactions, so the same transactions again replace what lies there. */
export function putLtx(bucket: Bucket, path: string, db: string, ltx: Ltx): void {
  const objects = chain(bucket, path, db)
  // A late PUT of what was compacted meanwhile: the merged object has it.
  if (objects.some((object) => object.min < object.txid && object.min <= ltx.txid && object.txid >= ltx.txid)) return
  const others = objects.filter((object) => object.txid !== ltx.txid)
  bucket.chains[`${path}/${db}`] = [...others, { ...ltx, min: ltx.txid }].sort((a, b) => a.txid - b.txid)
}

/** Litestream merges neighbours into one object: what ended between them is no point to restore to any more. */
export function compact(bucket: Bucket, path: string, db: string, first: number, count: number): void {
  const objects = chain(bucket, path, db)
  const merged = objects.slice(first, first + count)
  const [oldest, newest] = [merged[0], merged.at(-1)]
  if (
    !oldest ||
    !newest ||
    merged.some((object, index) => index > 0 && object.min !== (merged[index - 1]?.txid ?? 0) + 1)
  )
    return
  bucket.chains[`${path}/${db}`] = [
    ...objects.slice(0, first),
    { ...newest, min: oldest.min },
    ...objects.slice(first + count),
  ]
}

export function maxTxid(bucket: Bucket, path: string, db: string): number | null {
  return chain(bucket, path, db).at(-1)?.txid ?? null
}

export type Plan = { ok: true; objects: readonly LtxObject[] } | { ok: false; error: string }

/** `restore -dry-run`: is the chain whole, from its first transaction on? The words are Litestream's. */
export function plan(bucket: Bucket, path: string, db: string): Plan {
  const objects = chain(bucket, path, db)
  if (objects[0]?.min !== 1) return { ok: false, error: 'no matching backup files available' }
  for (const [index, object] of objects.entries()) {
    const before = objects[index - 1]
    if (before && object.min !== before.txid + 1) {
      const upTo = before.txid.toString(16).padStart(16, '0')
      return {
        ok: false,
        error: `non-contiguous transaction files: have up to ${upTo} but next file starts at ${object.min}`,
      }
    }
  }
  return { ok: true, objects }
}
