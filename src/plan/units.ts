import type { UnitResource } from '../desired/resources.ts'
import type { Observed } from '../host/observed.ts'
import type { Change } from './change.ts'

/**
 * What a unit needs: to be enabled, started, restarted.
 *
 * Restarts are derived, not remembered: a unit that runs is restarted when what it was started from (recorded at its start,
 * /run/streamside/started) is not what it should run from. An interrupted run never loses a restart that way.
 *
 * @param wanted the unit's `runsFromDigest`
 * @param laidAnew something that it runs from is put back: the record tells what it should have been started from, and somebody
 *   who has changed that may have started it since; or what it was started from is ours no more
 * @param pastGate an app that may have been started past its gate, which then has not looked at what it runs on
 */
export function compareUnit(
  unit: UnitResource,
  wanted: string,
  observed: Observed,
  laidAnew: boolean,
  pastGate = false,
): Change[] {
  const seen = observed.units.get(unit.name)
  const changes: Change[] = []
  const summary = (action: Change['summary']['action'], reason: string) => ({
    kind: 'unit',
    name: unit.name,
    action,
    reason,
  })
  const isThere = seen !== undefined && seen.loadState !== 'not-found'
  if (unit.enabled && seen?.unitFileState !== 'enabled')
    changes.push({
      summary: summary('enable', isThere ? `is ${seen.unitFileState}` : 'is new'),
      step: { verb: 'enable', fields: [unit.name] },
    })
  if (!unit.active) return changes
  const step = (verb: 'start' | 'restart'): Change['step'] =>
    unit.packaged
      ? { verb: 'settle', fields: [unit.name, wanted, String(unit.listens ?? '-')] }
      : { verb, fields: [unit.name] }
  if (!seen || !isUp(seen.activeState, seen.subState)) {
    // Once, for its gate takes the databases over: until then nothing is replicated.
    if (unit.onDemand === true && observed.apps.get(unit.app ?? '')?.claimed === true && seen?.activeState !== 'failed')
      return changes
    changes.push({
      summary: summary('start', isThere ? `is ${seen.activeState} (${seen.subState})` : 'is new'),
      step: step('start'),
    })
    return changes
  }
  const { digest, unhealthy } = startOf(observed.started.get(unit.name))
  if (pastGate)
    changes.push({
      summary: summary('restart', 'it may have been started past its gate, which has to look at its data first'),
      step: step('restart'),
    })
  else if (laidAnew || (unit.runsFrom.length > 0 && digest !== wanted))
    changes.push({
      summary: summary(
        'restart',
        unit.adopted === true && digest === undefined
          ? 'it is adopted: once, so that its drop-in counts'
          : 'what it runs from has changed since it was started',
      ),
      step: step('restart'),
    })
  else if (unhealthy)
    changes.push({
      summary: summary(
        'check',
        unit.name.endsWith('-litestream.service')
          ? 'the replica has not been seen to hold its data since its last start'
          : 'it has not been seen to be healthy since its last start',
      ),
      step: { verb: 'recheck', fields: [unit.name] },
    })
  return changes
}

/**
 * Whether what runs was started when everything that is read at a start was as laid (record-start.sh looks at that): what has been
 * changed since has not been run with, and putting it back takes no restart.
 */
export function startedAsLaid(unit: UnitResource, { started, units }: Observed): boolean {
  const { asLaid } = startOf(started.get(unit.name))
  return asLaid !== undefined && asLaid === units.get(unit.name)?.invocation
}

/**
 * Whether an app's gate has recorded an earlier start than the one that it runs from, by systemd's ids of both: the gate did not
 * do its work at that one, whoever has kept it from it, and whether that is still to be seen or not.
 */
export function startedUnrecorded(unit: UnitResource, { started, units }: Observed): boolean {
  const { asLaid } = startOf(started.get(unit.name))
  return asLaid !== undefined && asLaid !== units.get(unit.name)?.invocation
}

/**
 * Whether what runs may have been started from a release or a program that is to be laid anew in its own place: the last run that
 * went through had it there, or the unit was started from all that is wanted. Of a release that is new neither holds.
 * @param wanted the unit's `runsFromDigest`
 */
export function mayRunFrom(path: string, unit: UnitResource, wanted: string, observed: Observed): boolean {
  return observed.signatures.has(path) || startOf(observed.started.get(unit.name)).digest === wanted
}

/**
 * The record of a unit's last start: `DIGEST`, and systemd's id of that start when it was from what was laid; the probe puts
 * `unhealthy` before it where a transaction did not see it come up well, for only a good start counts as done.
 */
function startOf(record = ''): { digest: string | undefined; asLaid: string | undefined; unhealthy: boolean } {
  const words = record.split(' ').filter(Boolean)
  const unhealthy = words[0] === 'unhealthy'
  const [digest, asLaid] = unhealthy ? words.slice(1) : words
  return { digest, asLaid, unhealthy }
}

function isUp(active: string, sub: string): boolean {
  return active === 'active' || active === 'reloading' || (active === 'activating' && sub === 'start-post')
}
