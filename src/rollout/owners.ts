import type { Host } from '../inventory/model.ts'
import { Problem } from '../problem.ts'
import type { App } from '../inventory/model.ts'
import { readManifest } from '../plan/manifest.ts'
import { earlierNames, renamesOn, sourceOf } from '../plan/renames.ts'
import { type Earlier, type EnsureOwner, ensureOwner } from '../replica/ensure.ts'
import type { TakingOver } from '../replica/judge-take-over.ts'
import type { RunEvent } from '../report/events.ts'
import type { RunContext, TakeOvers } from './context.ts'
import type { Looked } from './look.ts'

/** What a plan asks of the replica: an owner object for each of these apps. */
export function ownerRequests(
  context: RunContext,
  host: Host,
  looked: Looked,
  apps: readonly string[] = [...looked.plan.owners, ...(context.takeOver?.apps ?? [])],
): EnsureOwner[] {
  return looked.state.apps
    .filter((app) => apps.includes(app.name))
    .map((app) => ({
      inventory: context.inventory,
      app,
      host: host.name,
      open: context.buckets.openFor(host.name),
      hostId: looked.observed.hostId,
      ...(looked.state.accounts.get(app.name) ?? { uid: 0, gid: 0 }),
      dbs: Object.keys(app.databases),
      laid: Object.keys(readManifest(looked.observed.manifest).data?.[app.name]?.databases ?? {}),
      claimed: looked.observed.apps.get(app.name)?.claimed === true,
      claimPath: looked.observed.apps.get(app.name)?.claimPath ?? null,
      earlier: earlierOf(app, looked),
      probed: context.buckets.probed,
      ...(context.takeOver ? { takeOver: takingOver(app, looked, context.takeOver) } : {}),
    }))
}

function takingOver(app: App, { observed }: Looked, { agreed, discardLocal, chosen }: TakeOvers): TakingOver {
  const lying = Object.entries(app.databases).flatMap(([name, path]) => (observed.databases.has(path) ? [name] : []))
  const goesBack = discardLocal && observed.apps.get(app.name)?.reason?.code === 'rolled-back'
  const path = agreed.get(app.name)
  return {
    lying,
    discard: discardLocal,
    goesBack,
    chosen: chosen?.get(app.name) ?? null,
    ...(path === undefined ? {} : { agreed: path }),
  }
}

/** Whose claim the files of an app are covered by before it has one of its own, by the host's record, else by the inventory's word. */
function earlierOf(app: App, { state, observed }: Looked): Earlier | null {
  const recorded = readManifest(observed.manifest)
  const pending = renamesOn(state.apps, observed).find(({ to }) => to === app.name)
  const untried = observed.apps.get(app.name)?.claimed !== true && recorded.apps.includes(app.name)
  const source = pending?.source ?? (untried ? sourceOf(app.name, recorded, observed) : app.name)
  const claimPathOf = (name: string) => observed.apps.get(name)?.claimPath ?? null
  if (source !== app.name)
    return {
      name: source,
      claimPath: claimPathOf(source),
      renaming: pending !== undefined,
      comesBack: earlierNames(source, recorded).includes(app.name),
    }
  if (app.was === null || pending !== undefined) return null
  return { name: app.was, claimPath: claimPathOf(app.was), renaming: false, comesBack: false }
}

const reasons = {
  created: 'first launch',
  renamed: 'a new place for the data that lie here under its earlier name',
  'renamed-back': 'a new place for the data that lie here under another name; what it held before stays as its history',
  'databases-changed': 'the databases of the app have changed',
  'taken-back': 'this host takes up again what it had let go',
  'taken-over': 'this machine takes it over: its data are restored under a new path',
  'begun-anew': 'it begins anew from the files here, under a new path; what the replica holds stays under the old one',
  imported: 'its data are restored from what another set-up of Litestream has written; that stays as it is',
  'split-settled':
    'this host goes on with what it has; what lies under earlier paths stays there, and is no second history any more',
  'gone-back': 'it goes back to a point of the replica: that is restored under a new path',
} as const

const makesObject = new Set<keyof typeof reasons>(['created', 'renamed', 'imported'])

/** The change of an owner object, made or to be made, as it is told. */
export function ownerChange(request: EnsureOwner, outcome: keyof typeof reasons): RunEvent {
  const change = {
    kind: 'owner',
    name: `owner object of ${request.app.name}`,
    action: makesObject.has(outcome) ? 'create' : 'update',
    reason: reasons[outcome],
  } as const
  return { type: 'change', host: request.host, change }
}

/** What ownership itself refuses; anything else says only that the replica could not be asked. */
const refusals = new Set([
  'replica-not-empty',
  'database-was-here',
  'held-as-one',
  'claimed-elsewhere',
  'held-by-another-host',
  'released',
  'identity-clash',
  'restore-under-way',
  'rename-not-here',
  'rename-not-released',
  'rename-databases',
  'rename-taken',
  'rename-lost',
  'restore-over-data',
  'restore-changed',
  'restore-databases',
  'restore-other-replica',
  'restore-owner-went-back',
  'restore-data-elsewhere',
  'restore-lost',
  'anew-never-launched',
  'anew-not-holder',
])

/**
 * Tells what provision will do to the owner object of an app, and writes nothing. What provision would refuse comes back as a
 * Problem; a replica that cannot be asked just now is a warning.
 */
export async function showOwner(context: RunContext, request: EnsureOwner): Promise<Problem | null> {
  try {
    const { outcome } = await ensureOwner({ ...request, dryRun: 'read' })
    if (outcome !== 'exists') context.report(ownerChange(request, outcome))
    return null
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    if (refusals.has(error.code)) return error
    const { code, found, next } = error
    const { host, app } = request
    const message = `the owner object of ${app.name} could not be looked at: ${found}`
    context.report({ type: 'warning', host, app: app.name, code, message, next })
    return null
  }
}
