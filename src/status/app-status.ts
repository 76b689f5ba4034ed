import type { GateReason, ObservedUnit } from '../host/observed.ts'
import { countedFolder, unitOf } from '../inventory/model.ts'
import { exitCodes } from '../problem.ts'
import { size } from '../report/size.ts'
import { isUnsound } from '../rollout/apply-problems.ts'
import type { Left, LookedAt } from './left.ts'
import { protectionOf } from './protection.ts'
import { replicaWrong } from './replica-wrong.ts'
import type { SeenApp } from './seen.ts'
import type { AppState, AppStatus, OwnerStatus, UnitStatus, Wrong } from './status.ts'
import { yamlWord } from './yaml-word.ts'

export interface AppFacts {
  app: LookedAt
  /** Its name in the replica. */
  instance: string
  /** It has a gate, and what belongs to that. */
  gated: boolean
  /** What has become of it, when the inventory has it on this host no more. */
  left: Left | null
  host: string
  /** This machine's id, as a claim names it. */
  hostId: string
  /** Why its gate held it back at the last try. */
  refusal: GateReason | null
  units: ReadonlyMap<string, ObservedUnit>
  /** For how long its own unit has been up; null when that is not known, or it is not. */
  upSeconds: number | null
  seen: SeenApp
}

/** What the look itself finds: there is nobody on the host who could tell. */
const unsoundHere = new Set(['claim-gone'])

