import type { GateReason, ObservedApp, ObservedUnit } from '../host/observed.ts'
import { type App, countedFolder, instanceName, unitOf } from '../inventory/model.ts'
import { exitCodes } from '../problem.ts'
import { size } from '../report/size.ts'
import { isUnsound } from '../rollout/apply-problems.ts'
import { protectionOf, utc } from './protection.ts'
import type { SeenApp } from './seen.ts'
import type { AppState, AppStatus, OwnerStatus, UnitStatus, Wrong } from './status.ts'

export interface AppFacts {
  app: App
  host: string
  /** This machine's id, as a claim names it. */
  hostId: string
  observed: ObservedApp | undefined
  units: ReadonlyMap<string, ObservedUnit>
  seen: SeenApp
}

/** What `status` says of one app on one host: facts, and what of them is wrong. */
export function appStatus(facts: AppFacts): AppStatus {
  const { app, host, seen } = facts
  const gated = Object.keys(app.databases).length > 0
  const unit = (name: string): UnitStatus => unitStatus(name, facts.units.get(name))
  const units = {
    app: unit(unitOf(app)),
    litestream: gated ? unit(`${app.name}-litestream.service`) : null,
    gate: gated ? unit(`${app.name}-gate.service`) : null,
    timer: gated ? unit(`${app.name}-check.timer`) : null,
  }
  const refusal = facts.observed?.reason ?? null
  const stopped = stateOf(units.app, refusal)
  const isIdle =
    app.service !== null && stopped === 'stopped' && facts.units.get(unitOf(app))?.unitFileState === 'static'
  const state = isIdle ? 'idle' : stopped
  const status: AppStatus = {
    app: app.name,
    instance: instanceName(app, host),
    state,
    units,
    reason: reasonOf(app.name, state, units.app, refusal),
    owner: gated ? ownerStatus(facts) : null,
    replica: protectionOf(app, seen, units.litestream?.active === 'active'),
    unheld: seen.unheld,
    alerts: seen.alerts,
    wrong: [],
  }
  status.wrong = wrongOf(status, facts)
  return status
}

function unitStatus(name: string, seen: ObservedUnit | undefined): UnitStatus {
  return {
    unit: name,
    load: seen?.loadState ?? 'not-found',
    active: seen?.activeState ?? 'inactive',
    sub: seen?.subState ?? 'dead',
    result: seen?.result ?? '',
  }
}

function stateOf(unit: UnitStatus, refusal: GateReason | null): AppState {
  if (unit.load === 'not-found') return 'absent'
  // Between two starts: `auto-restart`, and since systemd 254 `dead-before-auto-restart` too, which is `inactive`.
  if (/auto-restart/.test(unit.sub)) return refusal === null ? 'failed' : 'waiting'
  switch (unit.active) {
    case 'active':
    case 'reloading':
      return 'running'
    case 'activating':
      if (refusal !== null) return 'waiting'
      return 'starting'
    case 'failed':
      return refusal === null ? 'failed' : 'waiting'
    default:
      // A stop by hand ends with success; what crashed before it was stopped keeps its result.
      return unit.load !== 'masked' && !['', 'success'].includes(unit.result) ? 'failed' : 'stopped'
  }
}

/** Why an app does not run: the gate's own words where it is the gate. */
function reasonOf(app: string, state: AppState, unit: UnitStatus, refusal: GateReason | null): GateReason | null {
  const reason = (text: string, next: string): GateReason => ({ time: '', code: state, text, next })
  switch (state) {
    case 'running':
    case 'idle':
      return null
    case 'waiting':
      return refusal
    case 'starting':
      return reason(`${unit.unit} is being started (${unit.sub})`, `streamside logs ${app} says how far it is`)
    case 'failed':
      return /auto-restart/.test(unit.sub)
        ? reason(
            `${unit.unit} ends by itself and is started again and again (${unit.result})`,
            `streamside logs ${app}`,
          )
        : reason(
            `${unit.unit} has failed (${unit.result}) and does not run`,
            `streamside logs ${app}  says why; streamside provision starts it again`,
          )
    case 'absent':
      return reason(`${unit.unit} is not on the host`, 'run streamside provision')
    case 'stopped':
      return unit.load === 'masked'
        ? reason(`${unit.unit} is masked`, `streamside provision starts it again after  systemctl unmask ${unit.unit}`)
        : reason(
            `${unit.unit} was stopped (${unit.active}, ${unit.result})`,
            'run streamside provision, which starts it',
          )
  }
}

