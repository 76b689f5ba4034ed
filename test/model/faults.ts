import { chain, emptyBucket } from './bucket.ts'
import { cutPower, noFiles } from './disk.ts'
import { coverOnly, forget, onlyTipped, tippedOnly } from './ledger.ts'
import { forceClaim } from './claim.ts'
import { operate, provision } from './operator.ts'
import { newState, type Card } from './card.ts'
import { losePower } from './power.ts'
import { provisionAs } from './rename.ts'
import { boot, daemonEnds, kill, shutDown, stopApp } from './units.ts'
import {
  app,
  bucketOf,
  cardOf,
  copyOf,
  dbsOf,
  newCard,
  ownerNow,
  say,
  type Host,
  type Named,
  type World,
} from './world.ts'

/** What goes wrong. Each takes the world as it is, and says whether it could happen. */
export const faults: Record<string, (world: World, host: Host) => void> = {
  'power-cut': (world, host) => {
    if (host.up) losePower(world, host)
  },
  boot: (world, host) => {
    if (host.up) shutDown(world, host)
    else boot(world, host)
  },
  crash: (world, host) => {
    stopApp(world, host, false)
  },
  stop: (world, host) => {
    stopApp(world, host, true)
  },
  'daemon-dies': (world, host) => {
    if (host.daemon) daemonEnds(world, host)
  },
  sigkill: (world, host) => {
    const task = host.tasks.length > 0 ? world.random.pick(host.tasks) : null
    if (!task) return
    // systemd runs what follows an app's end also when its gate was killed
    if (task.run.name === 'gate') return stopApp(world, host, false)
    kill(host, task)
    if (task.run.name === 'stopped') Object.assign(host, { app: 'down', running: false })
    if (task.run.name === 'litestream check') host.litestream = 'down'
  },
  // The program that orders it takes it back when nothing came of it: here it lies in wait, which allows more.
  'start-offline': (_, host) => {
    if (host.up) host.once = true
  },
  'cut-off': (_, host) => {
    host.cutOff = !host.cutOff
  },
  'data-down': (world) => {
    world.dataDown = !world.dataDown
  },
  clock: (world, host) => {
    host.clock = host.clock === 0 ? world.random.pick([-7200, -400, 400, 7200]) : 0
    host.synchronised = host.clock === 0
  },
  image: (world, host) => {
    if (host.card) world.images.push(imageOf(world, host.card))
  },
  'old-image': (world, host) => {
    const image = imageFor(world, host)
    if (!image) return
    settleUploads(world, host)
    losePower(world, host)
    host.card = copyOf(image)
    if (world.ephemeral) for (const folder of [host.card, ...Object.values(host.card.others)]) folder.files = {}
  },
  clone: (world, host) => {
    const board = world.hosts[2]
    if (!board || board === host || !host.card) return
    stopForNewCard(world, board)
    board.card = imageOf(world, host.card)
    board.wanted = host.wanted
    boot(world, board)
  },
  'files-back': (world, host) => {
    const image = imageFor(world, host)
    if (!image || host.app !== 'down' || host.daemon || host.tasks.length > 0) return
    for (const db of dbsOf(host)) {
      const old = image.files[db]
      if (!old?.exists || world.random.chance(0.3)) continue
      world.counter += 1
      // copied: a new inode, of an old time or of now
      const mtime = world.random.chance(0.5) ? world.now : old.mtime
      cardOf(host).files[db] = { ...copyOf(old), inode: world.counter, mtime, l0: cardOf(host).files[db]?.l0 ?? null }
    }
  },
  'files-deleted': (world, host) => {
    stopApp(world, host, false)
    if (host.daemon) daemonEnds(world, host)
    for (const db of dbsOf(host)) {
      if (world.random.chance(0.3)) continue
      const l0 = world.random.chance(0.5) ? (cardOf(host).files[db]?.l0 ?? null) : null
      cardOf(host).files[db] = { ...noFiles(), l0 }
    }
  },
  'state-wiped': (world, host) => {
    if (!host.card) return
    stopForNewCard(world, host)
    host.card = { ...newCard(world), machineId: host.card.machineId }
    boot(world, host)
  },
  'new-card': (world, host) => {
    stopForNewCard(world, host)
    host.card = newCard(world)
    boot(world, host)
  },
  'claim-lost': (world, host) => {
    if (!host.card || host.app !== 'down' || host.tasks.length > 0) return
    host.card.state = newState()
    world.ledger.faults.add('state-wiped')
  },
  'objects-lost': (world) => {
    const owner = ownerNow(world)
    const bucket = bucketOf(world, world.newest)
    if (!owner) return
    for (const db of Object.keys(owner.dbs)) {
      const path = owner.from && 'path' in owner.from && world.random.chance(0.5) ? owner.from.path : owner.path
      const objects = chain(bucket, path, db)
      const left = world.random.chance(0.15) ? 0 : Math.max(0, objects.length - 1 - world.random.int(3))
      bucket.chains[`${path}/${db}`] = objects.slice(0, left)
      onlyTipped(world.ledger, db)
    }
  },
  'bucket-kept': (world) => {
    world.olderBuckets.push(copyOf(bucketOf(world, world.newest)))
  },
  rollback: (world) => {
    const old = world.random.chance(0.1) ? emptyBucket() : (world.olderBuckets[0] ?? null)
    if (!old) return
    const bucket = bucketOf(world, world.newest)
    if (bucket.owner) world.olderOwners.push(bucket.owner)
    world.buckets[world.newest] = { ...copyOf(old), etags: bucket.etags }
    // What only the later bucket held is gone, and no host can know of it: what is left is what can be missed.
    for (const db of ['a', 'b']) {
      const left = restorable(world, db)
      coverOnly(world.ledger, db, left)
      tippedOnly(world.ledger, db, tipsLeadTo(world, db) ? left : [])
    }
  },
  'owner-rollback': (world) => {
    const old = world.olderOwners.length > 0 ? world.random.pick(world.olderOwners) : null
    if (!old) return
    const bucket = bucketOf(world, world.newest)
    if (bucket.owner) world.olderOwners.push(bucket.owner)
    bucket.etags += 1
    bucket.owner = { body: old.body, etag: `"${bucket.etags}"` }
    for (const db of ['a', 'b']) forget(world.ledger, db, restorable(world, db))
  },
  provision: (world) => {
    if (world.renames) return rename(world, world.inventory)
    operate(world, world.random.pick(world.hosts.slice(0, world.random.chance(0.8) ? 1 : 2)), 'provision', provision)
  },
  rename: (world) => {
    const names = [...new Set([...Object.keys(world.buckets), app, 'shop', 'store'])]
    const name = world.random.pick(names)
    const was = world.random.chance(0.7) ? world.newest : world.random.pick(names)
    const inventory = { name, was: was === name ? null : was }
    if (world.random.chance(0.8)) world.inventory = inventory
    rename(world, inventory)
  },
  'add-db': (world) => {
    world.dbs = ['a', 'b']
    const [host] = world.hosts
    if (world.renames) return rename(world, world.inventory)
    if (host) operate(world, host, 'provision', provision)
  },
  'forced-claim': (world) => {
    operate(world, world.random.pick(world.hosts.filter((host) => host.card !== null)), 'restore', (run) =>
      forceClaim(run, 'restored'),
    )
  },
  // the first upload of a big database takes hours on a slow line
  'slow-upload': (world) => {
    world.slowToUpload = world.slowToUpload === null ? world.random.pick(world.dbs) : null
  },
  'operator-dies': (world) => {
    world.operators.splice(0, 1)
  },
  'hours-pass': (world) => {
    world.now += world.random.pick([300, 3600, 30 * 3600])
  },
}

