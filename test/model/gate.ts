import { flush, newFiles } from './disk.ts'
import { killLitestream, syncWait } from './daemon.ts'
import {
  ask,
  facts,
  identities,
  lookLocal,
  rememberData,
  rememberOwner,
  releaseLock,
  takeLock,
  type Read,
} from './facts.ts'
import { appStarts, told } from './invariants.ts'
import { carryOver, proof, putOwner, writeTip } from './prove.ts'
import { getOwner, getTip, lookRemote } from './requests.ts'
import { restoreAll } from './restore.ts'
import { spawn, startLitestream } from './units.ts'
import type { Decision } from './verdicts.ts'
import { cardOf, copyOf, dbsOf, filesOf, type Host, type Program, type Run, type World } from './world.ts'

/** templates/host/gate.sh, step by step: true when the app may start. */
export function* gate(run: Run): Program<boolean> {
  const { world } = run
  if (!(yield* takeLock(run, 90))) return false
  run.began = world.now
  let restores = 0
  let restoredFor = ''
  let claimed = false
  for (;;) {
    const { decision, local } = yield* round(run)
    switch (decision.do) {
      case 'again':
        world.now += 1
        yield 'asked to look again'
        break
      case 'start':
        yield* start(run, local ?? {}, decision)
        return true
      case 'refuse':
        return refuse(run, decision)
      case 'fence':
        yield* fenceFiles(run)
        return refuse(run, decision)
      case 'claim': {
        if (run.host.daemon) {
          killLitestream(run)
          break
        }
        const put = yield* putOwner(run, decision, true)
        if (put.do !== 'done') return refuse(run, put)
        claimed = true
        break
      }
      case 'rescue':
        yield* bringBackRescued(run)
        break
      case 'source': {
        if (decision.path !== restoredFor && !claimed) restores = 0
        restores += 1
        restoredFor = decision.path ?? ''
        claimed = false
        if (restores > 2)
          return refuse(run, { ...decision, code: 'restore-repeated', text: 'what was restored is not accepted' })
        const restored = yield* restoreAll(run, decision)
        if (restored.do !== 'install') return refuse(run, restored)
        break
      }
      case 'adopt':
        yield* adopt(run, decision)
        break
      case 'prove': {
        if (world.ablation === 'proven-before-start') {
          yield* start(run, local ?? {}, { ...decision, code: 'ablated', claim: null, litestream: true })
          return true
        }
        const obstacle = yield* proveAll(run)
        if (obstacle) return refuse(run, obstacle)
        break
      }
      default:
        throw new Error(`gate.sh does not know the decision ${decision.do}`)
    }
  }
}

function* round(run: Run): Program<{ decision: Decision; local: Read['local'] }> {
  const owner = yield* getOwner(run, 3)
  rememberOwner(run, owner)
  const read: Read = { owner, local: lookLocal(run), remote: null }
  let decision = yield* ask(run, { ask: 'gate', ...facts(run, read) })
  if (decision.do === 'look') {
    read.remote = yield* lookRemote(run, decision.path ?? '')
    rememberData(run, read.remote)
    read.mark = yield* getTip(run, decision.path ?? '')
    read.local = lookLocal(run)
    decision = yield* ask(run, { ask: 'gate', ...facts(run, read) })
  }
  if (decision.unfence) cardOf(run.host).state.fenced = false
  return { decision, local: read.local }
}

function refuse(run: Run, decision: Decision): false {
  run.host.reason = { code: decision.code, text: decision.text, next: decision.next }
  told(run.world, run.host, decision.code, decision.text)
  return false
}

function* start(run: Run, local: NonNullable<Read['local']>, decision: Decision): Program {
  const { world, host } = run
  const { state } = cardOf(host)
  if (decision.claim) {
    if (decision.claim.path !== state.claim?.path) killLitestream(run)
    state.claim = copyOf(decision.claim)
  }
  yield 'claim written'
  for (const db of dbsOf(host)) flush(filesOf(host, db))
  state.started = identities(host, local, 'started')
  yield 'started written'
  state.rescue = null
  state.clean = null
  yield 'clean removed'
  host.reason = null
  host.once = false
  host.running = true
  appStarts(world, host, ['offline', 'offline-once', 'clock-start'].includes(decision.code))
  releaseLock(run)
  if (decision.litestream) startLitestream(world, host)
}

