import { maxTxid, chain } from './bucket.ts'
import { checkpoint, content, hexTxid, type Files, type Ltx } from './disk.ts'
import { upload } from './requests.ts'
import { bucketFor, filesOf, say, type Host, type Program, type Run, type World } from './world.ts'

/**
 * Litestream's daemon, as it was measured (litestream.md): it trusts its own local files, goes on from the replica's
 * position when that is ahead (a stale database wins), and sends what it has in order.
 */
export function openDatabase(world: World, host: Host, db: string): boolean {
  const { daemon } = host
  const files = filesOf(host, db)
  if (!daemon || host.cutOff || !files.exists) return false
  const remote = maxTxid(bucketFor(world, host), daemon.path, db) ?? 0
  const local = files.l0?.max ?? 0
  if (remote > local) {
    // "detected database behind replica", "fetched latest L0 file from replica": and then its next image goes on top
    const newest = chain(bucketFor(world, host), daemon.path, db).at(-1)
    files.l0 = { max: remote, ltx: newest ? [newest] : [] }
    snapshot(world, files)
  } else if (!follows(files)) snapshot(world, files)
  daemon.open[db] = remote
  return true
}

/** Does the WAL go on from the last local LTX? If not, the next one is the whole database. */
function follows(files: Files): boolean {
  const last = files.l0?.ltx.at(-1)
  return (
    last !== undefined &&
    files.wal?.history === last.history &&
    files.wal.salt === last.salt &&
    files.wal.rows.length >= last.frames
  )
}

function snapshot(world: World, files: Files): void {
  // Litestream opens the database too, and writes to a table of its own: there is a WAL from here on.
  files.wal ??= {
    history: world.random.int(2 ** 31),
    salt: 0,
    rows: [],
    durable: 0,
    checkpointed: true,
    written: world.now,
  }
  append(files)
}

function append(files: Files): void {
  const { wal } = files
  if (!wal) return
  const max = (files.l0?.max ?? 0) + 1
  const ltx: Ltx = { txid: max, rows: content(files), history: wal.history, salt: wal.salt, frames: wal.rows.length }
  files.l0 = { max, ltx: [...(files.l0?.ltx ?? []), ltx] }
}

/** What the app has written since becomes the next local LTX. */
export function sync(world: World, host: Host, db: string): void {
  if (!host.daemon || host.daemon.open[db] === undefined) return
  const files = filesOf(host, db)
  const last = files.l0?.ltx.at(-1)
  if (!files.exists || !last || !files.wal) return
  if (last.history === files.wal.history && last.salt === files.wal.salt && last.frames === files.wal.rows.length)
    return
  append(files)
}

/** Litestream's own checkpoint: it writes an LTX with the new salts at once. */
export function litestreamCheckpoint(world: World, host: Host, db: string): void {
  sync(world, host, db)
  if (host.daemon?.open[db] !== undefined) checkpoint(filesOf(host, db), world.now)
}

/** The next LTX that the replica lacks. False when there is none, it failed, or the file is gone (then it sticks). */
export function uploadNext(world: World, host: Host, db: string): boolean {
  const { daemon } = host
  const at = daemon?.open[db]
  if (!daemon || at === undefined) return false
  const files = filesOf(host, db)
  const ltx = files.l0?.ltx.find((each) => each.txid === at + 1)
  if (!ltx || (world.slowToUpload === db && at === 0) || !upload(world, host, daemon.path, db, ltx)) return false
  say(world, `board ${host.board} uploads ${daemon.path}/${db} ${ltx.txid} with ${ltx.rows.length} rows`)
  daemon.open[db] = at + 1
  if (files.l0) files.l0 = { max: files.l0.max, ltx: files.l0.ltx.filter((each) => each.txid > at - 2) }
  return true
}

export interface SyncFact {
  rc: number
  txid?: string
  replica?: string
  error?: string
}

/** `sync -wait`: what is pending goes out. It proves nothing when nothing is pending. */
export function* syncWait(run: Run, db: string): Program<SyncFact> {
  yield `sync -wait ${db}`
  const { world, host } = run
  const { daemon } = host
  const none = { rc: 1, error: 'control socket: no answer' }
  if (!daemon) return none
  if (world.random.chance(world.faulty / 4)) return { rc: 0, txid: hexTxid(0), replica: hexTxid(0) }
  if (daemon.open[db] === undefined && !openDatabase(world, host, db)) return none
  sync(world, host, db)
  const files = filesOf(host, db)
  const target = files.l0?.max ?? 0
  for (let tries = 0; (daemon.open[db] ?? 0) < target; tries++) {
    if (tries > target + 4 || host.daemon !== daemon) return { rc: 1, error: 'no answer in time' }
    if (!uploadNext(world, host, db)) yield `waiting for ${db}`
  }
  return { rc: 0, txid: hexTxid(target), replica: hexTxid(daemon.open[db] ?? 0) }
}

export function startDaemon(world: World, host: Host, path: string): void {
  host.daemon = { path, open: {} }
  host.litestream = 'up'
}

/** `systemctl kill` and `stop`: it stays down until somebody starts it. */
export function killLitestream(run: Run): void {
  const { host } = run
  host.daemon = null
  host.litestreamWanted = false
  host.litestream = 'down'
  for (const task of host.tasks) {
    if (task.run.name !== 'litestream check') continue
    task.run.gone = true
    if (host.lock === task.run) host.lock = null
  }
  host.tasks = host.tasks.filter((task) => !task.run.gone)
}