/** What `status` says of one app on one host: facts, and what of them is wrong. */
export function appStatus(facts: AppFacts): AppStatus {
  const { app, instance, gated, left, refusal, seen } = facts
  const unit = (name: string): UnitStatus => unitStatus(name, facts.units.get(name))
  const units = {
    app: unit(unitOf(app)),
    litestream: gated ? unit(`${app.name}-litestream.service`) : null,
    gate: gated ? unit(`${app.name}-gate.service`) : null,
    timer: gated ? unit(`${app.name}-check.timer`) : null,
  }
  const stopped = stateOf(units.app, refusal)
  const isIdle =
    app.service !== null && stopped === 'stopped' && facts.units.get(unitOf(app))?.unitFileState === 'static'
  const state = isIdle ? 'idle' : stopped
  const status: AppStatus = {
    app: app.name,
    instance,
    left,
    state,
    units,
    reason: reasonOf(state, units.app, facts),
    owner: gated ? ownerStatus(facts) : null,
    replica: protectionOf(app, seen, units.litestream?.active === 'active', {
      serving: units.app.active === 'active',
      upSeconds: facts.upSeconds,
    }),
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

/** What a person may do about an app. `streamside logs` does not know one that has left the inventory, and provision lets it be. */
interface Ways {
  logs: string
  mend: string
  start: string
  /** Where the app is not on the host at all. */
  lay: string
}

function waysOf(facts: AppFacts): Ways {
  const { app, left, host } = facts
  const mend = 'run streamside provision'
  if (left === null)
    return {
      logs: `streamside logs ${app.name}`,
      mend,
      start: `${mend}, which starts it`,
      lay: facts.gated ? layOf(facts, mend) : mend,
    }
  const logs = `streamside ssh ${host} sudo journalctl -u ${unitOf(app)} -u ${app.name}-gate`
  return { logs, mend: left.next, start: left.next, lay: left.next }
}

/** A new card in the place of an old one is restored. It has no keys to ask the replica with, and mostly knows of no holder. */
function layOf({ seen, host, hostId }: AppFacts, provision: string): string {
  const holder = (seen.owner?.body ?? seen.lastOwner?.owner)?.holder ?? null
  if (holder === null)
    return `${provision}, or streamside restore ${host} if this is a new card in the place of one that had its data`
  return holder.host === host && holder.id !== hostId
    ? `run streamside restore ${host}, for the replica says that another machine of this name holds it`
    : provision
}

/** Why an app does not run: the gate's own words where it is the gate. */
function reasonOf(state: AppState, unit: UnitStatus, facts: AppFacts): GateReason | null {
  const { refusal } = facts
  const ways = waysOf(facts)
  const reason = (text: string, next: string): GateReason => ({ time: '', code: state, text, next })
  switch (state) {
    case 'running':
    case 'idle':
      return null
    case 'waiting':
      return refusal
    case 'starting':
      return reason(
        `${unit.unit} is being started (${unit.sub})${provesFirst(facts)}`,
        `${ways.logs} says how far it is`,
      )
    case 'failed':
      return /auto-restart/.test(unit.sub)
        ? reason(`${unit.unit} ends by itself and is started again and again (${unit.result})`, ways.logs)
        : reason(`${unit.unit} has failed (${unit.result}) and does not run`, `${ways.logs}  says why; ${ways.start}`)
    case 'absent':
      return reason(`${unit.unit} is not on the host`, ways.lay)
    case 'stopped':
      return unit.load === 'masked'
        ? reason(`${unit.unit} is masked`, `after  systemctl unmask ${unit.unit}  on the host: ${ways.start}`)
        : reason(`${unit.unit} was stopped (${unit.active}, ${unit.result})`, ways.start)
  }
}

/** What may take long, or wait for a server, before the app itself is started. */
function provesFirst({ seen, hostId }: AppFacts): string {
  const owner = seen.owner?.body ?? null
  if (owner === null || owner.from === null || owner.holder?.id !== hostId) return ''
  return `: its gate restores it, or uploads what it goes on with, and proves that under ${owner.path} before the app starts`
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

function wrongOf(status: AppStatus, facts: AppFacts): Wrong[] {
  const { app, seen, left } = facts
  const ways = waysOf(facts)
  const wrong: Wrong[] = []
  const add = (code: string, text: string, next: string) => {
    // The gate, the timer and an alert may all tell of one thing, one of them with more words.
    if (!wrong.some((each) => each.code === code && (each.text.startsWith(text) || text.startsWith(each.text))))
      wrong.push({
        code,
        text,
        next,
        exit: isUnsound(code) || unsoundHere.has(code) ? exitCodes.unsound : exitCodes.failed,
      })
  }
  const { state, units, reason, replica, unheld } = status
  if (reason !== null) add(reason.code || state, reason.text, reason.next)
  // Of one that is kept down the alert says why: provision cannot start it.
  const isHalted = status.alerts.some(({ code }) => code === 'place-lost')
  if (
    units.litestream &&
    units.litestream.active !== 'active' &&
    !isHalted &&
    ['running', 'idle', 'stopped'].includes(state)
  )
    add('litestream-down', unitText(units.litestream), `see ${ways.logs}; ${ways.start}`)
  if (units.timer && units.timer.active !== 'active' && state !== 'absent')
    add('timer-off', `${unitText(units.timer)}: nobody looks whether the replica holds what it should`, ways.mend)
  if (seen.failed !== null)
    add('not-looked-at', seen.failed, left === null ? `${ways.mend}, which puts its programs back` : ways.mend)
  for (const { code, text, next } of status.alerts) add(code, text, next)
  if (state !== 'absent' && replica !== null)
    for (const each of replicaWrong(status, facts, ways.logs)) add(each.code, each.text, each.next)
  // What an app that has left holds beside its replica is told, and no more: the inventory that could accept it has it no more.
  if (left !== null) return wrong
  const shown = unheld.paths.slice(0, 5)
  if (unheld.bytes > 0)
    add(
      'unheld',
      `${size(unheld.bytes)} in ${countedFolder(app)} that no replica holds: ` +
        shown.map(({ path, bytes }) => `${path} (${size(bytes)})`).join(', ') +
        (unheld.paths.length > shown.length ? ' …' : ''),
      `copy them elsewhere, or accept it:  unprotected: [${shown.map(({ path }) => yamlWord(path)).join(', ')}]  under ${app.name} in the inventory`,
    )
  // a folder of a database's is what its gate waits for, and provision gives it back
  if (unheld.denied !== null && state !== 'absent' && reason?.code !== 'files-unreadable')
    add(
      'unheld-denied',
      `${unheld.denied === '' ? countedFolder(app) : `${countedFolder(app)}/${unheld.denied}`} may not be looked into by the user of ${app.name}: what lies there is not known`,
      `give it to that user, or accept it:  unprotected: [${yamlWord(unheld.denied || '.')}]  under ${app.name} in the inventory`,
    )
  if (unheld.partial && state !== 'absent')
    add('unheld-unknown', `not all of ${countedFolder(app)} could be read in time`, 'see what lies there (du)')
  return wrong
}

function unitText(unit: UnitStatus): string {
  if (unit.load === 'not-found') return `${unit.unit} is not on the host`
  if (unit.load === 'masked') return `${unit.unit} is masked`
  return `${unit.unit} is ${unit.active} (${unit.sub}${unit.result === '' || unit.result === 'success' ? '' : `, ${unit.result}`})`
}
