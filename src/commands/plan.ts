import { appsOn } from '../desired/host-state.ts'
import type { Host } from '../inventory/model.ts'
import { type ExitCode, exitCodes, type Problem, worstExit } from '../problem.ts'
import { groundWarnings, obstacles } from '../plan/obstacles.ts'
import { renamesDone } from '../plan/renames.ts'
import type { RunContext } from '../rollout/context.ts'
import type { HostResult, Spent } from '../rollout/fleet.ts'
import { groundOf } from '../rollout/ground.ts'
import { lookAt, openHost } from '../rollout/look.ts'
import { ownerRequests, showOwner } from '../rollout/owners.ts'
import { pruned } from '../rollout/prune.ts'
import { runOverHosts } from './run.ts'
import type { RunOptions } from './run-options.ts'

/**
 * `streamside plan`: shows what provision would change, and touches nothing. Exit 7 when something would change; that of its
 * refusal when provision would refuse.
 */
export async function runPlan(options: RunOptions, stopping: AbortSignal): Promise<ExitCode> {
  return runOverHosts('plan', options, stopping, planOneHost)
}

async function planOneHost(context: RunContext, host: Host, spent: Spent): Promise<HostResult> {
  const connection = await openHost(context, host)
  spent(connection)
  try {
    const apps = appsOn(context.inventory, host.name)
    const looked = await pruned(context, host, await lookAt(context, host, apps, connection))
    const { plan, observed } = looked
    for (const { id, who } of observed.transactions.filter(({ state }) => state === 'running'))
      context.report({
        type: 'warning',
        host: host.name,
        code: 'transaction-under-way',
        message: `the transaction ${id} of ${who} is under way; this shows what is there in its middle`,
      })
    for (const { from, to } of renamesDone(apps, observed.manifest))
      context.report({
        type: 'note',
        message: `${to} on ${host.name} is no longer called ${from}: when plan says so of all its hosts, was: ${from} may leave the inventory`,
      })
    const ground = await groundOf(looked)
    for (const warning of [...plan.warnings, ...groundWarnings(ground)])
      context.report({ type: 'warning', host: host.name, ...warning })
    for (const change of plan.changes) context.report({ type: 'change', host: host.name, change: change.summary })
    const problems: Problem[] = obstacles(ground)
    for (const request of ownerRequests(context, host, looked)) {
      const problem = await showOwner(context, request)
      if (problem) problems.push(problem)
    }
    for (const problem of problems) context.report({ type: 'problem', problem })
    const pending = plan.changes.length > 0
    return {
      outcome: problems.length > 0 ? 'failed' : pending ? 'pending' : 'unchanged',
      changes: plan.changes.length,
      exit:
        problems.length > 0
          ? worstExit(problems.map(({ exit }) => exit))
          : pending
            ? exitCodes.pending
            : exitCodes.done,
    }
  } finally {
    await context.departed?.carried(host.name)
    await connection.close()
  }
}
