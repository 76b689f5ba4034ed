import { flush } from './disk.ts'
import { ask, facts, lookLocal, releaseLock, takeLock, type Read } from './facts.ts'
import { carryOver, proof, putOwner, writeTip } from './prove.ts'
import { getOwner } from './requests.ts'
import { startLitestream, stopApp } from './units.ts'
import type { Decision } from './verdicts.ts'
import { dbsOf, filesOf, say, type Program, type Run } from './world.ts'

/** apply/leave.sh, step_leave: asked first, then stopped, proven and released. False: it stays, and runs on. */
export function* letGo(run: Run, isRenamed: boolean): Program<boolean> {
  const { world, host } = run
  if (isRenamed) yield* awaitTakenUp(run)
  const first = yield* release(run, true)
  if (first !== null) {
    say(world, `board ${host.board}: not let go: ${first.code} ${first.text}`)
    return false
  }
  host.held = 'app'
  stopApp(world, host, true)
  while (host.app !== 'down') yield 'waiting for the app to stop'
  const second = yield* release(run, false)
  if (second === null) return true
  say(world, `board ${host.board}: not let go: ${second.code} ${second.text}`)
  host.held = null
  return false
}

/** Only what is proven can be let go: a gate that is at it goes on. */
function* awaitTakenUp(run: Run): Program {
  const { world } = run
  for (const end = world.now + 300; world.now < end; world.now += 15) {
    const refused = yield* release(run, true)
    if (refused === null || !['restore-under-way', 'locked'].includes(refused.code)) return
    yield 'waiting for the gate'
  }
}

/** release.sh; null when it was released, or there was nothing to let go. */
function* release(run: Run, onlyAsked: boolean): Program<Decision | null> {
  const refused = yield* underLock(run, onlyAsked)
  releaseLock(run)
  return refused
}

function* underLock(run: Run, onlyAsked: boolean): Program<Decision | null> {
  const { host, world } = run
  const refuse = (code: string): Decision => ({ do: 'refuse', code, text: '', next: '' })
  if (!(yield* takeLock(run, 60))) return refuse('locked')
  if (!onlyAsked && host.running) return refuse('running')
  const read: Read = { owner: yield* getOwner(run, 3), local: null, remote: null }
  let answer = yield* ask(run, { ask: 'release', ...facts(run, read), held: false, why: '', tip: {} })
  if (onlyAsked) return answer.code === 'not-proven' || answer.do !== 'refuse' ? null : answer
  if (answer.code === 'not-proven') {
    releaseLock(run)
    startLitestream(world, host)
    while (host.litestream === 'checking') yield 'waiting for Litestream'
    if (!(yield* takeLock(run, 60))) return refuse('locked')
    read.local = lookLocal(run)
    const { verdict } = yield* proof(run, read.local)
    if (verdict.held) {
      const failed = yield* carryOver(run, verdict)
      if (failed) return failed
      yield* writeTip(run, verdict.tip)
    }
    read.owner = yield* getOwner(run, 3)
    const held = world.ablation === 'release-after-proof' || verdict.held === true
    answer = yield* ask(run, {
      ask: 'release',
      ...facts(run, read),
      held,
      why: verdict.text,
      tip: verdict.tip ?? {},
    })
  }
  if (answer.do === 'refuse') return answer
  if (answer.do === 'gone') return null
  for (const db of dbsOf(host)) flush(filesOf(host, db))
  const put = yield* putOwner(run, answer, false)
  return put.do === 'done' ? null : put
}
