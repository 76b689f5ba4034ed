import type { UnitResource } from '../desired/resources.ts'
import type { Observed } from '../host/observed.ts'
import type { Change } from './change.ts'

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

/** Whether the unit that runs was started with one of them: a drop-in that systemd has not read yet has changed nothing. */
export function runsOverridden(unit: UnitResource, observed: Observed): boolean {
  const loaded = observed.units.get(unit.name)?.dropInPaths ?? []
  return (observed.overrides.get(unit.name) ?? []).some((file) => loaded.includes(file))
}
