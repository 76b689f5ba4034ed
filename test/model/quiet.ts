import type { Owner } from '../../src/replica/owner.ts'
import { chain } from './bucket.ts'
import { content, hexTxid } from './disk.ts'
import { beyondKnowledge, violated } from './invariants.ts'
import { missing } from './ledger.ts'
import { forceClaim } from './claim.ts'
import { operate, provision } from './operator.ts'
import { provisionAs } from './rename.ts'
import { advance, litestream, systemd, timer, write } from './turns.ts'
import { boot } from './units.ts'
import type { Verdicts } from './verdicts.ts'
import {
  bucketFor,
  bucketOf,
  dbsOf,
  filesOf,
  idOf,
  nameOf,
  ownerNow,
  say,
  type Host,
  type Named,
  type World,
} from './world.ts'

/**
 * Invariant 4: the faults have ended. Some holder serves, or a refusal names a way out, and that way out works; and nobody
 * else serves any more (invariant 2).
 */
export async function settle(world: World, verdicts: Verdicts, stopped: () => boolean): Promise<void> {
  for (const host of world.hosts)
    say(
      world,
      `board ${host.board}: up ${host.up} wanted ${host.wanted} app ${host.app} litestream ${host.litestream} lock ${host.lock?.name} tasks ${host.tasks.map((task) => task.run.name).join(', ')}`,
    )
  say(world, 'QUIET: the faults have ended')
  Object.assign(world, { faulty: 0, slowToUpload: null, dataDown: false })
  for (const late of world.inFlight.splice(0)) if (world.random.chance(0.7)) late.land()
  for (const host of world.hosts) {
    Object.assign(host, { clock: 0, synchronised: true, cutOff: false })
    boot(world, host)
  }
  const tried: string[] = []
  for (let order = 0; order < (world.renames ? 10 : 6); order++) {
    await calm(world, verdicts, stopped)
    if (stopped() || world.ledger.violations.length > 0) return
    const holder = holderOf(world)
    if (holder && serves(world, holder)) return verdictOf(world, holder)
    const order = wayOut(world, holder)
    say(world, `way out: ${order.name} (${order.why})`)
    tried.push(order.why)
    order.take()
  }
  violated(world, `nobody serves after the faults have ended, whatever was tried: ${tried.join('; ')}`)
}

/** Time passes until everything that is at work has come to its end, and the timer has run a few times. */
async function calm(world: World, verdicts: Verdicts, stopped: () => boolean): Promise<void> {
  // the timer looks at one of the past paths at each of its runs
  const rounds = 5 + (ownerNow(world)?.past.length ?? 0)
  const epoch = ownerNow(world)?.epoch ?? 0
  for (let round = 0; round < rounds + 3; round++) {
    for (const host of world.hosts) {
      boot(world, host)
      systemd(world, host)
      timer(world, host)
    }
    for (let turn = 0; turn < 60; turn++) {
      const tasks = [...world.operators, ...world.hosts.flatMap((host) => host.tasks)]
      if (tasks.length === 0 || stopped()) break
      for (const task of tasks) await advance(world, verdicts, task, 8)
      for (const host of world.hosts) litestream(world, host)
      world.now += 1
    }
    if ((ownerNow(world)?.epoch ?? 0) > epoch + 20)
      violated(world, 'one claim follows the other although nothing goes wrong any more')
    if (world.ledger.violations.length > 0) return
    for (const host of world.hosts) if (round < 3) write(world, host)
    const holder = holderOf(world)
    if (round >= rounds - 1 && holder && serves(world, holder)) return
  }
}

function holderOf(world: World): Host | null {
  const holders = world.hosts.filter(
    (host) => host.up && host.card !== null && ownerNow(world, nameOf(host))?.holder?.id === idOf(world, host),
  )
  return holders.find((host) => serves(world, host)) ?? holders[0] ?? null
}

