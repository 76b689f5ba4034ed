import {
  ask,
  clockOf,
  facts,
  lookLocal,
  rememberData,
  rememberOwner,
  releaseLock,
  staticFacts,
  takeLock,
  type Read,
} from './facts.ts'
import { fenceFiles } from './gate.ts'
import { rescueDropped, told, violated } from './invariants.ts'
import { alertsOf, carryOver, proof, writeTip } from './prove.ts'
import { getOwner, lookRemote } from './requests.ts'
import { daemonEnds, startLitestream, stopApp } from './units.ts'
import type { Decision } from './verdicts.ts'
import { cardOf, type Host, type Program, type Run, type World } from './world.ts'

/** templates/host/check.sh: every two minutes. */
export function* check(run: Run): Program {
  if (!cardOf(run.host).state.claim) return
  if (yield* takeLock(run, 20)) yield* actOn(run, (yield* decide(run)).decision)
  releaseLock(run)
}

interface Judged {
  decision: Decision
  read: Read
}

function* decide(run: Run): Program<Judged> {
  const { host, world } = run
  const owner = yield* getOwner(run, 3)
  rememberOwner(run, owner)
  const read: Read = { owner, local: null, remote: null }
  const decision = yield* ask(run, { ask: 'timer', ...facts(run, read), unreadSince: host.since['unread'] ?? null })
  lasting(host, world, 'unread', decision.do === 'tell')
  // retention goes by the clock
  if (Math.abs(owner.at - (owner.date ?? owner.at)) > 300 && ['prove', 'tell'].includes(decision.do))
    violated(world, `Litestream may go on on board ${host.board} with a wrong clock (${decision.code})`)
  return { decision, read }
}

function lasting(host: Host, world: World, what: string, is: boolean): number | null {
  if (!is) {
    delete host.since[what]
    return null
  }
  return (host.since[what] ??= world.now + host.clock)
}

function* actOn(run: Run, decision: Decision): Program {
  const { world, host } = run
  switch (decision.do) {
    case 'quiet':
      return
    case 'tell':
      if (decision.alert) host.alerts.add(decision.code)
      told(world, host, decision.code, decision.text)
      return
    case 'halt':
      return halt(run, decision)
    case 'fence':
      return yield* fence(run)
    case 'restart':
      releaseLock(run)
      stopApp(world, host, true)
      return
    case 'prove':
      if (host.since['clock'] !== undefined) {
        lasting(host, world, 'clock', false)
        startLitestream(world, host)
      }
      return yield* lookAfter(run)
    default:
      throw new Error(`check.sh does not know the decision ${decision.do}`)
  }
}

/** The clock has jumped: the daemon dies, and its check keeps it down until the clock is right. */
function halt(run: Run, decision: Decision): void {
  const { world, host } = run
  lasting(host, world, 'clock', true)
  host.alerts.add(decision.code)
  told(world, host, decision.code, decision.text)
  if (host.daemon) daemonEnds(world, host)
}

/** Another host holds the app: the app stops, with all that its own stop does, and then the files are fenced. */
function* fence(run: Run): Program {
  const { world, host } = run
  releaseLock(run)
  stopApp(world, host, true)
  while (host.app === 'stopping') yield 'waiting for the app to stop'
  if (!(yield* takeLock(run, 60))) return
  const again = yield* decide(run)
  if (again.decision.do === 'fence') yield* fenceFiles(run)
}

function* lookAfter(run: Run): Program {
  const { world, host } = run
  const proved = yield* proof(run, lookLocal(run))
  rememberData(run, proved.plans)
  const held = proved.verdict.held === true
  const unprovenSince = lasting(host, world, 'unproven', !held)
  let latest = proved.read.owner
  if (proved.verdict.put && (yield* carryOver(run, proved.verdict)) !== null) {
    const again = yield* decide(run)
    latest = again.read.owner
    // 412: read again at once, for the holder may have changed
    if (again.decision.do !== 'prove') return yield* actOn(run, again.decision)
  }
  yield* writeTip(run, proved.verdict.tip)
  if (held) rescueDropped(world, host)
  const past = yield* lookBack(run, latest)
  const watch = yield* ask(run, {
    ask: 'watch',
    ...facts(run, proved.read),
    sync: proved.sync,
    plans: proved.plans,
    unprovenSince,
    why: proved.verdict.text,
    past,
  })
  alertsOf(run, watch)
  host.proofHeld = held
}

/** One of the past paths at each run, in turn. */
function* lookBack(run: Run, owner: Read['owner']): Program<unknown> {
  const one = yield* ask(run, { ask: 'past', ...staticFacts(run), now: clockOf(run), owner })
  if (one.do !== 'look') return null
  return { ended: one.keep, remote: yield* lookRemote(run, one.path ?? '') }
}
