import { epochOf, parseOwner, type Owner } from '../../src/replica/owner.ts'
import { newHistory } from '../../src/replica/new-history.ts'
import { type ChosenSource, sourceOf, takeOver, type SourceSeen } from '../../src/replica/take-over.ts'
import type { Transition } from '../../src/replica/transitions.ts'
import { maxTxid, plan, type Bucket } from './bucket.ts'
import { content, hexTxid } from './disk.ts'
import { coverOnly } from './ledger.ts'
import { configure, freshPath, put, uuid } from './operator.ts'
import {
  bucketFor,
  cardOf,
  filesOf,
  idOf,
  nameOf,
  say,
  type Host,
  type Program,
  type Run,
  type World,
} from './world.ts'

/**
 * The forced CLAIM of ownership.md's table: this host, a new path.
 * restored  from the current path, or from where that one was to be restored: the product's own `takeOver` (`restore HOST`)
 * best      the last point that can be restored (`restore HOST --txid`), a stated choice: `takeOver` again
 * new       from the files of this host, or empty (`--new-history`), a stated choice, likewise
 */
export type Order = 'restored' | 'best' | 'new'

/** `insists`: a person who is refused goes the way that the refusal names. */
export function* forceClaim(run: Run, order: Order, insists = false): Program {
  const { world, host } = run
  if (order === 'new') {
    // nothing of this host may go to the old path after its end was written down
    host.daemon = null
    host.litestream = 'down'
    host.litestreamWanted = false
  }
  yield 'operator reads owner.json'
  if (!host.card) return
  // A card that was put in is the app's as it is called now; when nothing was uploaded under that name yet, as it was called before.
  if (isBlank(host)) callIt(host, nameWithCopy(world, null) ?? world.newest)
  yield* claim(run, order, insists)
}

function* claim(run: Run, order: Order, insists: boolean): Program {
  const { world, host } = run
  const found = bucketFor(world, host).owner
  if (!found) return
  const owner = parseOwner(found.body, 'owner.json')
  const step = order === 'new' ? anew(run, owner) : restored(run, owner, order)
  if (step.kind !== 'next') {
    say(world, `operator: ${step.kind}`)
    if (!insists || step.kind === 'unchanged') return
    const earlier = nameWithCopy(world, nameOf(host))
    if (step.kind === 'restore-data-elsewhere' && isBlank(host) && earlier !== null) {
      callIt(host, earlier)
      return yield* claim(run, order, false)
    }
    return yield* claim(run, 'best', false)
  }
  if ((yield* put(run, step.owner, { etag: found.etag }, true)) !== 'done') return
  // who was told that the owner object went back, and goes on from it, has chosen too
  if (order !== 'restored' || wasTold(host)) chosen(world, host, step.owner)
  if (!cardOf(host).dbs) configure(run, world.dbs)
  host.wanted = true
}

function isBlank({ card }: Host): boolean {
  return card !== null && card.dbs === null && card.manifest === null
}

function callIt({ card }: Host, name: string): void {
  if (card) Object.assign(card, { name, bearer: name })
}

/** The newest name, before all others, under which anything was uploaded; but not this one. */
function nameWithCopy(world: World, except: string | null): string | null {
  const names = [...Object.keys(world.buckets), world.newest].filter((name) => name !== except)
  return names.findLast((name) => hasCopy(world, name)) ?? null
}

/** What an order to go on from another machine's files leaves to be restored lies under the earlier name. */
function liesElsewhere(world: World, host: Host, next: Owner): boolean {
  return next.from === null && nameWithCopy(world, nameOf(host)) !== null
}

function restored({ world, host }: Pick<Run, 'world' | 'host'>, owner: Owner, order: 'restored' | 'best'): Transition {
  const bucket = bucketFor(world, host)
  const claimPath = wasTold(host) ? (host.card?.state.claim?.path ?? null) : null
  const holder = { host: host.name, id: idOf(world, host) }
  const { uid, gid } = owner
  const wish = { holder, uid, gid, dbs: world.dbs, write: uuid(world), claimPath }
  const chosen = order === 'best' ? bestPoint(world, bucket, owner) : null
  // nothing is left to choose from: what is left is to begin anew, empty
  if (order === 'best' && chosen === null)
    return liesElsewhere(world, host, { ...owner, from: null })
      ? { kind: 'unchanged', owner }
      : anew({ world, host }, owner, true)
  const request = { ...wish, pathOf: (epoch: number) => freshPath(world, epoch) }
  const step = takeOver(owner, request, seenIn(world, bucket, owner), chosen)
  return step.kind === 'next' && liesElsewhere(world, host, step.owner) ? { kind: 'unchanged', owner } : step
}

