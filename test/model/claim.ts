import { parseOwner, type Owner } from '../../src/replica/owner.ts'
import { maxTxid, plan, type Bucket } from './bucket.ts'
import { content, hexTxid } from './disk.ts'
import { coverOnly } from './ledger.ts'
import { configure, freshPath, put, uuid } from './operator.ts'
import { bucketFor, cardOf, filesOf, idOf, nameOf, type Host, type Program, type Run, type World } from './world.ts'

/**
 * The forced CLAIM of ownership.md's table, as the operator of a later release makes it: this host, a new path.
 * restored  from the current path, or from where that one was to be restored (`restore HOST`)
 * best      the last point that can be restored (`restore HOST --at`), a stated choice
 * new       from the files of this host, or empty (`--new-history`), a stated choice
 */
export type Order = 'restored' | 'best' | 'new'

export function* forceClaim(run: Run, ordered: Order): Program {
  const { world, host } = run
  let order = ordered
  if (order === 'new') {
    // nothing of this host may go to the old path after its end was written down
    host.daemon = null
    host.litestream = 'down'
    host.litestreamWanted = false
  }
  yield 'operator reads owner.json'
  if (!host.card) return
  // A card that was put in is the app's as it is called now; when nothing was uploaded under that name yet, as it was called before.
  if (!host.card.dbs && host.card.manifest === null) {
    const name = hasCopy(world, world.newest)
      ? world.newest
      : Object.keys(world.buckets).findLast((each) => hasCopy(world, each))
    Object.assign(host.card, { name: name ?? world.newest, bearer: name ?? world.newest })
  }
  const bucket = bucketFor(world, host)
  if (!bucket.owner) return
  const owner = parseOwner(bucket.owner.body, 'owner.json')
  const reachable = world.hosts.filter((each) => each.up && !each.cutOff && nameOf(each) === nameOf(host))
  const epoch = Math.max(owner.epoch, ...reachable.map((each) => each.card?.state.claim?.epoch ?? 0)) + 1
  const names = namesOf(world, bucket, owner)
  // All of the newest path is lost: an older one is a choice of its points, and never just its latest.
  if (order === 'restored' && replicaPath(world, bucket, owner) !== newestPath(owner)) order = 'best'
  const from = source(world, host, owner, order)
  const elsewhere = Object.keys(world.buckets).some((name) => name !== nameOf(host) && hasCopy(world, name))
  // What an order to go on from another machine's files leaves to be restored lies under the earlier name.
  if (order !== 'new' && from === null && elsewhere) return
  const kept = Object.keys(from?.dbs ?? {})
  const old = {
    path: owner.path,
    host: owner.holder?.host ?? '',
    end: order === 'new' ? shown(bucket, names, owner.path) : null,
  }
  // What lies beyond a chosen point was seen when it was chosen: it is no second history.
  const ended = (entry: Owner['past'][number]) =>
    order === 'best' && from && 'path' in from && entry.path === from.path && entry.end === null
      ? { ...entry, end: shown(bucket, names, entry.path) }
      : entry
  const next: Owner = {
    ...owner,
    epoch,
    from,
    path: freshPath(world, epoch),
    write: uuid(world),
    holder: { host: host.name, id: idOf(world, host) },
    // what is not taken over begins anew
    dbs: Object.fromEntries(names.map((db) => [db, { init: kept.includes(db) && owner.dbs[db]?.init === true }])),
    // its release has written down where it ended
    past: [...owner.past, ...answered(host, owner), ...(owner.holder === null ? [] : [old])].map(ended).slice(-20),
  }
  if ((yield* put(run, next, { etag: bucket.owner.etag }, true)) !== 'done') return
  // who was told that the owner object went back, and goes on from it, has chosen too
  if (order !== 'restored' || wasTold(host)) chosen(world, host, next)
  if (!cardOf(host).dbs) configure(run, world.dbs)
  host.wanted = true
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

/** Where the newest rows were uploaded to, whatever is left of it. */
function newestPath(owner: Owner): string {
  if (!owner.from) return owner.path
  return 'path' in owner.from ? owner.from.path : (owner.past.at(-1)?.path ?? owner.path)
}

/** A host may have been given a database, and have uploaded it, before the owner object named it: CLAIM lists the path. */
function namesOf(world: World, bucket: Bucket, owner: Owner): string[] {
  const path = replicaPath(world, bucket, owner)
  return [...new Set([...Object.keys(owner.dbs), ...world.dbs.filter((db) => maxTxid(bucket, path, db) !== null)])]
}

function source(world: World, host: Host, owner: Owner, order: Order): Owner['from'] {
  const bucket = bucketFor(world, host)
  const names = namesOf(world, bucket, owner)
  if (order === 'new') {
    // told that the files are behind their own position, a person goes on from them as they are
    const asTheyAre = host.reason?.code === 'local-behind'
    const here = names.filter((db) => filesOf(host, db).exists)
    const dbs = here.map((db) => [db, asTheyAre ? 'latest' : hexTxid(filesOf(host, db).l0?.max ?? 0)] as const)
    return here.length > 0 ? { local: idOf(world, host), dbs: Object.fromEntries(dbs) } : null
  }
  if (order === 'restored' && owner.from && 'path' in owner.from) {
    // inherited; and what has come to lie there since that order was given
    const { from } = owner
    const since = names.filter((db) => from.dbs[db] === undefined && maxTxid(bucket, from.path, db) !== null)
    return { ...from, dbs: { ...from.dbs, ...Object.fromEntries(since.map((db) => [db, 'latest'])) } }
  }
  const path = replicaPath(world, bucket, owner)
  const dbs = names.flatMap((db): [string, string][] => {
    if (order === 'best') {
      const best = lastPoint(bucket, path, db)
      return best === null ? [] : [[db, best]]
    }
    const there = owner.dbs[db]?.init || maxTxid(bucket, path, db) !== null || markedIn(bucket, path, db)
    return there ? [[db, 'latest']] : []
  })
  return dbs.length > 0 ? { path, dbs: Object.fromEntries(dbs) } : null
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

/** A person who was told that the owner object does not know the path here, and goes on: from then on it knows it. */
function answered(host: Host, owner: Owner): Owner['past'] {
  const path = host.card?.state.claim?.path
  if (path === undefined || !wasTold(host)) return []
  if (path === owner.path || owner.past.some((entry) => entry.path === path)) return []
  return [{ path, host: host.name, end: null }]
}
