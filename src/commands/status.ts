import { appsOn } from '../desired/host-state.ts'
import { clockOffset } from '../host/clock.ts'
import type { SshConnection } from '../host/connection.ts'
import type { Observed } from '../host/observed.ts'
import type { App, Host } from '../inventory/model.ts'
import type { HostPlan } from '../plan/change.ts'
import { obstacles } from '../plan/obstacles.ts'
import { type ExitCode, Problem, worstExit } from '../problem.ts'
import { wantsColor } from '../report/colour.ts'
import { formatStatus, type StatusRow } from '../report/status-table.ts'
import { columnsOf } from '../report/text-width.ts'
import type { RunContext } from '../rollout/context.ts'
import { asProblem, type HostResult, type Spent } from '../rollout/fleet.ts'
import { groundOf } from '../rollout/ground.ts'
import { observe, openHost, planFor, wantedOn } from '../rollout/look.ts'
import { hostStatus } from '../status/host-status.ts'
import { whatBecame } from '../status/left.ts'
import { statusPayload } from '../status/request.ts'
import { parseStatus } from '../status/seen.ts'
import type { Drift, HostStatus } from '../status/status.ts'
import { runOverHosts } from './run.ts'
import type { RunOptions } from './run-options.ts'

/** Seconds: a probe, and beside it questions to replicas that have limits of their own (templates/host/status.sh). */
const deadlineSeconds = 240

/**
 * `streamside status`: one table over all hosts, from one exec on each. Exit 0 when all is well, 1 when something is wrong, 3 when
 * hosts could not be reached, 6 when a replica is not sound; 6 before 1 before 3.
 */
export async function runStatus(options: RunOptions, stopping: AbortSignal): Promise<ExitCode> {
  const found = new Map<string, HostStatus | Problem>()
  const job = async (context: RunContext, host: Host, spent: Spent): Promise<HostResult> => {
    try {
      const status = await statusOf(context, host, spent)
      found.set(host.name, status)
      context.report({ type: 'host-status', host: host.name, status })
      const wrong = [...status.wrong, ...status.apps.flatMap((app) => app.wrong)]
      return {
        outcome: wrong.length > 0 ? 'wrong' : 'sound',
        changes: 0,
        exit: worstExit(wrong.map(({ exit }) => exit)),
      }
    } catch (error) {
      found.set(host.name, asProblem(error, host.name))
      throw error
    }
  }
  const { stdout } = process
  return runOverHosts('status', options, stopping, job, {
    // A release that is not on this machine today must not keep anybody from seeing how the hosts are.
    load: { skipLocalFiles: true },
    result: (hosts) =>
      formatStatus(
        hosts.map(({ name }): StatusRow => ({ host: name, found: found.get(name) ?? null })),
        { columns: columnsOf(stdout), color: wantsColor(stdout), all: options.verbose, now: Date.now() / 1000 },
      ),
  })
}

async function statusOf(context: RunContext, host: Host, spent: Spent): Promise<HostStatus> {
  const apps = appsOn(context.inventory, host.name)
  const wanted = await attempt(() => wantedOn(context, host, apps))
  const connection = await openHost(context, host)
  spent(connection)
  try {
    const { observed, seen, asked } = await look(
      context,
      host,
      apps,
      wanted instanceof Problem ? [] : wanted,
      connection,
    )
    const { drift, refused, warnings } =
      wanted instanceof Problem ? unknownDrift(wanted) : await driftOf(context, host, apps, observed, asked)
    const became = (app: string, instance: string) => whatBecame(app, host.name, context.inventory, instance)
    const status = hostStatus({ host: host.name, apps, whatBecame: became, observed, seen, drift, refused, asked })
    // That an app which has left runs on is worth a notice; one that does not is told of in its place.
    const down = status.apps.filter(({ left, state }) => left !== null && state !== 'running' && state !== 'idle')
    for (const warning of warnings)
      if (warning.code !== 'app-left' || !down.some(({ app }) => app === warning.app))
        context.report({ type: 'warning', host: host.name, ...warning })
    return status
  } finally {
    await context.departed?.carried(host.name)
    await connection.close()
  }
}

async function look(
  context: RunContext,
  host: Host,
  apps: App[],
  wanted: Parameters<typeof observe>[3],
  connection: SshConnection,
) {
  const from = Date.now() / 1000
  const beside = { program: 'status.sh', files: statusPayload(apps), deadlineSeconds }
  const { observed, rest } = await observe(context, host, apps, wanted, connection, beside)
  const names = apps.map((app) => app.name)
  return { observed, seen: parseStatus(rest, names, host.name), asked: { from, to: Date.now() / 1000 } }
}

interface Compared {
  drift: Drift
  /** What keeps provision from beginning, beside the drift. */
  refused: Problem[]
  warnings: HostPlan['warnings']
}

/** `plan`'s own comparison, so that both say the same. */
async function driftOf(
  context: RunContext,
  host: Host,
  apps: App[],
  observed: Observed,
  asked: { from: number; to: number },
): Promise<Compared> {
  const looked = await attempt(() => planFor(context, host, apps, observed))
  if (looked instanceof Problem) return unknownDrift(looked)
  const changes = looked.plan.changes.map(({ summary: { kind, name, action, reason } }) => ({
    kind,
    name,
    action,
    reason,
  }))
  const ground = await groundOf({ ...looked, clockOffset: clockOffset(observed.clock.epochSeconds, asked) })
  return { drift: { known: true, changes }, refused: obstacles(ground), warnings: looked.plan.warnings }
}

function unknownDrift({ doing, found }: Problem): Compared {
  return { drift: { known: false, reason: `${doing}: ${found}` }, refused: [], warnings: [] }
}

async function attempt<T>(work: () => Promise<T>): Promise<T | Problem> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof Problem) return error
    throw error
  }
}
