import { content, flush, newFiles, noFiles } from './disk.ts'
import { killLitestream } from './daemon.ts'
import { ask, clockOf, identities, lookLocal, staticFacts } from './facts.ts'
import { filesReplaced, onlyCopyTaken } from './invariants.ts'
import { download, getTip, planOf, type PlanFact } from './requests.ts'
import { cardOf, copyOf, dbsOf, filesOf, idOf, type Program, type Run } from './world.ts'
import type { Decision } from './verdicts.ts'

/** templates/host/restore.sh: all databases beside the old files, checked, and only then in their place. */
export function* restoreAll(run: Run, order: Decision): Program<Decision> {
  const { world, host } = run
  const { state } = cardOf(host)
  const source = order.source ?? ''
  const named = dbsOf(host).filter((db) => order.dbs?.[db] !== undefined)
  killLitestream(run)
  const plans: Record<string, PlanFact> = {}
  for (const db of named) plans[db] = yield* planOf(run, source, db)
  const tip = yield* getTip(run, source)
  const withoutTip = world.ablation === 'tip'
  const digest = JSON.stringify(plans)
  const need = yield* ask(run, {
    ask: 'source',
    ...staticFacts(run),
    now: clockOf(run),
    order,
    tip: withoutTip ? null : state.tip,
    sourceTip: withoutTip ? null : tip,
    plans,
    free: {},
    failed: state.failed,
    digest,
  })
  if (need.do !== 'restore') return need
  const restored: Record<string, { rc: number; txid: string; error: string; best: string }> = {}
  const rows: Record<string, readonly number[]> = {}
  for (const db of named) {
    const got = yield* download(run, source, db, need.dbs?.[db] ?? 'latest')
    rows[db] = got.rows
    restored[db] = { rc: got.rc, txid: got.txid, error: got.error, best: '' }
  }
  const verdict = yield* ask(run, {
    ask: 'restored',
    ...staticFacts(run),
    now: clockOf(run),
    order,
    need,
    me: idOf(world, host),
    restored,
  })
  if (verdict.do === 'install') yield* install(run, order, verdict, rows)
  else if (verdict.lasting) {
    const { code, text, next } = verdict
    state.failed = { digest, since: clockOf(run), code, text, next }
  }
  return verdict
}

/** From the first rename to the claim the files are a mixture: `restoring` says so, and the gate then starts over. */
function* install(run: Run, order: Decision, verdict: Decision, rows: Record<string, readonly number[]>): Program {
  const { world, host } = run
  const { state } = cardOf(host)
  state.restoring = true
  yield 'restoring written'
  for (const db of dbsOf(host)) {
    const files = filesOf(host, db)
    if (verdict.dbs?.[db] === 'stay' && world.ablation !== 'only-copy-stays') {
      files.l0 = null
      flush(files)
    } else {
      if (rows[db] && order.dbs?.[db] === 'latest') filesReplaced(world, db, content(files), rows[db])
      if (!rows[db]) onlyCopyTaken(world, host, db, [order.source ?? '', order.path ?? ''])
      cardOf(host).files[db] = noFiles()
    }
    yield `room made for ${db}`
  }
  for (const db of dbsOf(host)) {
    const fresh = rows[db]
    if (!fresh) continue
    world.counter += 1
    cardOf(host).files[db] = newFiles(world.counter, world.now, fresh)
    yield `${db} put in place`
  }
  state.claim = copyOf(verdict.claim ?? null)
  const { claim } = state
  if (claim && order.source !== claim.path)
    for (const db of dbsOf(host)) world.ledger.baseline.set(`${claim.path}/${db}`, content(filesOf(host, db)))
  yield 'claim written'
  Object.assign(state, { tip: null, started: null, failed: null })
  yield 'tip forgotten'
  state.clean = { proved: false, settled: true, files: identities(host, lookLocal(run), 'clean') }
  yield 'what was installed written down'
  state.restoring = false
  state.rescue = null
}
