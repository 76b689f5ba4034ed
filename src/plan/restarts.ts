import type { HostState } from '../desired/host-state.ts'
import { type App, unitOf } from '../inventory/model.ts'
import type { HostPlan } from './change.ts'

/**
 * Apps that this plan restarts and that have other hosts too: those go one host after the other. An app that is merely
 * started serves nobody yet.
 */
export function rollingApps(plan: HostPlan, state: HostState): App[] {
  const restarted = new Set(
    plan.changes.flatMap(({ step: { verb, fields } }) =>
      // One that gets another name is stopped under the old one and started under the new.
      verb === 'restart' ? [fields[0] ?? ''] : verb === 'rename' ? [`${fields[1] ?? ''}.service`] : [],
    ),
  )
  return state.apps.filter((app) => app.hosts.length > 1 && restarted.has(unitOf(app)))
}

/**
 * The plan without its restarts: everything is laid, and what runs goes on as it was started. No restart is lost, for it is
 * derived from what a unit was started from, and the record of that goes when what it was is put back: the next plan names it again.
 * @param only the apps that are spared; default: everything
 */
export function withoutRestarts(plan: HostPlan, state: HostState, only?: readonly App[]): HostPlan {
  const spared = only && new Set(only.flatMap((app) => [unitOf(app), `${app.name}-litestream.service`]))
  const units = plan.changes.flatMap(
    ({
      step: {
        verb,
        fields: [unit = ''],
      },
    }) => (verb === 'restart' && spared?.has(unit) !== false ? [unit] : []),
  )
  if (units.length === 0) return plan
  const left = new Set(state.apps.filter((app) => units.includes(unitOf(app))).map(({ name }) => name))
  const isLeft = (app: string) => left.has(app)
  return {
    ...plan,
    changes: plan.changes.filter(({ step }) => step.verb !== 'restart' || !units.includes(step.fields[0] ?? '')),
    attendant: plan.attendant.filter(
      ({ verb, fields: [name = ''] }) =>
        !(verb === 'health' && isLeft(name)) &&
        !(verb === 'replicating' && units.includes(`${name}-litestream.service`)),
    ),
    started: plan.started.filter((app) => !isLeft(app)),
    warnings: [
      ...plan.warnings,
      {
        code: 'restart-left',
        message: `${units.join(', ')} ${units.length === 1 ? 'goes on with what it was' : 'go on with what they were'} started from`,
        next: 'run provision without --restarts none to restart',
      },
    ],
  }
}

/** Apps that cannot go on as they were started: their databases get another place (`moves.ts`). */
export function haltedApps({ changes }: HostPlan): string[] {
  return changes.flatMap(({ step: { verb, fields } }) => (verb === 'halt' ? [fields[0] ?? ''] : []))
}

/** Whether a plan starts something that is down: that need not wait for what has to be restarted. */
export function startsSomething(plan: HostPlan): boolean {
  return plan.started.some((app) =>
    plan.changes.some(({ step: { verb, fields } }) => verb === 'start' && fields[0] === `${app}.service`),
  )
}
