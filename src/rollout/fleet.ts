import type { Connection } from '../host/connection.ts'
import type { Host } from '../inventory/model.ts'
import { concerning, type ExitCode, exitCodes, Problem } from '../problem.ts'
import type { HostOutcome } from '../report/events.ts'
import type { RunContext } from './context.ts'

/** What a run came to on one host. */
export interface HostResult {
  outcome: HostOutcome
  changes: number
  exit: ExitCode
}

/** What is done on one host; `spent` is told of connections, so that their execs count even when the job fails. */
export type HostJob = (host: Host, spent: Spent) => Promise<HostResult>

export type Spent = (connection: Pick<Connection, 'execs'>) => void

/**
 * Runs a job on every host, at most `parallel` at a time. What goes wrong on one host is reported there and does not stop
 * the others. Hosts that have not begun when the operator asks to stop are left alone.
 */
export async function overHosts(
  context: RunContext,
  hosts: Host[],
  parallel: number,
  job: HostJob,
): Promise<ExitCode[]> {
  const exits: ExitCode[] = []
  const queue = [...hosts]
  const worker = async () => {
    for (let host = queue.shift(); host; host = queue.shift()) {
      if (context.stopping.aborted) return
      exits.push(await runOne(context, host, job))
    }
  }
  await Promise.all(Array.from({ length: Math.max(1, Math.min(parallel, hosts.length)) }, worker))
  if (context.stopping.aborted) exits.push(exitCodes.failed)
  return exits
}

async function runOne(context: RunContext, host: Host, job: HostJob): Promise<ExitCode> {
  const began = performance.now()
  const connections = new Set<Pick<Connection, 'execs'>>()
  const done = (result: HostResult) => {
    const seconds = (performance.now() - began) / 1000
    const { outcome, changes } = result
    const execs = [...connections].reduce((sum, connection) => sum + connection.execs, 0)
    context.report({ type: 'host-done', host: host.name, outcome, changes, execs, seconds })
    return result.exit
  }
  try {
    return done(await job(host, (connection) => connections.add(connection)))
  } catch (error) {
    // Anything else than a Problem is a bug: it goes up with its stack trace.
    if (!(error instanceof Problem)) throw error
    context.report({ type: 'problem', problem: concerning(error, host.name) })
    const outcome =
      error.exit === exitCodes.unreachable ? 'unreachable' : error.exit === exitCodes.locked ? 'locked' : 'failed'
    return done({ outcome, changes: 0, exit: error.exit })
  }
}
