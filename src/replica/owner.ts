import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import { exitCodes, Problem } from '../problem.ts'

/**
 * The owner object `<prefix>/<instance>/owner.json`: which path of the replica is the truth, who may write it, and where
 * to restore from until it is proven. The host's gate reads and writes the same object (templates/host/decide.jq), so the
 * shape is an interface between two programs: strict, versioned, changed only by raising `v`.
 */

/** Litestream's transaction id: 16 hex digits, as `ltx`, `status` and `restore` print it. */
const txid = z.string().regex(/^[0-9a-f]{16}$/, 'must be a transaction id of 16 hex digits')
const dataPath = z.string().regex(/^e\d{4,}-[0-9a-f]{8}$/, 'must look like e0001-1a2b3c4d')
const databaseName = z.string().min(1)
const hostId = z.string().regex(/^[0-9a-f]{64}$/, 'must be a sha256 in hex')

const holder = z.strictObject({ host: z.string().min(1), id: hostId })
const fromDatabases = z.record(databaseName, z.union([txid, z.literal('latest')]))

const ownerSchema = z.strictObject({
  v: z.literal(1),
  epoch: z.int().min(1),
  path: dataPath,
  write: z.guid(),
  holder: holder.nullable(),
  from: z
    .union([
      z.strictObject({ replica: z.string().min(1).optional(), path: dataPath, dbs: fromDatabases }),
      z.strictObject({ replica: z.string().min(1).optional(), local: hostId, dbs: fromDatabases }),
    ])
    .nullable(),
  uid: z.int().min(0),
  gid: z.int().min(0),
  dbs: z.record(databaseName, z.strictObject({ init: z.boolean() })),
  past: z
    .array(z.strictObject({ path: dataPath, host: z.string().min(1), end: z.record(databaseName, txid).nullable() }))
    .max(20),
})

export type Owner = z.output<typeof ownerSchema>
export type Holder = z.output<typeof holder>

/**
 * Derived, never stored. NEW: a database has not been proven yet. MOVING: the path has to be restored and proven first.
 * SOUND: proven, all of it. RELEASED: nobody writes. NONE: no object.
 */
export type OwnerState = 'NONE' | 'NEW' | 'MOVING' | 'SOUND' | 'RELEASED'

export function ownerState(owner: Owner | null): OwnerState {
  if (owner === null) return 'NONE'
  if (owner.holder === null) return 'RELEASED'
  if (owner.from !== null) return 'MOVING'
  return Object.values(owner.dbs).every((db) => db.init) ? 'SOUND' : 'NEW'
}

/**
 * Reads an owner object. `where` names it in messages (`owner.json of gotify in replica nas`).
 * Throws Problem `owner-too-new` (written by a later streamside) or `owner-unreadable`.
 */
export function parseOwner(body: string, where: string): Owner {
  const doing = `reading ${where}`
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch {
    throw unreadable(doing, body.trim() === '' ? 'it is empty' : `it is not JSON (${body.length} characters)`)
  }
  if (typeof value === 'object' && value !== null && 'v' in value && typeof value.v === 'number' && value.v > 1) {
    throw new Problem({
      code: 'owner-too-new',
      doing,
      found: `it has version ${value.v}; this streamside reads version 1`,
      next: 'use the streamside release that wrote it, or a later one',
    })
  }
  const parsed = ownerSchema.safeParse(value)
  if (parsed.success) return parsed.data
  const complaints = parsed.error.issues
    .slice(0, 3)
    .map((issue) => `${issue.path.join('.') || 'the object'}: ${issue.message}`)
  throw unreadable(doing, complaints.join('; '))
}

function unreadable(doing: string, found: string): Problem {
  return new Problem({
    code: 'owner-unreadable',
    doing,
    found: `${found}; this is not an owner object that streamside wrote`,
    next:
      'find out who wrote to the bucket; put an earlier version of the object back if the bucket keeps versions. ' +
      'Nothing was changed, and apps that run go on running',
    exit: exitCodes.unsound,
  })
}

/** The text that is PUT. Keys in the order of the design's text, so that people can read it in the bucket. */
export function formatOwner(owner: Owner): string {
  const { v, epoch, path, write, holder, from, uid, gid, dbs, past } = owner
  return `${JSON.stringify({ v, epoch, path, write, holder, from, uid, gid, dbs, past })}\n`
}

/** A path nobody has ever written: the random part keeps two claims of one epoch apart (ownership.md). */
export function newPath(epoch: number): string {
  return `e${String(epoch).padStart(4, '0')}-${randomBytes(4).toString('hex')}`
}

/** The epoch of a path's claim; 0 for what is no such path. */
export function epochOf(path: string): number {
  return Number(/^e(\d{4,})-[0-9a-f]{8}$/.exec(path)?.[1] ?? 0)
}

/** What lies below this is one instance's, and nobody else's. With a closing slash. */
export function instancePrefix(replica: { prefix: string }, instance: string): string {
  return replica.prefix === '' ? `${instance}/` : `${replica.prefix}/${instance}/`
}

export function ownerKey(replica: { prefix: string }, instance: string): string {
  return `${instancePrefix(replica, instance)}owner.json`
}

/** Where Litestream keeps one database: the `path:` of its replica configuration. Without a closing slash. */
export function databaseKey(replica: { prefix: string }, instance: string, path: string, database: string): string {
  return `${instancePrefix(replica, instance)}${path}/${database}`
}
