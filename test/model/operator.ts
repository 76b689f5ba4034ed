import { formatOwner, parseOwner, type Owner } from '../../src/replica/owner.ts'
import { create, setDatabases } from '../../src/replica/transitions.ts'
import { maxTxid, type Condition } from './bucket.ts'
import { hexTxid } from './disk.ts'
import { coverOnly } from './ledger.ts'
import { landOwner, send } from './requests.ts'
import { app, cardOf, dbsOf, filesOf, idOf, say, type Host, type Program, type Run, type World } from './world.ts'

/** What people's machines do: src/replica/ensure.ts around the product's own pure transitions, and the orders that come later. */
export function operate(world: World, host: Host, name: string, program: (run: Run) => Program): void {
  const run: Run = { name, host, world, began: world.now, gone: false }
  world.operators.push({ run, steps: program(run), fresh: true })
}

/** `provision`: CREATE or DBS, and the configuration on the host, which is then wanted up. */
export function* provision(run: Run): Program {
  const { world, host } = run
  const dbs = world.dbs
  const first = world.random.chance(0.5)
  if (first) configure(run, dbs)
  for (let round = 0; round < 5; round++) {
    yield 'operator reads owner.json'
    const { bucket } = world
    const found = bucket.owner && { etag: bucket.owner.etag, owner: parseOwner(bucket.owner.body, 'owner.json') }
    if (!host.card) return
    const wish = { holder: { host: host.name, id: idOf(world, host) }, uid: 900, gid: 900, dbs, write: uuid(world) }
    yield 'operator lists the prefix'
    const step = found ? setDatabases(found.owner, wish) : create(keys(world), { ...wish, path: freshPath(world, 1) })
    if (step.kind === 'unchanged') break
    if (step.kind !== 'next') {
      say(world, `operator: ${step.kind}`)
      return
    }
    const done = yield* put(run, step.owner, found ? { etag: found.etag } : 'absent', !found)
    if (done === 'unknown') return
    if (done === 'done') break
  }
  if (!first) configure(run, dbs)
}

function configure(run: Run, dbs: readonly string[]): void {
  const { host } = run
  if (!host.card || !host.up) return
  host.card.dbs = dbs
  host.wanted = true
}

function keys(world: World): string[] {
  return Object.entries(world.bucket.chains)
    .filter(([, chain]) => chain.length > 0)
    .map(([key]) => `${app}/${key}`)
}

function uuid(world: World): string {
  world.counter += 1
  return `11111111-0000-4000-8000-${world.counter.toString(16).padStart(12, '0')}`
}

function freshPath(world: World, epoch: number): string {
  return `e${String(epoch).padStart(4, '0')}-${world.ablation === 'random-suffix' ? '00000000' : world.random.hex(8)}`
}

/** src/replica/put.ts: the same request until the server says yes or "condition failed". */
function* put(run: Run, next: Owner, condition: Condition, ownsPath: boolean): Program<'done' | 'lost' | 'unknown'> {
  const { world } = run
  for (let tries = 0; tries < 12; tries++) {
    yield 'operator PUTs owner.json'
    const answer = send(world, null, landOwner(world, formatOwner(next), condition))
    if (answer.curl === 0 && answer.http === 200) return 'done'
    if (answer.curl === 0 && answer.http === 412) {
      yield 'operator reads owner.json after 412'
      const current = world.bucket.owner && parseOwner(world.bucket.owner.body, 'owner.json')
      return current && (current.write === next.write || (ownsPath && current.path === next.path)) ? 'done' : 'lost'
    }
    world.now += 2
  }
  return 'unknown'
}

/**
 * A forced CLAIM for this host (`restore HOST`), as a later operator makes it: a new path, restored from the current one.
 * `history: 'new'` is `--new-history`: from the files of this host, or empty.
 */
export function* forceClaim(run: Run, history: 'restored' | 'new' = 'restored'): Program {
  const { world, host } = run
  if (history === 'new') {
    // nothing of this host may go to the old path after its end was written down
    host.daemon = null
    host.litestream = 'down'
    host.litestreamWanted = false
  }
  yield 'operator reads owner.json'
  const { bucket } = world
  if (!bucket.owner || !host.card) return
  const owner = parseOwner(bucket.owner.body, 'owner.json')
  const claims = world.hosts.map((each) => (each.up && !each.cutOff ? (each.card?.state.claim?.epoch ?? 0) : 0))
  const epoch = Math.max(owner.epoch, ...claims) + 1
  const dbs = Object.keys(owner.dbs)
  const local = dbs.filter((db) => filesOf(host, db).exists)
  let from: Owner['from'] = owner.from
  if (history === 'new') {
    // told that the files are behind their own position, a person goes on from them as they are
    const asTheyAre = host.reason?.code === 'local-behind'
    const txids = local.map((db) => [db, asTheyAre ? 'latest' : hexTxid(filesOf(host, db).l0?.max ?? 0)] as const)
    from = local.length > 0 ? { local: idOf(world, host), dbs: Object.fromEntries(txids) } : null
  } else if (!from) {
    const named = dbs.filter((db) => owner.dbs[db]?.init || maxTxid(bucket, owner.path, db) !== null)
    from =
      named.length > 0
        ? { path: owner.path, dbs: Object.fromEntries(named.map((db) => [db, 'latest' as const])) }
        : null
  }
  const end =
    history === 'new' ? Object.fromEntries(dbs.map((db) => [db, hexTxid(maxTxid(bucket, owner.path, db) ?? 0)])) : null
  const next: Owner = {
    ...owner,
    epoch,
    from,
    path: freshPath(world, epoch),
    write: uuid(world),
    holder: { host: host.name, id: idOf(world, host) },
    dbs: history === 'new' && !from ? Object.fromEntries(dbs.map((db) => [db, { init: false }])) : owner.dbs,
    past: [...owner.past, ...answered(host, owner), { path: owner.path, host: owner.holder?.host ?? '', end }].slice(
      -20,
    ),
  }
  const done = yield* put(run, next, { etag: bucket.owner.etag }, true)
  if (done !== 'done') return
  if (history === 'new') {
    world.ledger.faults.add('new-history')
    for (const db of dbs) coverOnly(world.ledger, db, from ? rowsOf(host, db) : [])
  }
  if (!cardOf(host).dbs) configure(run, world.dbs)
  host.wanted = true
}

function rowsOf(host: Host, db: string): readonly number[] {
  const files = filesOf(host, db)
  return dbsOf(host).length === 0
    ? []
    : files.wal && !files.wal.checkpointed
      ? [...files.base, ...files.wal.rows]
      : files.base
}

/** A person who was told that the owner object does not know the path here, and goes on: from then on it knows it. */
function answered(host: Host, owner: Owner): Owner['past'] {
  const path = host.card?.state.claim?.path
  if (path === undefined || (host.reason?.code !== 'rolled-back' && host.reason?.code !== 'split')) return []
  if (path === owner.path || owner.past.some((entry) => entry.path === path)) return []
  return [{ path, host: host.name, end: null }]
}
