import { appsOn } from '../desired/host-state.ts'
import type { Host } from '../inventory/model.ts'
import { type ExitCode, exitCodes } from '../problem.ts'
import type { RunContext } from '../rollout/context.ts'
import type { HostResult, Spent } from '../rollout/fleet.ts'
import { lookAt, openHost } from '../rollout/look.ts'
import { runOverHosts } from './run.ts'
import type { RunOptions } from './run-options.ts'

/** `streamside plan`: shows what provision would change, and touches nothing. Exit 7 when something would change. */
export async function runPlan(options: RunOptions, stopping: AbortSignal): Promise<ExitCode> {
  return runOverHosts('plan', options, stopping, planOneHost)
}

async function planOneHost(context: RunContext, host: Host, spent: Spent): Promise<HostResult> {
  const connection = await openHost(context, host)
  spent(connection)
  try {
    const { plan, observed } = await lookAt(context, host, appsOn(context.inventory, host.name), connection)
    for (const { id, who } of observed.transactions.filter(({ state }) => state === 'running'))
      context.report({
        type: 'warning',
        host: host.name,
        code: 'transaction-under-way',
        message: `the transaction ${id} of ${who} is under way; this shows what is there in its middle`,
      })
    for (const warning of plan.warnings) context.report({ type: 'warning', host: host.name, ...warning })
    for (const change of plan.changes) context.report({ type: 'change', host: host.name, change: change.summary })
    for (const app of plan.owners)
      context.report({
        type: 'change',
        host: host.name,
        change: {
          kind: 'owner',
          name: `owner object of ${app}`,
          action: 'update',
          reason: 'first launch here, or its databases have changed',
        },
      })
    const pending = plan.changes.length > 0
    return {
      outcome: pending ? 'pending' : 'unchanged',
      changes: plan.changes.length,
      exit: pending ? exitCodes.pending : exitCodes.done,
    }
  } finally {
    await connection.close()
  }
}
