import { parseOwner } from '../../src/replica/owner.ts'
import type { Answer, Condition } from './bucket.ts'
import { chain, maxTxid, plan, putLtx, putOwner, putTip } from './bucket.ts'
import { hexTxid, type Ltx } from './disk.ts'
import { ownerWasWritten, uploaded } from './invariants.ts'
import {
  bucketFor,
  bucketOf,
  dbsOf,
  nameOf,
  ownerNow,
  say,
  type Host,
  type Program,
  type Run,
  type World,
} from './world.ts'

/** Requests of a host to the replica, each a step of its own: anything may happen before it, and its answer may be lost. */
export interface OwnerAnswer extends Answer {
  etag: string
  date: number | null
  /** This machine's time at that moment. */
  at: number
  body: string | null
}

const timeout: Answer = { curl: 28, http: 0, s3: '', error: 'Operation timed out' }

/** Why nothing comes back, or null. S3 refuses a clock that is more than 15 minutes off. */
function trouble(world: World, host: Host): Answer | null {
  if (host.cutOff) {
    world.now += 5
    return timeout
  }
  if (Math.abs(host.clock) > 900) return { curl: 0, http: 403, s3: 'RequestTimeTooSkewed', error: '' }
  if (world.random.chance(world.faulty)) {
    world.now += world.random.int(5)
    return world.random.pick([timeout, { curl: 0, http: 503, s3: 'SlowDown', error: '' }])
  }
  return null
}

/** The same of Litestream's requests. */
function dataTrouble(world: World, host: Host): Answer | null {
  return world.dataDown ? timeout : trouble(world, host)
}

function trouble3(world: World, host: Host, tries: number): Answer | null {
  for (let left = tries; ; left--) {
    const failed = trouble(world, host)
    if (!failed || left <= 1 || (failed.curl === 0 && failed.http < 500)) return failed
  }
}

export function* getOwner(run: Run, tries: number): Program<OwnerAnswer> {
  yield 'GET owner.json'
  const { world, host } = run
  const failed = trouble3(world, host, tries)
  const date = failed && failed.curl !== 0 ? null : world.now
  const at = world.now + host.clock
  if (failed) return { ...failed, etag: '', date, at, body: null }
  const { owner } = bucketFor(world, host)
  if (!owner) return { curl: 0, http: 404, s3: 'NoSuchKey', error: '', etag: '', date, at, body: null }
  return { curl: 0, http: 200, s3: '', error: '', etag: owner.etag, date, at, body: owner.body }
}

/**
 * A PUT whose answer may be lost, and which may land long after its sender has given up. `land` carries it out and says
 * with which status.
 */
export function send(world: World, from: Host | null, land: () => number, troubled = trouble): Answer {
  const failed = from && troubled(world, from)
  if (failed) {
    if (!from.cutOff && failed.curl !== 0 && world.random.chance(0.6)) {
      if (world.random.chance(0.5)) land()
      else world.inFlight.push({ from: from.board, land })
    }
    return failed
  }
  if (!from && world.random.chance(world.faulty)) {
    if (world.random.chance(0.5)) land()
    else world.inFlight.push({ from: null, land })
    return timeout
  }
  return { curl: 0, http: land(), s3: '', error: '' }
}

/** Writes an owner object under its condition, and tells the invariants when it was written. */
export function landOwner(world: World, name: string, body: string, condition: Condition): () => number {
  return () => {
    const before = ownerNow(world, name)
    const bucket = bucketOf(world, name)
    if (bucket.owner) world.olderOwners.push(bucket.owner)
    const status = putOwner(bucket, body, condition, world.ablation === 'if-match')
    if (status !== 200) return status
    const owner = parseOwner(body, 'owner.json')
    say(
      world,
      `BUCKET ${name}/owner.json: epoch ${owner.epoch} ${owner.path} holder ${owner.holder?.host} from ${JSON.stringify(owner.from)} ${JSON.stringify(owner.dbs)}`,
    )
    ownerWasWritten(world, owner, before)
    if (owner.holder !== null) world.newest = name
    return status
  }
}

