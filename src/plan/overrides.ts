import { gateUnit } from '../desired/gate.ts'
import type { HostState } from '../desired/host-state.ts'
import type { UnitResource } from '../desired/resources.ts'
import type { Observed } from '../host/observed.ts'
import { unitOf } from '../inventory/model.ts'
import type { Change } from './change.ts'
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

/** Whether the unit that runs was started with one of them: a drop-in that systemd has not read yet has changed nothing. */
export function runsOverridden(unit: UnitResource, observed: Observed): boolean {
  const loaded = observed.units.get(unit.name)?.dropInPaths ?? []
  return (observed.overrides.get(unit.name) ?? []).some((file) => loaded.includes(file))
}

/**
 * Whether an app that runs may have been started past its gate: with a drop-in the gate may say yes to any data, or to none at all.
 * One that systemd has not read counts, too: of a unit that does not run systemd reads whatever is there when it is started.
 */
export function maybePastGate(unit: UnitResource, { apps, resources }: HostState, observed: Observed): boolean {
  const app = apps.find((each) => each.name === unit.app && unitOf(each) === unit.name)
  if (app === undefined) return false
  const gate = gateUnit(app.name)
  if (!resources.some((resource) => resource.kind === 'unit' && resource.name === gate)) return false
  const isBent = observed.overrides.has(gate) || gateTakenOut(unit, observed).length > 0
  return startedUnrecorded(unit, observed) || (isBent && !startedAsLaid(unit, observed))
}