function serves(world: World, host: Host): boolean {
  return (
    host.app === 'up' &&
    host.daemon !== null &&
    host.daemon.path === ownerNow(world, nameOf(host))?.path &&
    host.proofHeld
  )
}

function verdictOf(world: World, holder: Host): void {
  for (const host of world.hosts) {
    if (host !== holder && host.app === 'up')
      violated(world, `board ${host.board} still serves, and board ${holder.board} holds the app`)
  }
  for (const db of dbsOf(holder)) {
    const lost = missing(world.ledger, db, content(filesOf(holder, db)))
    if (lost.length > 0 && !world.ledger.splitTold && !beyondKnowledge(world))
      violated(world, `at the end rows ${lost.join(' ')} of ${db}, which a proof had covered, are gone`)
  }
  twoHistories(world, holder)
}

/** What was written to a path after its successor had started from it is told. */
function twoHistories(world: World, holder: Host): void {
  for (const old of ownerNow(world, nameOf(holder))?.past ?? []) {
    if (old.end === null) continue
    for (const db of dbsOf(holder)) {
      // of a database that the end does not name, nothing was taken over
      const end = old.end[db] ?? hexTxid(0)
      const newest = chain(bucketFor(world, holder), old.path, db).at(-1)
      if (newest && hexTxid(newest.txid) > end && !world.ledger.splitTold)
        violated(world, `${old.path}/${db} went on to ${newest.txid} after ${end}, and nobody was told`)
    }
  }
}

/** What a person does who reads the refusal. */
function wayOut(world: World, holder: Host | null): { name: string; why: string; take: () => void } {
  const [first] = world.hosts
  const target = holder ?? first
  if (!target) throw new Error('a world has hosts')
  const why = holder?.reason?.code ?? ([...(holder?.alerts ?? [])].at(-1) || 'no holder is up')
  const next = holder?.reason?.next ?? ''
  const run = (name: string, program: typeof provision) => ({
    name,
    why,
    take: () => operate(world, target, name, program),
  })
  const newest = world.olderOwners.toSorted((one, other) => epochOf(one.body) - epochOf(other.body)).at(-1)
  const bucket = bucketOf(world, world.newest)
  if (!bucket.owner && newest) return { name: 'bring the object back', why, take: () => (bucket.owner = newest) }
  const named = world.renames ? nextName(world, target) : undefined
  if (named) {
    world.ledger.faults.add(`called ${named.name}`)
    return run(`call it ${named.name}`, (task) => provisionAs(task, named))
  }
  if (bucket.owner && !holder) return run('restore', (task) => forceClaim(task, 'restored', true))
  if (!bucket.owner || !target.card?.dbs || why === 'database-unknown' || why === 'database-left')
    return run('provision', provision)
  const transient = ['not-proven', 'litestream-down', 'busy', 'clock', 'other-holder']
  if (holder && transient.includes(why) && !world.ledger.faults.has('waited'))
    return { name: 'wait', why, take: () => patience(world) }
  if (next.includes('streamside restore') && !world.ledger.faults.has(`tried-${why}`)) {
    world.ledger.faults.add(`tried-${why}`)
    return run('restore', (task) => forceClaim(task, /--at|--txid/.test(next) ? 'best' : 'restored', true))
  }
  if (why === 'released') return run('restore', (task) => forceClaim(task, 'restored', true))
  return run('--new-history', (task) => forceClaim(task, 'new'))
}

/** The inventory as it is, then with the rename given up, be it to its newest name or to any that it had. */
function nextName(world: World, target: Host): Named | undefined {
  const was = nameOf(target)
  const names = [world.newest, was, ...Object.keys(world.buckets)]
  return [world.inventory, ...names.map((name) => ({ name, was: was === name ? null : was }))].find(
    ({ name }) => !world.ledger.faults.has(`called ${name}`),
  )
}

function epochOf(body: string): number {
  return (JSON.parse(body) as Owner).epoch
}

/** Once: what goes on after that is not a matter of time. */
function patience(world: World): void {
  world.ledger.faults.add('waited')
  world.now += 900
}
