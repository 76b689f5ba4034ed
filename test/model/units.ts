import { checkpoint, lastClose } from './disk.ts'
import { startDaemon } from './daemon.ts'
import { ask, facts, lookLocal, releaseLock, takeLock, type Read } from './facts.ts'
import { told, violated } from './invariants.ts'
import { losePower } from './power.ts'
import { leaveInOrder } from './prove.ts'
import { getOwner, getTip, lookRemote } from './requests.ts'
import { cardOf, dbsOf, filesOf, say, type Host, type Program, type Run, type Task, type World } from './world.ts'

/** What systemd does with the units of one app, and the programs that stand around them (litestream.sh, stopped.sh). */
export function spawn(world: World, host: Host, name: string, program: (run: Run) => Program): Task {
  const run: Run = { name, host, world, began: world.now, gone: false }
  const task: Task = { run, steps: program(run), fresh: true }
  host.tasks.push(task)
  return task
}

export function kill(host: Host, task: Task): void {
  task.run.gone = true
  releaseLock(task.run)
  // what it has stopped stays down, and what it has laid stays
  if (task.run.name === 'apply') host.transaction = null
  host.tasks = host.tasks.filter((other) => other !== task)
}

export function startLitestream(world: World, host: Host): void {
  host.litestreamWanted = true
  if (host.litestream !== 'down') return
  host.litestream = 'checking'
  spawn(world, host, 'litestream check', litestreamCheck)
}

/** litestream.sh check, and then the daemon. */
function* litestreamCheck(run: Run): Program {
  const { world, host } = run
  const path = yield* mayRun(run)
  if (path === null) host.litestream = 'down'
  else startDaemon(world, host, path)
  releaseLock(run)
}

function* mayRun(run: Run): Program<string | null> {
  const { world, host } = run
  if (!(yield* takeLock(run, 600))) return null
  const { clean } = cardOf(host).state
  if (world.ablation === 'unit-check') {
    // the check alone is taken away, and not the note that Litestream writes from here on
    if (clean) clean.settled = false
    return cardOf(host).state.claim?.path ?? null
  }
  const owner = yield* getOwner(run, 1)
  const read: Read = { owner, local: lookLocal(run), remote: null }
  let decision = yield* ask(run, { ask: 'unit', ...facts(run, read) })
  if (decision.do === 'look') {
    read.remote = yield* lookRemote(run, decision.path ?? '')
    read.mark = yield* getTip(run, decision.path ?? '')
    decision = yield* ask(run, { ask: 'unit', ...facts(run, read) })
  }
  if (decision.do === 'go') {
    const { clean } = cardOf(host).state
    if (clean) clean.settled = false
    // as it was when the server answered: a clock that jumps afterwards is the timer's to see
    if (Math.abs(owner.at - (owner.date ?? owner.at)) > 300)
      violated(
        world,
        `Litestream may start on board ${host.board} with a clock that was ${owner.at} s at ${owner.date} s`,
      )
    releaseLock(run)
    yield 'the check has passed'
    return decision.path ?? null
  }
  if (decision.do === 'fence') {
    stopApp(world, host, true)
    cardOf(host).state.fenced = true
  }
  if (decision.alert) host.alerts.add(decision.code)
  told(world, host, decision.code, decision.text)
  return null
}

/** The app's process ends. Who closes a database last takes its WAL away; Litestream keeps it open while it runs. */
function processEnds(world: World, host: Host, orderly: boolean): void {
  if (host.app !== 'up' || !orderly) return
  for (const db of dbsOf(host)) {
    const files = filesOf(host, db)
    if (!files.exists) continue
    if (host.daemon?.open[db] === undefined) lastClose(files, world.now)
    else if (world.random.chance(0.3)) checkpoint(files, world.now)
  }
}

/** `systemctl stop`, or a crash: stopped.sh follows either way. */
export function stopApp(world: World, host: Host, orderly: boolean): void {
  if (host.app === 'down' || host.app === 'stopping') return
  say(world, `board ${host.board}: the app ${orderly ? 'is stopped' : 'crashes'}`)
  for (const task of host.tasks.filter((each) => each.run.name === 'gate')) kill(host, task)
  processEnds(world, host, orderly)
  host.app = 'stopping'
  spawn(world, host, 'stopped', (run) => stopped(run, orderly))
}

function* stopped(run: Run, orderly: boolean): Program {
  const { host } = run
  yield 'the app has ended'
  if (host.running) {
    host.running = false
    if (orderly && (yield* takeLock(run, 20))) yield* leaveInOrder(run, false)
  }
  releaseLock(run)
  host.app = 'down'
}

/** The daemon dies, or is stopped: ExecStopPost says how the files look when nobody writes any more. */
export function daemonEnds(world: World, host: Host): void {
  host.daemon = null
  host.litestream = 'down'
  spawn(world, host, 'settling', settled)
}

function* settled(run: Run): Program {
  yield 'Litestream has ended'
  if (cardOf(run.host).state.clean && (yield* takeLock(run, 5))) yield* leaveInOrder(run, true)
  releaseLock(run)
}

/** Power off in order: the app, then Litestream with its own proof, then the machine. */
export function shutDown(world: World, host: Host): void {
  for (const task of host.tasks.filter((each) => each.run.name === 'apply')) kill(host, task)
  stopApp(world, host, true)
  spawn(world, host, 'shutdown', function* (run) {
    while (host.app !== 'down') yield 'waiting for the app to stop'
    if (host.daemon && cardOf(host).state.clean && (yield* takeLock(run, 5))) yield* leaveInOrder(run, false)
    releaseLock(run)
    // its ExecStopPost= counts only after a daemon that had run (litestream.sh: EXIT_CODE)
    const ran = host.daemon !== null
    host.daemon = null
    host.litestream = 'down'
    host.litestreamWanted = false
    if (ran) yield* settled(run)
    // everything is synced at an orderly end
    if (host.card)
      for (const files of Object.values(host.card.files))
        if (files.wal) files.wal = { ...files.wal, durable: files.wal.rows.length }
    losePower(world, host)
    say(world, `board ${host.board} is off`)
  })
}

export function boot(world: World, host: Host): void {
  if (host.up || !host.card) return
  host.up = true
  host.nextCheck = world.now + 120
  say(world, `board ${host.board} boots`)
  if (!host.card.dbs || !host.wanted) return
  // WantedBy=multi-user.target, beside the app's own start
  startLitestream(world, host)
}