export function* putOwnerOnce(run: Run, body: string, etag: string): Program<Answer> {
  yield 'PUT owner.json'
  return send(run.world, run.host, landOwner(run.world, nameOf(run.host), body, { etag }))
}

export type TipAnswer = { error: string } | { seq: number; dbs: Record<string, string>; etag: string } | null

export function* getTip(run: Run, path: string): Program<TipAnswer> {
  yield 'GET tip.json'
  const failed = trouble(run.world, run.host)
  if (failed) return { error: failed.curl === 0 ? `StatusCode: ${failed.http} ${failed.s3}` : 'no answer in time' }
  const tip = bucketFor(run.world, run.host).tips[path]
  return tip ? { ...(JSON.parse(tip.body) as { seq: number; dbs: Record<string, string> }), etag: tip.etag } : null
}

/** `landed` is called when the server has it, whether its answer comes back or not. */
export function* putTipOnce(
  run: Run,
  path: string,
  body: string,
  condition: Condition,
  landed: () => void,
): Program<number> {
  yield 'PUT tip.json'
  const { world, host } = run
  const name = nameOf(host)
  const answer = send(world, host, () => {
    const status = putTip(bucketOf(world, name), path, body, condition)
    if (status === 200) landed()
    return status
  })
  return answer.curl === 0 ? answer.http : 0
}

/** One LTX upload of the daemon: true when the server has said yes. */
export function upload(world: World, host: Host, path: string, db: string, ltx: Ltx): boolean {
  const { daemon } = host
  const name = nameOf(host)
  const land = (): number => {
    if (host.daemon !== daemon) world.ledger.faults.add('late')
    uploaded(world, host, path, db, ltx)
    putLtx(bucketOf(world, name), path, db, ltx)
    return 200
  }
  const answer = send(world, host, land, dataTrouble)
  return answer.curl === 0 && answer.http === 200
}

function words(failed: Answer): string {
  return failed.curl === 0 ? `StatusCode: ${failed.http}, ${failed.s3}` : 'no answer in time'
}

/** `ltx -level all`: what lies under a path. */
export function* lookRemote(run: Run, path: string): Program<Record<string, { max: string | null; error?: string }>> {
  const seen: Record<string, { max: string | null; error?: string }> = {}
  for (const db of dbsOf(run.host)) {
    yield `LIST ${path}/${db}`
    const failed = dataTrouble(run.world, run.host)
    const max = maxTxid(bucketFor(run.world, run.host), path, db)
    seen[db] = failed ? { max: null, error: words(failed) } : { max: max === null ? null : hexTxid(max) }
  }
  return seen
}

export interface PlanFact {
  rc: number
  min?: string
  max?: string
  bytes?: number
  error?: string
}

export function* planOf(run: Run, path: string, db: string): Program<PlanFact> {
  yield `plan of ${path}/${db}`
  const failed = dataTrouble(run.world, run.host)
  if (failed) return { rc: 1, error: words(failed) }
  const found = plan(bucketFor(run.world, run.host), path, db)
  if (!found.ok) return { rc: 1, error: found.error }
  const objects = chain(bucketFor(run.world, run.host), path, db)
  return { rc: 0, min: hexTxid(1), max: hexTxid(objects.at(-1)?.txid ?? 0), bytes: 4096 * objects.length }
}

/** A restore downloads what its plan names: the answer is that of the moment at which it ends. */
export function* download(
  run: Run,
  path: string,
  db: string,
  wanted: string,
): Program<{ rc: number; txid: string; error: string; rows: readonly number[] }> {
  yield `restore of ${path}/${db}`
  const { world } = run
  const failed = dataTrouble(world, run.host)
  if (failed) return { rc: 1, txid: '', error: words(failed), rows: [] }
  const found = plan(bucketFor(world, run.host), path, db)
  if (!found.ok) return { rc: 1, txid: '', error: found.error, rows: [] }
  const object =
    wanted === 'latest' ? found.objects.at(-1) : found.objects.find((each) => hexTxid(each.txid) === wanted)
  if (!object) return { rc: 1, txid: '', error: 'no matching backup files available', rows: [] }
  return { rc: 0, txid: hexTxid(object.txid), error: '', rows: object.rows }
}