/** fence.sh: what was not uploaded goes into the own old path; then `fenced` keeps everything down. */
export function* fenceFiles(run: Run): Program {
  for (const db of dbsOf(run.host)) yield* syncWait(run, db)
  killLitestream(run)
  yield 'Litestream killed'
  cardOf(run.host).state.fenced = true
}

function* bringBackRescued(run: Run): Program {
  const card = cardOf(run.host)
  killLitestream(run)
  for (const db of dbsOf(run.host)) {
    const kept = card.state.rescue?.[db]
    if (kept) card.files[db] = copyOf(kept)
    else delete card.files[db]
    yield `${db} brought back`
  }
  for (const db of dbsOf(run.host)) flush(filesOf(run.host, db))
  card.state.clean = { proved: false, settled: true, files: identities(run.host, lookLocal(run), 'clean') }
}

/** A new history from the files here: Litestream counts from 1 again, and so its own folder goes. */
function* adopt(run: Run, decision: Decision): Program {
  const { state } = cardOf(run.host)
  killLitestream(run)
  for (const db of dbsOf(run.host)) flush(filesOf(run.host, db))
  const files = () => identities(run.host, lookLocal(run), 'clean')
  if (run.world.ablation !== 'taken-while-adopted')
    state.clean = { proved: false, settled: true, files: files(), taken: copyOf(decision.claim ?? null) }
  yield 'what is taken up is written down'
  for (const db of dbsOf(run.host)) {
    filesOf(run.host, db).l0 = null
    yield `Litestream's folder of ${db} put aside`
  }
  state.claim = copyOf(decision.claim ?? null)
  yield 'claim written'
  Object.assign(state, { tip: null, started: null })
  yield 'tip forgotten'
  state.clean = { proved: false, settled: true, files: files() }
  state.rescue = null
}

function* proveAll(run: Run): Program<Decision | null> {
  const { world, host } = run
  const obstacle = (code: string, text: string, next = ''): Decision => ({ do: 'refuse', code, text, next })
  releaseLock(run)
  startLitestream(world, host)
  yield 'Litestream is asked to start'
  for (let waited = 0; host.litestream !== 'up'; waited++) {
    if (host.litestream === 'down' || waited > 600) return obstacle('litestream-down', 'Litestream did not start')
    yield 'waiting for Litestream'
  }
  if (!(yield* takeLock(run, 60))) return obstacle('busy', 'another program is at work')
  const end = world.now + 900
  for (;;) {
    const proved = yield* proof(run, lookLocal(run))
    if (proved.verdict.held) {
      const failed = yield* carryOver(run, proved.verdict)
      if (failed) return failed
      yield* writeTip(run, proved.verdict.tip)
      return null
    }
    if (proved.verdict.moved) return null
    if (world.now >= end) return obstacle('not-proven', proved.verdict.text, 'streamside restore')
    world.now += 60
    yield 'not proven yet'
  }
}

/** The app's unit: the gate first, then the app opens what is there, or makes it. */
export function* appStart(run: Run): Program {
  const { world, host } = run
  if (!(yield* gate(run))) {
    host.app = 'down'
    return
  }
  yield 'the gate has passed'
  host.app = 'up'
  for (const db of dbsOf(host)) {
    if (filesOf(host, db).exists) continue
    world.counter += 1
    cardOf(host).files[db] = { ...newFiles(world.counter, world.now, []), l0: filesOf(host, db).l0 }
    world.ledger.servedUnder.set(world.counter, cardOf(host).state.claim?.path ?? '')
  }
}

/** The app is asked to start, unless it is at it already. */
export function startApp(world: World, host: Host): void {
  if (!host.up || host.app !== 'down' || !host.card?.dbs) return
  host.app = 'starting'
  spawn(world, host, 'gate', appStart)
}
