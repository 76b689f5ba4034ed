import { appsOn } from '../desired/host-state.ts'
import type { App, Host } from '../inventory/model.ts'
import { type ExitCode, exitCodes, Problem } from '../problem.ts'
import { readOwner } from '../replica/ensure.ts'
import type { RunContext } from '../rollout/context.ts'
import type { HostResult, Spent } from '../rollout/fleet.ts'
import { lookAt, openHost } from '../rollout/look.ts'
import { pruned } from '../rollout/prune.ts'
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
    for (const warning of plan.warnings) context.report({ type: 'warning', host: host.name, ...warning })
    for (const change of plan.changes) context.report({ type: 'change', host: host.name, change: change.summary })
    for (const app of looked.state.apps.filter(({ name }) => plan.owners.includes(name)))
      await showOwner(context, host, app)
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

/** What provision will do to the owner object of an app, read from the replica; one that cannot be read is a warning here. */
async function showOwner(context: RunContext, host: Host, app: App): Promise<void> {
  const change = (action: 'create' | 'update', reason: string) =>
    context.report({
      type: 'change',
      host: host.name,
      change: { kind: 'owner', name: `owner object of ${app.name}`, action, reason },
    })
  try {
    const owner = await readOwner({ inventory: context.inventory, app, host: host.name })
    const wanted = Object.keys(app.databases).sort()
    if (owner === null) change('create', 'first launch')
    else if (Object.keys(owner.dbs).sort().join('\n') !== wanted.join('\n'))
      change('update', 'the databases of the app have changed')
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    const { code, found, next } = error
    context.report({
      type: 'warning',
      host: host.name,
      app: app.name,
      code,
      message: `the owner object of ${app.name} could not be looked at: ${found}`,
      next,
    })
  }
}
