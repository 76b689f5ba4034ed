import type { Host } from '../inventory/model.ts'
import { appsOn } from '../desired/host-state.ts'
import { appsElsewhere, isOfOneHost } from '../inventory/elsewhere.ts'
import { instanceOnRecord, isReplicated } from '../plan/leaving.ts'
import { readManifest } from '../plan/manifest.ts'
import { planHost } from '../plan/plan.ts'
import type { RunContext } from './context.ts'
import type { Looked } from './look.ts'

/**
 * The plan of a host with the apps that left the inventory and are to go from there; as it was when there are none.
 * @param decided apps of which it is known already in this run whether they go; those that are decided about now are added
 */
export async function pruned(
  context: RunContext,
  host: Host,
  looked: Looked,
  decided = new Map<string, boolean>(),
): Promise<Looked> {
  const prune = await toPrune(context, host, looked, decided)
  return prune.size === 0 ? looked : { ...looked, plan: planHost(looked.state, looked.observed, prune) }
}

/**
 * With --prune all, on a terminal those that a person says yes to. One that the inventory has on another host now, under
 * this name or another one, is none of them: its data have to move with it. An instance that was made for this host alone has data
 * that nobody else goes on with, whatever the inventory has of that name now.
 */
async function toPrune(
  context: RunContext,
  host: Host,
  { plan, observed }: Looked,
  decided: Map<string, boolean>,
): Promise<Set<string>> {
  const prune = new Set<string>()
  const elsewhere = appsElsewhere(context.inventory, host.name)
  const renamed = new Set(appsOn(context.inventory, host.name).map(({ was }) => was))
  const recorded = readManifest(observed.manifest)
  for (const app of plan.leaving) {
    const moves = elsewhere.has(app) && !isOfOneHost(instanceOnRecord(app, recorded))
    if (moves || renamed.has(app)) continue
    const stay = isReplicated(app, recorded) ? 'Its data and its replica stay' : 'Its data stay'
    const question = `${app} left the inventory: stop and remove it on ${host.name}? ${stay}.`
    const goes = decided.get(app) ?? (context.prune || (await context.confirm?.(question)) === true)
    decided.set(app, goes)
    if (goes) prune.add(app)
  }
  return prune
}