/** src/replica/choose-point.ts; null where nothing can be restored at all. */
function bestPoint(world: World, bucket: Bucket, owner: Owner): ChosenSource | null {
  const path = replicaPath(world, bucket, owner)
  const names = namesOf(world, bucket, owner)
  const dbs = names.flatMap((db): [string, string][] => {
    const best = lastPoint(bucket, path, db)
    return best === null ? [] : [[db, best]]
  })
  if (dbs.length === 0) return null
  const ends = Object.fromEntries([path, owner.path].map((each) => [each, shown(bucket, names, each)]))
  return { path, dbs: Object.fromEntries(dbs), ends }
}

/** src/replica/source-seen.ts */
function seenIn(world: World, bucket: Bucket, owner: Owner): SourceSeen {
  const { dbs } = world
  const path = sourceOf(owner)
  const known = new Set([owner.path, ...owner.past.map((entry) => entry.path)])
  const newer = Object.keys(bucket.tips).find((each) => epochOf(each) >= owner.epoch && !known.has(each))
  return {
    dbs: dbs.filter((db) => maxTxid(bucket, path, db) !== null),
    marked: dbs.filter((db) => markedIn(bucket, path, db)),
    // The operator's side of the SPLIT check: both are taken away together.
    newer: world.ablation === 'split-check' ? null : (newer ?? null),
  }
}

/** The product's own; what people are shown of the replica and of the files here is what is there. */
function anew({ world, host }: Pick<Run, 'world' | 'host'>, owner: Owner, empty = false): Transition {
  const bucket = bucketFor(world, host)
  const names = namesOf(world, bucket, owner)
  const { uid, gid } = owner
  const claimPath = host.card?.state.claim?.path ?? null
  const holder = { host: host.name, id: idOf(world, host) }
  const request = { holder, uid, gid, dbs: names, write: uuid(world), claimPath }
  return newHistory(
    owner,
    { ...request, pathOf: (epoch) => freshPath(world, epoch) },
    {
      files: empty ? {} : filesHere(host, names),
      ends: shown(bucket, names, owner.path),
      wayOut: true,
      agreed: owner.path,
    },
  )
}

function hasCopy({ buckets }: World, name: string): boolean {
  return Object.values(buckets[name]?.chains ?? {}).some((objects) => objects.length > 0)
}

/** Where the replica's newest copy lies: a new history that was ordered from a host's own files has none yet. */
function replicaPath({ dbs }: World, bucket: Bucket, owner: Owner): string {
  if (!owner.from) return owner.path
  if ('path' in owner.from) return owner.from.path
  const copied = owner.past.findLast(({ path }) => dbs.some((db) => maxTxid(bucket, path, db) !== null))
  return copied?.path ?? owner.path
}

/** A host may have been given a database, and have uploaded it, before the owner object named it: CLAIM lists the path. */
function namesOf(world: World, bucket: Bucket, owner: Owner): string[] {
  const path = replicaPath(world, bucket, owner)
  return [...new Set([...Object.keys(owner.dbs), ...world.dbs.filter((db) => maxTxid(bucket, path, db) !== null)])]
}

function filesHere(host: Host, names: readonly string[]): Record<string, string> {
  // told that the files are behind their own position, a person goes on from them as they are
  const asTheyAre = host.reason?.code === 'local-behind'
  const here = names.filter((db) => filesOf(host, db).exists)
  return Object.fromEntries(here.map((db) => [db, asTheyAre ? 'latest' : hexTxid(filesOf(host, db).l0?.max ?? 0)]))
}

/** After the bucket has gone back, its tip.json, written since, may be all that tells of a database. */
function markedIn(bucket: Bucket, path: string, db: string): boolean {
  const tip = bucket.tips[path]
  return tip !== undefined && Object.hasOwn((JSON.parse(tip.body) as { dbs: Record<string, string> }).dbs, db)
}

function lastPoint(bucket: Bucket, path: string, db: string): string | null {
  const whole = plan(bucket, path, db)
  if (whole.ok) return hexTxid(whole.objects.at(-1)?.txid ?? 0)
  return /have up to ([0-9a-f]{16})/.exec(whole.error)?.[1] ?? null
}

function shown(bucket: Bucket, names: readonly string[], path: string): Record<string, string> {
  return Object.fromEntries(names.map((db) => [db, hexTxid(maxTxid(bucket, path, db) ?? 0)]))
}

/** From here on only what was chosen is missed. */
function chosen(world: World, host: Host, owner: Owner): void {
  world.ledger.faults.add('new-history')
  for (const db of Object.keys(owner.dbs)) {
    const { from } = owner
    const point = from?.dbs[db]
    if (point === undefined || !from) coverOnly(world.ledger, db, [])
    else if ('local' in from) coverOnly(world.ledger, db, content(filesOf(host, db)))
    else {
      const objects = bucketFor(world, host).chains[`${from.path}/${db}`] ?? []
      coverOnly(
        world.ledger,
        db,
        (point === 'latest' ? objects.at(-1) : objects.find((object) => hexTxid(object.txid) === point))?.rows ?? [],
      )
    }
  }
}

/** The gate has refused, and has named `restore` as the way back to what the replica holds. */
function wasTold(host: Host): boolean {
  return host.reason?.code === 'rolled-back' || host.reason?.code === 'split'
}