function rename(world: World, inventory: Named): void {
  const board = world.random.chance(0.85) ? 0 : world.random.int(world.hosts.length)
  const host = world.hosts[board]
  if (host) operate(world, host, `provision ${inventory.name}`, (run) => provisionAs(run, inventory))
}

/** What the owner object leads to, as it is now. */
function restorable(world: World, db: string): readonly number[] {
  const owner = ownerNow(world)
  const path = owner?.from && 'path' in owner.from ? owner.from.path : (owner?.path ?? '')
  return chain(bucketOf(world, world.newest), path, db).at(-1)?.rows ?? []
}

/** Does a tip.json of where the owner object leads to tell of it? */
function tipsLeadTo(world: World, db: string): boolean {
  const owner = ownerNow(world)
  const paths = [owner?.path ?? '', owner?.from && 'path' in owner.from ? owner.from.path : '']
  return paths.some((path) => {
    const tip = bucketOf(world, world.newest).tips[path]
    return tip !== undefined && Object.hasOwn((JSON.parse(tip.body) as { dbs: object }).dbs, db)
  })
}

/** A late upload lands or dies within the minutes that a card takes to be written: nothing of a card's past comes later. */
function settleUploads(world: World, host: Host): void {
  const mine = world.inFlight.filter((each) => each.from === host.board)
  world.inFlight = world.inFlight.filter((each) => each.from !== host.board)
  for (const each of mine) if (world.random.chance(0.5)) each.land()
}

function imageFor(world: World, host: Host): Card | null {
  const mine = world.images.filter((each) => each.machineId === host.card?.machineId)
  return mine.length > 0 ? world.random.pick(mine) : null
}

function stopForNewCard(world: World, host: Host): void {
  settleUploads(world, host)
  losePower(world, host)
  host.alerts.clear()
}

/** A copy of a card that is in use holds what is on it, and not what is only in memory. */
function imageOf(world: World, card: Card): Card {
  const image = copyOf(card)
  for (const folder of [image, ...Object.values(image.others)])
    for (const files of Object.values(folder.files)) cutPower(files, world.random)
  return image
}

export function strike(world: World, name: string): void {
  const fault = faults[name]
  if (!fault) throw new Error(`there is no fault ${name}`)
  const host = world.random.pick(world.hosts.slice(0, world.random.chance(0.7) ? 1 : 3))
  say(world, `FAULT ${name} (board ${host.board})`)
  world.ledger.faults.add(name)
  fault(world, host)
}
