import { currentLink, gateConfigPath, runsFromPath } from '../desired/places.ts'
import type { HostState } from '../desired/host-state.ts'
import type { Observed } from '../host/observed.ts'
import { type App, unitOf } from '../inventory/model.ts'
import { Problem } from '../problem.ts'
import type { Change, HostPlan, Step } from './change.ts'
import { expectation } from './compare.ts'
import { type ManifestData, manifestPath, readManifest } from './manifest.ts'
import { dataOf } from './moves.ts'
import { healthStep } from './plan.ts'

/** What an app is taken down for: `update` makes all of the plan's changes, the others none but their own. */
export type Roll = { app: string } & ({ kind: 'update' | 'restart' } | { kind: 'rollback'; release: string })
export type RollKind = Roll['kind']

/**
 * The plan for one app of a host that is restarted with its data proven: before it is stopped, and when it has been (apply/roll.sh).
 * What it runs from until then is kept by the transaction, which puts it back when the app does not get well.
 */
export function rollPlan(planned: { plan: HostPlan; state: HostState; observed: Observed }, roll: Roll): HostPlan {
  const app = planned.state.apps.find(({ name }) => name === roll.app)
  if (app === undefined) return planned.plan
  const plan = roll.kind === 'update' ? planned.plan : restartPlan(planned, app, roll)
  const unit = unitOf(app)
  const more = roll.kind === 'update' ? otherThanARoll(planned, app) : null
  if (more !== null) return { ...plan, refused: [...plan.refused, notARoll(more, app, plan.host)] }
  const isRestarted = plan.changes.some(({ step }) => step.verb === 'restart' && step.fields[0] === unit)
  if (!isRestarted) return plan
  const within = String(app.health?.withinSeconds ?? 30)
  return {
    ...plan,
    attendant: [
      ...plan.attendant,
      ...kept(plan, planned.observed, app),
      { verb: 'roll', fields: [app.name, unit, app.restart, within, ...drained(app, planned.observed)] },
    ],
  }
}

/**
 * What an update changes that cannot be put back by laying files: which databases there are, where they lie, in what storage, and the
 * app's name. The owner object knows of it by then, and the gate of before would refuse.
 */
function otherThanARoll({ plan, observed }: { plan: HostPlan; observed: Observed }, app: App): string | null {
  if (plan.changes.some(({ step }) => step.verb === 'rename')) return 'its name'
  const recorded = readManifest(observed.manifest)
  // never here: there is nothing to go back to
  if (!recorded.apps.includes(app.name)) return null
  const before = recorded.data?.[app.name]
  // set up by a version that did not record it
  if (before === undefined && recorded.files[gateConfigPath(app.name)] !== undefined) return null
  const now = dataOf(app)
  const names = (of: ManifestData | null | undefined) => Object.keys(of?.databases ?? {}).sort()
  if (names(before).join() !== names(now).join())
    return `which databases it has (${names(before).join(', ') || 'none'} → ${names(now).join(', ') || 'none'})`
  return plan.changes.some(({ step }) => step.verb === 'halt') ? 'where its databases lie' : null
}

function notARoll(what: string, { name }: App, host: string): Problem {
  return new Problem({
    code: 'not-a-roll',
    doing: `updating ${name} on ${host}`,
    found: `this changes ${what}, which could not be put back if the release did not get healthy; nothing was changed`,
    next: `run streamside provision for that, best with the release that runs; then streamside update ${name} with the new one`,
    host,
    app: name,
  })
}

/** By what its unit takes away again at its next start: one that is laid by this very run ran without. */
function drained({ name, drain }: App, observed: Observed): string[] {
  if (drain === null) return []
  const seen = observed.paths.get(`/etc/systemd/system/${name}.service`)
  return seen?.type === 'file' ? [drain.file, String(drain.waitSeconds)] : []
}

/** Nothing but the unit, and what names another release: what else differs on the host is a matter of `update` and `provision`. */
function restartPlan(
  { plan, state, observed }: { plan: HostPlan; state: HostState; observed: Observed },
  app: App,
  roll: Roll,
): HostPlan {
  const unit = unitOf(app)
  const seen = observed.units.get(unit)
  const isUp = seen?.activeState === 'active' || seen?.activeState === 'reloading'
  const verb = isUp ? 'restart' : 'start'
  const isThere = seen !== undefined && seen.loadState !== 'not-found'
  // the plan is one for the release that is gone back to (look.ts)
  const own = roll.kind === 'rollback' ? [currentLink(app.name), runsFromPath(app.name)] : []
  const changed = plan.changes.filter(({ summary }) => own.includes(summary.name))
  const changes: Change[] = isThere
    ? [
        ...changed,
        {
          summary: {
            kind: 'unit',
            name: unit,
            action: verb,
            reason: isUp ? 'asked for' : `is ${seen.activeState} (${seen.subState})`,
          },
          step: { verb, fields: [unit] },
        },
      ]
    : []
  const damaged = roll.kind === 'rollback' ? plan.changes.find(({ step }) => step.verb === 'release') : undefined
  return {
    ...plan,
    changes,
    refused: damaged === undefined ? plan.refused : [...plan.refused, notAsItWas(damaged, app, plan.host)],
    attendant: isThere
      ? [
          expectation({ path: manifestPath }, observed),
          ...plan.attendant.filter(({ verb, fields }) => verb === 'expect' && own.includes(fields[0] ?? '')),
          healthStep(app, state),
        ]
      : [],
    started: isThere ? [app.name] : [],
    owners: [],
    leaving: [],
    manifest: observed.manifest ?? plan.manifest,
    meanwhile: null,
  }
}

function notAsItWas({ summary }: Change, { name }: App, host: string): Problem {
  return new Problem({
    code: 'release-changed',
    doing: `rolling ${name} back on ${host}`,
    found: `${summary.name} is not as it was laid (${summary.reason}), and nobody has it here to lay it anew`,
    next: `take that release into the inventory, and run streamside update ${name}`,
    host,
    app: name,
  })
}

/** The files and links of the app that the plan replaces or removes; what all apps share stays as it is laid. */
function kept(plan: HostPlan, observed: Observed, app: App): Step[] {
  const recorded = readManifest(observed.manifest).files
  const next = readManifest(plan.manifest).files
  return plan.changes.flatMap(({ step: { verb, fields } }) => {
    const [path = ''] = fields
    if ((next[path] ?? recorded[path])?.app !== app.name) return []
    if (verb === 'file') return [{ verb: 'keep' as const, fields: [app.name, path, fields[4] ?? 'root'] }]
    if (verb === 'link') return [{ verb: 'keep' as const, fields: [app.name, path, 'root'] }]
    if (verb === 'remove') return [{ verb: 'keep' as const, fields: [app.name, path, fields[1] ?? 'root'] }]
    return []
  })
}
