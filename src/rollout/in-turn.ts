import type { SshConnection } from '../host/connection.ts'
import type { Host } from '../inventory/model.ts'
import { rollingApps } from '../plan/restarts.ts'
import { type ExitCode, exitCodes, Problem } from '../problem.ts'
import { type HeldTurns, takeTurns } from './app-turns.ts'
import type { RunContext } from './context.ts'
import type { Looked } from './look.ts'

/** What the work on a host came to. */
interface Outcome {
  exit: ExitCode
  problems: Problem[]
}

/**
 * Restarts never hit two hosts of an app at once, and an app that did not come up on one host is not restarted on the next.
 * The host waits with all of its changes: what is laid is what the next start runs from, whoever causes it.
 * @param work is given the turns, and begins nothing once they are lost; null when none is to be held
 * @throws Problem `roll-halted`, `turn-taken` and what else `takeTurns` throws
 */
export async function inTurn<T extends Outcome>(
  context: RunContext,
  host: Host,
  looked: Looked,
  connection: SshConnection,
  work: (turns: HeldTurns | null) => Promise<T>,
): Promise<T> {
  const apps = rollingApps(looked.plan, looked.state)
  const names = apps.map(({ name }) => name)
  const turn = await context.turns(host.name).take(names)
  if ('failed' in turn)
    throw new Problem({
      code: 'roll-halted',
      doing: `restarting ${turn.failed.app} on ${host.name}`,
      found: `it was not healthy after its restart on ${turn.failed.host}`,
      next: `nothing was changed on ${host.name}; mend ${turn.failed.app}, then run provision again`,
      host: host.name,
      app: turn.failed.app,
    })
  let failed: readonly string[] = []
  try {
    const held = context.restarts === 'rolling' ? await takeTurns(context, { host, connection }, apps) : null
    failed = names
    try {
      const result = await work(held)
      failed = failedOf(result, names)
      return result
    } finally {
      await held?.give()
    }
  } finally {
    turn.done(failed)
  }
}

/** Those that are known to be well are not blamed for others of their host; of a failure without an app nobody knows whose it is. */
export function failedOf({ exit, problems }: Outcome, apps: readonly string[]): readonly string[] {
  if (exit === exitCodes.done) return []
  const blamed = problems.flatMap(({ app }) => app ?? [])
  return problems.length > 0 && blamed.length === problems.length ? blamed : apps
}
