import type { Host } from '../inventory/model.ts'
import { appsOn } from '../desired/host-state.ts'
import { replicaFiles } from '../desired/litestream.ts'
import { concerning, type ExitCode, exitCodes, Problem, worstExit } from '../problem.ts'
import type { SshConnection } from '../host/connection.ts'
import { groundWarnings, obstacles } from '../plan/obstacles.ts'
import { rollPlan } from '../plan/roll.ts'
import { haltedApps, withoutRestarts } from '../plan/restarts.ts'
import { ensureOwner } from '../replica/ensure.ts'
import { reachReplica } from '../replica/reach.ts'
import { lockBroken, locked, lockedAgain, restartNeeded } from './apply-problems.ts'
import type { HeldTurns } from './app-turns.ts'
import { breakOff, carryOut, comeBack } from './carry-out.ts'
import type { RunContext } from './context.ts'
import type { HostResult, Spent } from './fleet.ts'
import { groundOf } from './ground.ts'
import type { Line } from './line.ts'
import { lookAt, type Looked, openHost } from './look.ts'
import { inTurn } from './in-turn.ts'
import { hasEnded } from './operator.ts'
import { ownerChange, ownerRequests } from './owners.ts'
import { pruned } from './prune.ts'

/**
 * Brings one host to its declared state: look, plan, carry out. A transaction that an earlier run left under way is
 * followed to its end first. An app that cannot be let go of stays, and what else is to be done on the host is done without that.
 */
export async function provisionHost(context: RunContext, host: Host, spent: Spent): Promise<HostResult> {
  const decided = new Map<string, boolean>()
  const parts: HostResult[] = []
  for (let wentOn = false; ;) {
    const { result, goesOn, stay } = await breakingLocks(context, () => provisionOnce(context, host, spent, decided))
    parts.push(result)
    for (const app of stay) decided.set(app, false)
    if (context.stopping.aborted || (stay.length === 0 && (wentOn || !goesOn))) return inAll(parts)
    wentOn ||= goesOn
  }
}

/** What several parts of the work on a host come to. */
export function inAll(parts: readonly HostResult[]): HostResult {
  const outcomes = parts.map(({ outcome }) => outcome)
  return {
    outcome:
      outcomes.find((outcome) => outcome === 'failed') ?? outcomes.find((each) => each !== 'unchanged') ?? 'unchanged',
    changes: parts.reduce((sum, { changes }) => sum + changes, 0),
    exit: worstExit(parts.map(({ exit }) => exit)),
  }
}

/** Somebody who begins anew each time is not to be fought for ever. */
const breakTries = 3

/**
 * With --break-lock, another transaction may begin between the look and the start of ours: then everything is looked at anew, and that
 * one is broken like the first.
 */
async function breakingLocks<T>(context: RunContext, work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work()
    } catch (error) {
      if (!context.breakLock || !(error instanceof Problem) || error.code !== 'locked' || context.stopping.aborted)
        throw error
      if (tries === breakTries) throw lockedAgain(error, breakTries)
    }
  }
}

/**
 * `goesOn`: packages of services are there now, and what they have brought is to be looked at. `stay`: apps that were to go, and for
 * which nothing was done here.
 */
