import type { SshConnection } from '../host/connection.ts'
import type { App, Host } from '../inventory/model.ts'
import type { HostPlan } from '../plan/change.ts'
import { haltedApps, rollingApps, startsSomething, withoutRestarts } from '../plan/restarts.ts'
import { type ExitCode, exitCodes, Problem, worstExit } from '../problem.ts'
import { type HeldTurns, takeTurns } from './app-turns.ts'
import type { RunContext } from './context.ts'
import { AfterOthers } from './fleet.ts'
import type { Looked } from './look.ts'
import { downElsewhere, type Halted, rollHalted } from './serving.ts'

/** What the work on a host came to. */
interface Outcome {
  exit: ExitCode
  problems: Problem[]
}

/**
 * Restarts never hit two hosts of an app at once, nor one while the app is down on another, and an app that did not come up on one
 * host is not restarted on the next. The host waits with all of its changes: what is laid is what the next start runs from, whoever
 * causes it. What is down on it is started all the same when waiting has not helped.
 * @param work is given the turns, and begins nothing once they are lost; null when none is to be held
 * @throws AfterOthers when an app does not serve on another host; Problem `roll-halted`, `turn-taken` and what else `takeTurns` throws
 */
export async function inTurn<T extends Outcome>(
  context: RunContext,
  host: Host,
  looked: Looked,
  connection: SshConnection,
  work: (turns: HeldTurns | null, plan: HostPlan) => Promise<T>,
): Promise<T> {
  const apps = rollingApps(looked.plan, looked.state)
  const names = apps.map(({ name }) => name)
  const turn = await context.turns(host.name).take(names)
  if ('failed' in turn)
    throw new Problem({
      code: 'roll-halted',
      doing: `restarting ${turn.failed.app} on ${host.name}`,
      found: `it was not seen to be healthy after its restart on ${turn.failed.host}`,
      next: `nothing was changed on ${host.name}; mend ${turn.failed.app}, then run provision again`,
      host: host.name,
      app: turn.failed.app,
    })
  let failed: readonly string[] = []
  try {
    const rolling = context.restarts === 'rolling'
    const held = rolling ? await takeTurns(context, { host, connection }, apps) : null
    try {
      const asked = apps.filter((app) => !isOnDemand(app, looked))
      const halted = rolling ? await downElsewhere(context, { host, connection }, asked) : []
      const [first] = halted
      const plan = first === undefined ? looked.plan : withoutRestarts(looked.plan, looked.state, toSpare(halted))
      if (first !== undefined) {
        if (context.mayWait(host.name, first.waitsFor))
          throw new AfterOthers(first.waitsFor, rollHalted(host, first, false))
        // Two hosts would wait for each other for ever, each with something down that the other one has up.
        const held = haltedApps(plan)
        if (
          !startsSomething(plan) ||
          halted.some(({ app }) => held.includes(app.name)) ||
          rollingApps(plan, looked.state).some(({ name }) => name === first.app.name)
        )
          throw rollHalted(host, first, false)
      }
      const problems = halted.map((each) => rollHalted(host, each, true))
      failed = names
      const result = await work(held, plan)
      failed = failedOf(result, names)
      return problems.length === 0
        ? result
        : {
            ...result,
            problems: [...result.problems, ...problems],
            exit: worstExit([result.exit, ...problems.map(({ exit }) => exit)]),
          }
    } finally {
      await held?.give()
    }
  } finally {
    turn.done(failed)
  }
}

const toSpare = (halted: readonly Halted[]): App[] => halted.map(({ app }) => app)

/** One that is started when it is wanted, and is down until then. */
function isOnDemand({ name }: App, { state }: Looked): boolean {
  return state.services.get(name)?.onDemand === true
}

/** Those that are known to be well are not blamed for others of their host; of a failure without an app nobody knows whose it is. */
export function failedOf({ exit, problems }: Outcome, apps: readonly string[]): readonly string[] {
  if (exit === exitCodes.done) return []
  const blamed = problems.flatMap(({ app }) => app ?? [])
  return problems.length > 0 && blamed.length === problems.length ? blamed : apps
}
