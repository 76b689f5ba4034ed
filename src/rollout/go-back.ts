import type { Host } from '../inventory/model.ts'
import { concerning, exitCodes, Problem, worstExit } from '../problem.ts'
import { ensureOwner } from '../replica/ensure.ts'
import { carryOut } from './carry-out.ts'
import type { RunContext } from './context.ts'
import type { HostResult, Spent } from './fleet.ts'
import { haltsOf } from './halts.ts'
import { lookAt, type Looked, openHost } from './look.ts'
import { ownerChange, ownerRequests } from './owners.ts'
import type { Restoring } from './restore-survey.ts'
import { appsOn } from '../desired/host-state.ts'
import { locked } from './apply-problems.ts'

/**
 * Apps of a host that go back to a point of their own replica (ownership.md, `--at`): stopped, with a proof that the replica holds
 * everything, and then claimed anew with that point. What comes after it stays under the path that it was written to. The gate does the
 * rest at the next start, which provision sees to; so it does when this is cut off, on whatever the owner object says by then.
 * @returns what came of it; `goesOn` says whether the host may be provisioned now
 */
export async function goBack(
  context: RunContext,
  host: Host,
  spent: Spent,
  going: readonly Restoring[],
): Promise<HostResult & { goesOn: boolean }> {
  const connection = await openHost(context, host)
  spent(connection)
  const lines = [connection]
  const open = async () => {
    const opened = await openHost(context, host)
    lines.push(opened)
    spent(opened)
    return opened
  }
  try {
    const looked = await lookAt(context, host, appsOn(context.inventory, host.name), connection)
    const running = looked.observed.transactions.find(({ state }) => state === 'running')
    if (running) throw locked(host, running)
    const halts = haltsOf(
      looked,
      going.map(({ app, proves }) => ({ app, proves, reason: 'goes back to a point' })),
    )
    const halted = await carryOut(context, host, { ...looked, plan: halts, connection, open }, () => {}, null)
    for (const problem of halted.problems) context.report({ type: 'problem', problem: inWords(problem, host, going) })
    if (halted.status !== 0) {
      const exit = worstExit([exitCodes.failed, ...halted.problems.map((problem) => problem.exit)])
      return { outcome: 'failed', changes: halted.made, exit, goesOn: false }
    }
    const problems = await claimed(context, host, looked, going)
    for (const problem of problems) context.report({ type: 'problem', problem })
    return {
      outcome: problems.length === 0 ? 'changed' : 'failed',
      changes: halted.made + going.length - problems.length,
      exit: problems.length === 0 ? exitCodes.done : worstExit(problems.map(({ exit }) => exit)),
      // A claim that may still land is not to find an app that has begun to write.
      goesOn: problems.every(({ code }) => code !== 'owner-write-unknown'),
    }
  } finally {
    await Promise.all(lines.map((line) => line.close()))
  }
}

async function claimed(
  context: RunContext,
  host: Host,
  looked: Looked,
  going: readonly Restoring[],
): Promise<Problem[]> {
  const takeOver = {
    agreed: new Map(going.map(({ app, found }) => [app.name, found])),
    apps: going.map(({ app }) => app.name),
    discardLocal: false,
    chosen: new Map(going.flatMap(({ app, chosen }) => (chosen === null ? [] : [[app.name, chosen] as const]))),
  }
  const problems: Problem[] = []
  for (const request of ownerRequests({ ...context, takeOver }, host, looked, takeOver.apps)) {
    try {
      await ensureOwner(request)
      context.report(ownerChange(request, 'gone-back'))
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      problems.push(concerning(error, host.name, request.app.name))
    }
  }
  return problems
}

/** The proof of a stop is asked for by moves of databases as well, and told in their words. */
function inWords(problem: Problem, host: Host, going: readonly Restoring[]): Problem {
  if (problem.code !== 'not-proven') return problem
  const name = problem.app ?? going[0]?.app.name ?? ''
  return new Problem({
    code: 'not-proven',
    doing: `taking ${name} on ${host.name} back to a point`,
    found: problem.found,
    next:
      `run it again once status says that ${name} is protected; or with --discard-local: then what the replica has not got ` +
      'is only in the files that are put aside, in .streamside-aside beside the database',
    host: host.name,
    app: name,
    exit: exitCodes.unsound,
  })
}