async function provisionOnce(
  context: RunContext,
  host: Host,
  spent: Spent,
  decided: Map<string, boolean>,
): Promise<{ result: HostResult; goesOn: boolean; stay: string[] }> {
  const apps = appsOn(context.inventory, host.name).filter(({ name }) => (context.roll?.app ?? name) === name)
  const lines: SshConnection[] = []
  const open = async () => {
    const opened = await openHost(context, host)
    lines.push(opened)
    spent(opened)
    return opened
  }
  let connection = await open()
  try {
    let looked = await lookAt(context, host, apps, connection)
    const running = looked.observed.transactions.find((transaction) => transaction.state === 'running')
    if (running && context.breakLock) {
      context.report({
        type: 'host-step',
        host: host.name,
        step: 'break-lock',
        detail: `${running.id} of ${running.who}`,
      })
      const broken = await breakOff(context, host, connection, running.id)
      context.report({ type: 'warning', host: host.name, ...lockBroken(running, broken, hasEnded(running.who)) })
      looked = await lookAt(context, host, apps, connection)
      const next = looked.observed.transactions.find(({ state }) => state === 'running')
      if (next) throw locked(host, next)
    } else if (running) {
      if (running.attended && !hasEnded(running.who)) throw locked(host, running)
      context.report({
        type: 'warning',
        host: host.name,
        code: 'transaction-under-way',
        message: `the transaction ${running.id} of ${running.who} is still under way; following it to its end`,
      })
      // Whoever began it may be gone, and with them the owner objects that its apps wait for.
      const owners = ownersOnce(context, host, looked, await checkReplicas(context, host, looked))
      const earlier = await comeBack(context, host, { connection, open }, running.id, owners.take)
      for (const problem of await owners.problems()) throw problem
      connection = earlier.connection
      looked = await lookAt(context, host, apps, connection)
    }
    for (const { id, who } of looked.observed.transactions.filter(({ state }) => state === 'ended'))
      context.report({
        type: 'warning',
        host: host.name,
        code: 'transaction-ended-alone',
        message: `the transaction ${id} of ${who} went on by itself after its operator had gone, and has ended`,
      })
    for (const { id } of looked.observed.transactions.filter(({ state }) => state === 'interrupted'))
      context.report({
        type: 'warning',
        host: host.name,
        code: 'transaction-cut',
        message: `the transaction ${id} was cut off before its end; going on from what it left`,
      })
    // Whoever updates an app is not asked about others that have left.
    if (!context.roll) looked = await pruned(context, host, looked, decided)
    if (context.roll) looked = { ...looked, plan: rollPlan(looked, context.roll) }
    const [held] = haltedApps(looked.plan)
    if (context.restarts === 'none' && held !== undefined) throw restartNeeded(host, held)
    if (context.restarts === 'none') looked = { ...looked, plan: withoutRestarts(looked.plan, looked.state) }
    const later = looked.state.later.length > 0 && looked.plan.changes.length > 0
    const ground = await groundOf(looked)
    for (const warning of [...looked.plan.warnings, ...groundWarnings(ground)])
      context.report({ type: 'warning', host: host.name, ...warning })
    const ended = (result: HostResult, stay: string[] = []) => ({
      result,
      // of a restore, whoever has ordered it looks first
      goesOn: result.exit === exitCodes.done && later && context.takeOver?.comesBack !== true,
      stay,
    })
    const inTheWay = obstacles(ground)
    for (const problem of inTheWay) context.report({ type: 'problem', problem })
    if (inTheWay.length > 0)
      return ended({ outcome: 'failed', changes: 0, exit: worstExit(inTheWay.map((problem) => problem.exit)) })
    if (looked.plan.changes.length === 0) return ended({ outcome: 'unchanged', changes: 0, exit: exitCodes.done })
    const seen = await checkReplicas(context, host, looked)
    const outcome = await inTurn(context, host, looked, connection, (turns, plan) =>
      carryOutWithOwners(context, host, { ...looked, plan, connection, open }, seen, turns),
    )
    for (const problem of outcome.problems) context.report({ type: 'problem', problem })
    const stay = outcome.problems.flatMap(({ code, app }) =>
      code === 'not-released' && app !== undefined && decided.get(app) === true ? [app] : [],
    )
    return ended(
      {
        outcome: outcome.exit === exitCodes.done ? 'changed' : 'failed',
        changes: outcome.exit === exitCodes.done ? looked.plan.changes.length : outcome.made,
        exit: outcome.exit,
      },
      stay,
    )
  } finally {
    await context.departed?.carried(host.name)
    await Promise.all(lines.map((line) => line.close()))
  }
}

/**
 * Before anything is touched: a replica that cannot be owned must not leave a host half-made, and one that cannot be reached
 * as the inventory now has it must not take the place of the one that Litestream is using.
 * @returns by app, the path of the owner object that is there
 */
async function checkReplicas(context: RunContext, host: Host, looked: Looked): Promise<Seen> {
  const seen = new Map<string, string | null>()
  for (const request of ownerRequests(context, host, looked)) {
    const { found } = await ensureOwner({ ...request, dryRun: 'probe' })
    seen.set(request.app.name, found)
  }
  const open = context.buckets.openFor(host.name)
  const changed = new Set(looked.plan.changes.map((change) => change.summary.name))
  for (const app of looked.state.apps) {
    const claimed = looked.observed.apps.get(app.name)?.claimed === true
    if (claimed && app.replica !== null && replicaFiles(context.inventory, app).some((file) => changed.has(file)))
      await reachReplica({ inventory: context.inventory, app, host: host.name, open })
  }
  return seen
}

type Seen = ReadonlyMap<string, string | null>

/**
 * ownership.md, "First launch": units, then CREATE, then the gate starts the app. The gate waits a while for the owner
 * object, which is written the moment the files are in place.
 */
async function carryOutWithOwners(
  context: RunContext,
  host: Host,
  looked: Looked & Line,
  seen: Seen,
  turns: HeldTurns | null,
) {
  const owners = ownersOnce(context, host, looked, seen)
  const result = await carryOut(context, host, looked, owners.take, turns)
  if (result.status === 0) owners.take()
  const ownerProblems = await owners.problems()
  // What the gate said for want of an owner object only repeats why there is none.
  const without = new Set(ownerProblems.map((problem) => problem.app))
  const problems = [...ownerProblems, ...result.problems.filter((problem) => !without.has(problem.app))]
  const codes: ExitCode[] = problems.map((problem) => problem.exit)
  if (result.status !== 0 && problems.length === 0) codes.push(exitCodes.failed)
  return { problems, made: result.made, exit: worstExit(codes) }
}

/** Makes the owner objects of a plan when it is told to, once, and gives back what went wrong. */
function ownersOnce(context: RunContext, host: Host, looked: Looked, seen: Seen) {
  const requests = ownerRequests(context, host, looked).map((request) => ({
    ...request,
    seen: seen.get(request.app.name) ?? null,
  }))
  let taken: Promise<(Problem | null)[]> = Promise.resolve([])
  let asked = false
  return {
    take: () => {
      if (!asked) taken = Promise.all(requests.map((request) => owned(context, request)))
      asked = true
    },
    problems: async () => (await taken).filter((problem) => problem !== null),
  }
}

async function owned(context: RunContext, request: Parameters<typeof ensureOwner>[0]): Promise<Problem | null> {
  try {
    const { outcome } = await ensureOwner(request)
    if (outcome !== 'exists') context.report(ownerChange(request, outcome))
    return null
  } catch (error) {
    if (error instanceof Problem) return concerning(error, request.host, request.app.name)
    throw error
  }
}
