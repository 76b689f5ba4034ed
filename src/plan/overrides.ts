import path from 'node:path'
import { gateUnit } from '../desired/gate.ts'
import type { HostState } from '../desired/host-state.ts'
import type { UnitResource } from '../desired/resources.ts'
import type { Observed } from '../host/observed.ts'
import { unitOf } from '../inventory/model.ts'
import type { Change, HostPlan } from './change.ts'
import { startedAsLaid, startedUnrecorded } from './units.ts'

/**
 * Drop-ins that somebody has laid over a unit of ours (`systemctl edit`, `systemctl set-property`): the unit is then not what
 * the inventory says. They are taken out and kept, for nobody but their author knows what they were for.
 */
export function overridden(unit: UnitResource, observed: Observed): Change[] {
  return (observed.overrides.get(unit.name) ?? []).map((file) => ({
    summary: {
      kind: 'drop-in',
      name: file,
      action: 'remove',
      reason: `overrides ${unit.name}; kept in /var/lib/streamside/set-aside`,
    },
    step: { verb: 'set-aside', fields: [file] },
  }))
}

/**
 * Drop-ins over a service that would take its gate out, or let it be asked after something else: the rest of what people lay over a
 * package's unit is theirs.
 */
export function gateTakenOut(unit: UnitResource, observed: Observed): Change[] {
  if (unit.adopted !== true || unit.runsFrom.length === 0) return []
  return (observed.afterOurs.get(unit.name) ?? []).map((file) => ({
    summary: {
      kind: 'drop-in',
      name: file,
      action: 'remove',
      reason: `takes the gate out of ${unit.name}; kept in /var/lib/streamside/set-aside`,
    },
    step: { verb: 'set-aside', fields: [file] },
  }))
}

/**
 * Whether the unit that runs was started with one of them: a drop-in that systemd has not read yet has changed nothing. Where the whole
 * folder is a link, that is what is named.
 */
export function runsOverridden(unit: UnitResource, observed: Observed): boolean {
  const loaded = observed.units.get(unit.name)?.dropInPaths ?? []
  return (observed.overrides.get(unit.name) ?? []).some((file) =>
    loaded.some((each) => each === file || each.startsWith(`${file}/`)),
  )
}

/** A drop-in for all units of a type (systemd.unit(5), `service.d`) that somebody has laid on this host. */
export function isForAll(file: string): boolean {
  return /^\/(etc|run)\/systemd\/(system|system\.control)\/[a-z]+\.d\/[^/]+$/.test(file)
}

/**
 * Drop-ins over a unit of ours where packages have theirs, or where systemd or its generators put them: whoever has laid one there may
 * lay it again, so they stay and are told of. Of an adopted service's unit, which is its package's, there are none.
 */
export function overriddenElsewhere(
  { name, adopted, packaged }: UnitResource,
  { overrides, overridesElsewhere, units }: Observed,
): string[] {
  if (adopted === true || packaged === true) return []
  const loaded = (units.get(name)?.dropInPaths ?? [])
    .map((file) => file.replace(/^\/lib\//, '/usr/lib/'))
    .filter(
      (file) =>
        path.dirname(file).endsWith(`/${name}.d`) &&
        overrides.get(name)?.some((each) => file === each || file.startsWith(`${each}/`)) !== true,
    )
  return [...new Set([...(overridesElsewhere.get(name) ?? []), ...loaded])]
}

/** The same over all that a start of this unit goes through. */
function inItsWay(unit: UnitResource, { resources }: Pick<HostState, 'resources'>, observed: Observed): string[] {
  const gate = unit.app === undefined ? null : gateUnit(unit.app)
  return resources.flatMap((each) =>
    each.kind === 'unit' && (each.name === unit.name || each.name === gate)
      ? [...overriddenElsewhere(each, observed), ...(observed.units.get(each.name)?.dropInPaths ?? []).filter(isForAll)]
      : [],
  )
}

/** A drop-in that stays may keep each start from being recorded: then each run restarts the unit, and is to say why. */
export function saysWhy(changes: Change[], unit: UnitResource, state: HostState, observed: Observed): Change[] {
  const files = inItsWay(unit, state, observed)
  if (files.length === 0) return changes
  return changes.map((change) =>
    change.step.verb === 'restart'
      ? {
          ...change,
          summary: {
            ...change.summary,
            reason: `${change.summary.reason}, or ${files.join(', ')} keeps that from being known`,
          },
        }
      : change,
  )
}

export function overrideWarnings({ apps, resources }: HostState, observed: Observed): HostPlan['warnings'] {
  return resources.flatMap((unit) => {
    if (unit.kind !== 'unit') return []
    const app = apps.find(({ name }) => unit.name === gateUnit(name))
    const main = resources.find((each) => each.kind === 'unit' && app !== undefined && each.name === unitOf(app))
    const isPast = main?.kind === 'unit' && startedUnrecorded(main, observed)
    return overriddenElsewhere(unit, observed).map((file) => ({
      code: 'override-elsewhere',
      ...(unit.app === undefined ? {} : { app: unit.app }),
      message:
        `${file} changes ${unit.name}, and lies where streamside takes nothing out` +
        (app === undefined
          ? ''
          : `: ${app.name} ${isPast ? 'has started' : 'may start'} past its gate, on files that nobody has looked at`),
      next:
        `see whose it is (dpkg -S ${file}), move it away, and  systemctl daemon-reload` +
        (app === undefined ? '' : `; provision then restarts ${app.name} if it came past its gate, and not before`),
    }))
  })
}

/**
 * Whether an app that runs may have been started past its gate: with a drop-in the gate may say yes to any data, or to none at all.
 * One that systemd has not read counts, too: of a unit that does not run systemd reads whatever is there when it is started.
 * Where only one that stays is there, a restart might go past the gate again, at each run.
 */
export function maybePastGate(unit: UnitResource, { apps, resources }: HostState, observed: Observed): boolean {
  const app = apps.find((each) => each.name === unit.app && unitOf(each) === unit.name)
  if (app === undefined) return false
  const gate = gateUnit(app.name)
  if (!resources.some((resource) => resource.kind === 'unit' && resource.name === gate)) return false
  const isBent = observed.overrides.has(gate) || gateTakenOut(unit, observed).length > 0
  if (isBent && !startedAsLaid(unit, observed)) return true
  return startedUnrecorded(unit, observed) && inItsWay(unit, { resources }, observed).length === 0
}
