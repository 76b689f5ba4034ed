import { chain } from './bucket.ts'
import { flush, hexTxid, type Ltx } from './disk.ts'
import { syncWait, type SyncFact } from './daemon.ts'
import { ask, clockOf, facts, identities, lookLocal, staticFacts, type Read } from './facts.ts'
import { rescueDropped, told } from './invariants.ts'
import { cover, tipped } from './ledger.ts'
import { getOwner, getTip, planOf, putOwnerOnce, putTipOnce, type PlanFact } from './requests.ts'
import { bucketFor, cardOf, copyOf, dbsOf, filesOf, nameOf, ownerNow, type Program, type Run } from './world.ts'
import type { Decision } from './verdicts.ts'

/** templates/host/prove.sh and stop.sh: the proof, what it entitles to, and how an orderly stop ends. */
export interface Proof {
  verdict: Decision
  read: Read
  sync: Record<string, SyncFact>
  plans: Record<string, PlanFact>
}

export function* proof(run: Run, local: Read['local']): Program<Proof> {
  const sync: Record<string, SyncFact> = {}
  const plans: Record<string, PlanFact> = {}
  for (const db of dbsOf(run.host)) sync[db] = yield* syncWait(run, db)
  const path = cardOf(run.host).state.claim?.path ?? ''
  for (const db of dbsOf(run.host)) plans[db] = yield* planOf(run, path, db)
  const read: Read = { owner: yield* getOwner(run, 3), local, remote: null }
  const verdict = yield* ask(run, { ask: 'proof', ...facts(run, read), sync, plans })
  return { verdict, read, sync, plans }
}

/** s3.sh `put_owner`: 0 = written. */
export function* putOwner(run: Run, decision: Decision, claims: boolean): Program<Decision> {
  const { world } = run
  const end = world.now + 60
  const body = JSON.stringify(decision.put)
  let doubt = false
  for (;;) {
    const put = yield* putOwnerOnce(run, body, decision.etag ?? '')
    let owner = null
    let verdict: Decision
    for (;;) {
      const late = world.now >= end
      verdict = yield* ask(run, {
        ask: 'put',
        ...staticFacts(run),
        put,
        owner,
        mine: decision.put,
        claims,
        late,
        doubt,
        now: clockOf(run),
      })
      if (verdict.do !== 'get') break
      owner = yield* getOwner(run, 1)
    }
    if (verdict.do !== 'repeat') return verdict
    doubt = true
    world.now += 2
    yield 'before the PUT is repeated'
  }
}

/** INIT or PROVEN, when the proof entitles to it. The claim says `proven` only after the owner object does. */
export function* carryOver(run: Run, proved: Decision): Program<Decision | null> {
  if (!proved.put) return null
  const verdict = yield* putOwner(run, proved, false)
  if (verdict.do !== 'done') return verdict
  yield 'PUT is known to be done'
  const { state } = cardOf(run.host)
  if (state.claim && !state.claim.proven) state.claim = { ...state.claim, proven: true }
  return null
}

/** tip.json: what it names is what a later restore must reach. */
export function* writeTip(run: Run, tip: Decision['tip']): Program {
  const { world, host } = run
  if (!tip || Object.keys(tip).length === 0) return
  const { state } = cardOf(host)
  const path = state.claim?.path ?? ''
  const { faults } = world.ledger
  const led = ownerNow(world, nameOf(host))?.path === path || !(faults.has('owner-rollback') || faults.has('rollback'))
  const named: Record<string, Ltx> = {}
  for (const [db, txid] of Object.entries(tip)) {
    const ltx = filesOf(host, db).l0?.ltx.find((each) => hexTxid(each.txid) === txid)
    if (!ltx) continue
    named[db] = ltx
    // The bucket may have gone back since that proof; then it is news only for the bucket, when tip.json comes there.
    const there = chain(bucketFor(world, host), path, db).some((object) => object.txid >= ltx.txid)
    if (there) cover(world.ledger, path, db, ltx.txid, ltx.rows, led)
  }
  state.tip = { path, dbs: copyOf(tip) }
  for (let attempt = 0; attempt < 2; attempt++) {
    const there = yield* getTip(run, path)
    if (there && 'error' in there) return
    const body = JSON.stringify({ seq: (there?.seq ?? 0) + 1, dbs: tip })
    const status = yield* putTipOnce(run, path, body, there ? { etag: there.etag } : 'absent', () => {
      for (const [db, { txid, rows }] of Object.entries(named)) {
        cover(world.ledger, path, db, txid, rows, led)
        tipped(world.ledger, db, rows)
      }
    })
    if (status !== 412) return
  }
}

/** stop.sh: `settled` when Litestream is down too; the proof is asked for only while it runs. */
export function* leaveInOrder(run: Run, settled: boolean): Program {
  const { world, host } = run
  const { state } = cardOf(host)
  let proved = false
  if (settled) proved = state.clean?.proved === true
  else {
    const { verdict } = yield* proof(run, lookLocal(run))
    if (verdict.held) {
      proved = true
      yield* carryOver(run, verdict)
      yield* writeTip(run, verdict.tip)
      rescueDropped(world, host)
    }
  }
  for (const db of dbsOf(host)) flush(filesOf(host, db))
  yield 'flushed'
  const local = lookLocal(run)
  if (world.ephemeral && !proved && !settled) state.rescue = copyOf(cardOf(host).files)
  yield 'before clean is written'
  state.clean = { proved, settled, files: identities(host, local, 'clean') }
}

export function alertsOf(run: Run, decision: Decision): void {
  for (const alert of decision.alerts ?? []) {
    if (run.world.ablation === 'past-end-alert' && alert.code === 'split') continue
    run.host.alerts.add(alert.code)
    told(run.world, run.host, alert.code, alert.text)
  }
}