function ownerStatus({ seen, hostId }: AppFacts): OwnerStatus {
  const now = seen.owner?.body ?? null
  const known = now ?? seen.lastOwner?.owner ?? null
  const reason = now === null ? (seen.verdict?.text ?? seen.failed ?? 'no gate of this app is on the host') : null
  return {
    read: now !== null,
    reason: reason === '' ? 'it was not asked' : reason,
    holder: known?.holder?.host ?? null,
    thisHost: known?.holder?.id === hostId,
    epoch: known?.epoch ?? null,
    path: known?.path ?? null,
    lastRead: now === null ? (seen.lastOwner?.read ?? null) : null,
  }
}

function wrongOf(status: AppStatus, { app, seen }: AppFacts): Wrong[] {
  const wrong: Wrong[] = []
  const add = (code: string, text: string, next: string) => {
    // The gate, the timer and an alert may all tell of one thing.
    if (!wrong.some((each) => each.code === code && each.text === text))
      wrong.push({ code, text, next, exit: isUnsound(code) ? exitCodes.unsound : exitCodes.failed })
  }
  const { state, units, reason, replica, unheld } = status
  if (reason !== null) add(reason.code || state, reason.text, reason.next)
  if (units.litestream && units.litestream.active !== 'active' && ['running', 'idle', 'stopped'].includes(state))
    add(
      'litestream-down',
      unitText(units.litestream),
      `see streamside logs ${app.name}; streamside provision starts it`,
    )
  if (units.timer && units.timer.active !== 'active' && state !== 'absent')
    add(
      'timer-off',
      `${unitText(units.timer)}: nobody looks whether the replica holds what it should`,
      'run streamside provision',
    )
  if (seen.failed !== null) add('not-looked-at', seen.failed, 'run streamside provision, which puts its programs back')
  for (const { code, text, next } of status.alerts) add(code, text, next)
  if (state !== 'absent' && replica !== null) addReplica(status, seen, add)
  if (unheld.bytes > 0)
    add(
      'unheld',
      `${size(unheld.bytes)} in ${countedFolder(app)} that no replica holds: ` +
        unheld.paths
          .map(({ path, bytes }) => `${path} (${size(bytes)})`)
          .slice(0, 5)
          .join(', ') +
        (unheld.paths.length > 5 ? ' …' : ''),
      `copy them elsewhere, or accept it:  unprotected: [${yamlWord(unheld.paths[0]?.path ?? '')}]  under ${app.name} in the inventory`,
    )
  if (unheld.partial && state !== 'absent')
    add('unheld-unknown', `not all of ${countedFolder(app)} could be read in time`, 'see what lies there (du)')
  return wrong
}

/** A path as YAML takes it for a text, whatever is in it. */
function yamlWord(path: string): string {
  return /^[A-Za-z_][A-Za-z0-9_./-]*$/.test(path) ? path : JSON.stringify(path)
}

/** The timer's verdict says most: who holds the app, what has become of its owner object, why the bucket cannot be read. */
function addReplica(status: AppStatus, seen: SeenApp, add: (code: string, text: string, next: string) => void): void {
  const { replica } = status
  const { verdict } = seen
  if (verdict !== null && verdict.do !== 'prove' && verdict.code !== 'no-claim') {
    const known = seen.lastOwner === null ? '' : ` (the owner object was last read ${utc(seen.lastOwner.read)})`
    add(verdict.code, `${verdict.text}${verdict.do === 'tell' ? known : ''}`, verdict.next)
  }
  if (replica?.protection === 'unprotected') add('unprotected', replica.text, `streamside logs ${status.app} says why`)
  if (replica?.protection === 'unknown' && (verdict === null || verdict.do === 'prove') && seen.failed === null)
    add('replica-unknown', replica.text, `see streamside logs ${status.app}`)
}

function unitText(unit: UnitStatus): string {
  if (unit.load === 'not-found') return `${unit.unit} is not on the host`
  if (unit.load === 'masked') return `${unit.unit} is masked`
  return `${unit.unit} is ${unit.active} (${unit.sub}${unit.result === '' || unit.result === 'success' ? '' : `, ${unit.result}`})`
}
