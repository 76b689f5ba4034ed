import { hexTxid, localFact, type LocalFact } from './disk.ts'
import type { OwnerAnswer, TipAnswer } from './requests.ts'
import { app, cardOf, day, dbsOf, filesOf, idOf, say, type Host, type Program, type Run } from './world.ts'
import type { Decision, Facts } from './verdicts.ts'

/** templates/host/facts.sh and verdict.sh: the facts that every verdict starts from, and the question itself. */
export function staticFacts(run: Run): Record<string, unknown> {
  const { world, host } = run
  return {
    app,
    host: host.name,
    where: 'replica lab',
    data: world.apart ? 'replica nas' : null,
    dbs: dbsOf(host),
    policy: { unreachable: 'start', limit: day, ephemeral: world.ephemeral },
  }
}

export function clockOf(run: Run): number {
  return run.world.now + run.host.clock
}

export interface Read {
  owner: OwnerAnswer
  local: Record<string, LocalFact> | null
  remote: Record<string, { max: string | null; error?: string }> | null
  /** tip.json of the path that was looked at. */
  mark?: TipAnswer
}

export function facts(run: Run, read: Read): Record<string, unknown> {
  const { world, host } = run
  const { state } = cardOf(host)
  world.counter += 1
  return {
    ...staticFacts(run),
    me: idOf(world, host),
    now: clockOf(run),
    synchronised: host.synchronised,
    waited: world.now - run.began,
    uuid: `00000000-0000-4000-8000-${world.counter.toString(16).padStart(12, '0')}`,
    random: world.ablation === 'random-suffix' ? '00000000' : world.random.hex(8),
    owner: splitAblated(run, read.owner),
    local: read.local && staleAblated(run, read),
    remote: read.remote,
    mark: world.ablation === 'tip' ? null : (read.mark ?? null),
    claim: state.claim,
    tip: world.ablation === 'tip' ? null : state.tip,
    clean: state.clean,
    started: state.started,
    lastOwner: state.lastOwner,
    lastData: state.lastData,
    restoring: state.restoring,
    fenced: state.fenced,
    rescue: state.rescue !== null,
    once: host.once,
    running: host.running,
  }
}

/** Without the SPLIT check, any path that the claim names counts as one that the owner object knows. */
function splitAblated(run: Run, answer: OwnerAnswer): OwnerAnswer {
  const { claim } = cardOf(run.host).state
  if (run.world.ablation !== 'split-check' || answer.body === null || !claim) return answer
  const owner = JSON.parse(answer.body) as { past: unknown[] }
  return {
    ...answer,
    body: JSON.stringify({ ...owner, past: [{ path: claim.path, host: 'x', end: null }, ...owner.past] }),
  }
}

/** Without the stale test: the position counts as the replica's, or the WAL as one that has it all. */
function staleAblated(run: Run, read: Read): Record<string, LocalFact> | null {
  const { ablation } = run.world
  if (!read.local || (ablation !== 'stale-position' && ablation !== 'stale-wal')) return read.local
  return Object.fromEntries(
    Object.entries(read.local).map(([db, local]) => {
      if (ablation === 'stale-wal') return [db, { ...local, wal: local.file ? 'covers' : local.wal }]
      return [db, { ...local, l0: local.file ? hexTxid(2 ** 40) : local.l0 }]
    }),
  )
}

export function lookLocal(run: Run): Record<string, LocalFact> {
  return Object.fromEntries(dbsOf(run.host).map((db) => [db, localFact(filesOf(run.host, db))]))
}

/** One question to the product's verdicts. */
export function* ask(run: Run, question: Facts): Program<Decision> {
  const decision = yield question
  const { world, host } = run
  const key = `${question.ask}:${decision.do}:${decision.code}`
  world.decided.set(key, (world.decided.get(key) ?? 0) + 1)
  if (question.ask !== 'put' || decision.do !== 'done')
    say(
      world,
      `board ${host.board} ${run.name}: ${question.ask} -> ${decision.do} ${decision.code} ${decision.transition ?? ''} ${decision.text} ${host.running ? '(running)' : ''}`,
    )
  return decision
}

/** flock -w: the lock of this app on this host. False when the time is over. */
export function* takeLock(run: Run, seconds: number): Program<boolean> {
  const { world, host } = run
  const end = world.now + seconds
  while (host.lock !== null && host.lock !== run) {
    if (world.now >= end) return false
    yield 'waiting for the lock'
  }
  host.lock = run
  return true
}

export function releaseLock(run: Run): void {
  if (run.host.lock === run) run.host.lock = null
}

/** state.sh `remember_owner`: not at each time, for a card wears out. */
export function rememberOwner(run: Run, answer: OwnerAnswer): void {
  if (answer.body === null) return
  const { state } = cardOf(run.host)
  const owner: unknown = JSON.parse(answer.body)
  const same = state.lastOwner && JSON.stringify(state.lastOwner.owner) === JSON.stringify(owner)
  if (same && clockOf(run) - (state.lastOwner?.read ?? 0) < 900) return
  state.lastOwner = { read: clockOf(run), owner }
}

/** replica.sh `remember_data`: when the data were reached last. */
export function rememberData(run: Run, answers: Record<string, { error?: string }>): void {
  if (!run.world.apart || Object.values(answers).some((answer) => answer.error !== undefined)) return
  const { state } = cardOf(run.host)
  if (state.lastData && clockOf(run) - state.lastData.read < 900) return
  state.lastData = { read: clockOf(run) }
}

export function identities(
  host: Host,
  local: Record<string, LocalFact>,
  which: 'started' | 'clean',
): Record<string, unknown> {
  return Object.fromEntries(
    dbsOf(host).map((db) => [
      db,
      which === 'started'
        ? { l0: local[db]?.l0 ?? null, id: local[db]?.id ?? null }
        : { id: local[db]?.id ?? null, walId: local[db]?.walId ?? null },
    ]),
  )
}
