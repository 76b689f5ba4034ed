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

/** Who may let others of the run go first: each host once, for one that is in it (`RunContext.mayWait`). */
export function createWaits(hosts: readonly Host[]): RunContext['mayWait'] {
  const names = new Set(hosts.map(({ name }) => name))
  const waited = new Set<string>()
  return (host, other) => {
    if (waited.has(host) || !names.has(other)) return false
    waited.add(host)
    return true
  }
}

/** Thrown by a job that could do nothing yet, and may wait: it is run once more when all other hosts are through. */
export class AfterOthers extends Error {
  override readonly name = 'AfterOthers'
  readonly waitsFor: string
  readonly problem: Problem

  constructor(waitsFor: string, problem: Problem) {
    super(problem.message)
    this.waitsFor = waitsFor
    this.problem = problem
  }
}

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
  const again: Work[] = []
  const round = async (queue: Work[]) => {
    const worker = async () => {
      for (let work = queue.shift(); work; work = queue.shift()) {
        if (context.stopping.aborted) return
        const exit = await runOne(context, work, job)
        if (exit === null) again.push(work)
        else exits.push(exit)
      }
    }
    await Promise.all(Array.from({ length: Math.max(1, Math.min(parallel, queue.length)) }, worker))
  }
  const all = hosts.map((host) => ({ host, connections: new Set<Pick<Connection, 'execs'>>() }))
  await round(all)
  await round(again.splice(0))
  if (context.stopping.aborted) exits.push(exitCodes.failed)
  return exits
}

/** A host, and the connections that were made to it so far. */
interface Work {
  host: Host
  connections: Set<Pick<Connection, 'execs'>>
}

/** @returns null when the job is to be run once more, after the others */
async function runOne(context: RunContext, { host, connections }: Work, job: HostJob): Promise<ExitCode | null> {
  const began = performance.now()
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
    if (error instanceof AfterOthers) {
      const { waitsFor, problem } = error
      const detail = `for ${waitsFor}: ${problem.found}`
      context.report({ type: 'host-step', host: host.name, step: 'wait', detail })
      return null
    }
    const problem = asProblem(error, host.name)
    context.report({ type: 'problem', problem: concerning(problem, host.name) })
    const outcome =
      problem.exit === exitCodes.unreachable ? 'unreachable' : problem.exit === exitCodes.locked ? 'locked' : 'failed'
    return done({ outcome, changes: 0, exit: problem.exit })
  }
}

/** Anything else than a Problem is a bug. One host that leads to it must not keep the others from what they need. */
export function asProblem(error: unknown, host: string): Problem {
  if (error instanceof Problem) return error
  return new Problem({
    code: 'internal-error',
    doing: `working on ${host}`,
    found: error instanceof Error ? (error.stack ?? String(error)) : String(error),
    next: 'this is a defect of streamside, not of your site: report it with the lines above. Run it again: a run goes on from what it finds',
    host,
    cause: error,
  })
}
