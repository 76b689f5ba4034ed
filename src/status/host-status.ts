import { clockOffset } from '../host/clock.ts'
import type { Observed } from '../host/observed.ts'
import { type App, instanceName, unitOf } from '../inventory/model.ts'
import { readManifest } from '../plan/manifest.ts'
import { exitCodes, type Problem } from '../problem.ts'
import { abbreviated, withFolders } from '../report/fold-changes.ts'
import { apart } from '../report/duration.ts'
import { size } from '../report/size.ts'
import { appStatus } from './app-status.ts'
import { judgeHealth } from './health-verdict.ts'
import { asLookedAt, type Left, type LookedAt } from './left.ts'
import type { Seen } from './seen.ts'
import type { AppStatus, Clock, Disk, Drift, DriftChange, HostStatus, Note, Wrong } from './status.ts'

export interface HostFacts {
  host: string
  apps: App[]
  /** What has become of an app that is on the host, and not among these, by its name in the replica. */
  whatBecame: (app: string, instance: string) => Left
  observed: Observed
  seen: Seen
  drift: Drift
  /** What `plan` finds in the way of what it would change. */
  refused: readonly Problem[]
  /** Epoch s on this machine when the host was asked, and when it had answered. */
  asked: { from: number; to: number }
}

/** With a clock further off Litestream's retention deletes history (ownership.md, the gate's step 1). */
const clockLimitSeconds = 300
/** KiB that must be free whatever the databases need: a journal, a package, a release. */
const leastKib = 100 * 1024
/** A restore needs the database once more beside it, and room to check it (litestream.md, rule 19). */
const roomFactor = 2

/** What `status` says of one host. */
export function hostStatus(facts: HostFacts): HostStatus {
  const { host, observed, seen, drift } = facts
  const common = { host, hostId: observed.hostId, units: seen.units }
  const upSeconds = (app: LookedAt) => seen.upSeconds.get(unitOf(app)) ?? null
  const apps = facts.apps.flatMap((app) => {
    const own = seen.apps.get(app.name)
    if (own === undefined) return []
    const refusal = observed.apps.get(app.name)?.reason ?? null
    const instance = instanceName(app, host)
    const gated = Object.keys(app.databases).length > 0
    return [appStatus({ ...common, app, upSeconds: upSeconds(app), instance, gated, left: null, refusal, seen: own })]
  })
  const leftApps = seen.left.flatMap((each) => {
    const own = seen.apps.get(each.name)
    if (own === undefined) return []
    const { gated, reason: refusal } = each
    const instance = each.gate?.instance ?? each.name
    const left = facts.whatBecame(each.name, instance)
    const app = asLookedAt(each)
    return [appStatus({ ...common, app, upSeconds: upSeconds(app), instance, gated, left, refusal, seen: own })]
  })
  const status: HostStatus = {
    host,
    apps: [...apps, ...leftApps],
    disks: disksOf(observed, seen),
    memory: observed.memory,
    clock: clockOf(facts),
    health: seen.health,
    drift,
    transactions: observed.transactions.map(({ id, state, who }) => ({ id, state, who })),
    wrong: [],
    notes: [],
  }
  const own = wrongOf(status, seen, observed.clock.epochSeconds)
  // a clock, a file system that is read-only: what is wrong with the host in any case is told as that
  const inTheWay = facts.refused
    .filter(({ code }) => !own.some((wrong) => wrong.code === code))
    .map(({ code, doing, found, next, exit }) => ({ code, text: `${doing}: ${found}`, next, exit }))
  status.wrong = [...own, ...inTheWay, ...notSeen(status, observed.manifest)]
  status.notes.push(...status.apps.flatMap(absentNotes))
  return status
}

/** A file system a line: df says the same for each folder that lies on one. */
function disksOf(observed: Observed, seen: Seen): Disk[] {
  const fileSystems = seen.health?.fileSystems ?? []
  const isReadOnly = (path: string) => fileSystems.some((each) => each.path === path && each.readOnly)
  const typeOf = (path: string) => fileSystems.find((each) => each.path === path)?.type ?? null
  const known = observed.disks.map(({ target, ...disk }) => ({
    path: target,
    type: typeOf(target),
    ...disk,
    readOnly: isReadOnly(target),
  }))
  const more = fileSystems.flatMap(({ path, type, sizeKib, availableKib, inodes, availableInodes, readOnly }) =>
    sizeKib === null || availableKib === null
      ? []
      : [{ path, type, sizeKib, availableKib, inodes: inodes ?? 0, availableInodes: availableInodes ?? 0, readOnly }],
  )
  return [...new Map([...more, ...known].map((disk) => [disk.path, disk])).values()]
}

/** The replica's server says what time it is there; without it, between our question and the answer is the best we know. */
function clockOf({ observed, seen, asked }: HostFacts): Clock {
  const { synchronized: synchronised, epochSeconds } = observed.clock
  for (const { owner } of seen.apps.values())
    if (owner !== null && owner.serverTime !== null)
      return { offsetSeconds: owner.askedAt - owner.serverTime, against: 'replica', synchronised }
  return { offsetSeconds: clockOffset(epochSeconds, asked), against: 'operator', synchronised }
}

function wrongOf(status: HostStatus, seen: Seen, now: number): Wrong[] {
  const wrong: Wrong[] = []
  const add = (code: string, text: string, next: string) => wrong.push({ code, text, next, exit: exitCodes.failed })
  const { host, drift, clock } = status
  status.notes = judgeHealth(host, seen.health, now, add)
  for (const disk of status.disks) {
    const room = roomOn(disk, status.apps)
    if (disk.availableKib < room)
      add(
        'disk-low',
        `${size(disk.availableKib * 1024)} are free on ${disk.path}, and ${size(room * 1024)} should be`,
        'remove what is not needed (journalctl --vacuum-size=50M, apt-get clean)',
      )
    if (disk.availableInodes < 1000 && disk.availableInodes > 0)
      add(
        'inodes-low',
        `${disk.availableInodes} inodes are free on ${disk.path}`,
        'look for a folder with very many files',
      )
  }
  if (Math.abs(clock.offsetSeconds) > clockLimitSeconds)
    add(
      'clock',
      `the clock is ${apart(clock.offsetSeconds)} ${clock.offsetSeconds > 0 ? 'ahead of' : 'behind'} ` +
        (clock.against === 'replica' ? "the replica's server" : 'this machine'),
      'let the host reach a time server (timedatectl timesync-status), or set its clock',
    )
  const untold = drift.known ? withFolders(drift.changes.filter((change) => !isTold(change, status.apps))) : []
  if (!drift.known)
    add('drift-unknown', `what provision would change could not be found out: ${drift.reason}`, 'see streamside plan')
  else if (untold.length > 0)
    add(
      'drift',
      `${untold.length} ${untold.length === 1 ? 'thing is' : 'things are'} not as declared: ` +
        untold
          .slice(0, 4)
          .map(({ kind, name, reason }) => abbreviated(`${kind} ${name} (${reason})`))
          .join(', ') +
        (untold.length > 4 ? ' …' : ''),
      `streamside plan --limit ${host} shows it whole, streamside provision mends it`,
    )
  return wrong
}

/** That a unit does not run is said of its app, and once: `start` is what provision would do about it. */
function isTold({ kind, name, action }: DriftChange, apps: AppStatus[]): boolean {
  if (kind !== 'unit' || action !== 'start') return false
  return apps.some(({ units, reason, wrong }) => {
    if (units.app.unit === name) return reason !== null
    const code = units.litestream?.unit === name ? 'litestream-down' : units.timer?.unit === name ? 'timer-off' : null
    return wrong.some((each) => each.code === code)
  })
}

/** A database that is not there yet and may still come: so that a path that was mistyped is seen at once. */
function absentNotes({ app, left, replica }: AppStatus): Note[] {
  const databases = replica?.databases ?? []
  return databases.flatMap(({ name, text, finding }) =>
    finding?.code !== 'database-absent' || (finding.wrong && left === null)
      ? []
      : [{ code: finding.code, text: `${app}: ${databases.length > 1 ? `${name}: ` : ''}${text}` }],
  )
}

/** Apps on record that nothing was seen of: one that is down must not be missing here. */
function notSeen({ host, apps }: HostStatus, manifest: string | null): Wrong[] {
  const missing = readManifest(manifest).apps.filter((name) => !apps.some(({ app }) => app === name))
  if (missing.length === 0) return []
  const text = `how ${missing.join(', ')} is, on this host by its record, could not be seen`
  const next = `see  streamside ssh ${host} systemctl status ${missing.join(' ')}, and whether /run there is full (df)`
  return [{ code: 'left-unknown', text, next, exit: exitCodes.failed }]
}

/** KiB that should be free; of a disk for one app's data, or a tmpfs, a tenth where that is less. */
function roomOn({ path, sizeKib }: Disk, apps: AppStatus[]): number {
  if (!['/', '/var/lib', '/opt'].includes(path)) return Math.min(leastKib, sizeKib / 10)
  return Math.max(leastKib, path === '/opt' ? 0 : roomFactor * databaseKib(apps))
}

function databaseKib(apps: AppStatus[]): number {
  const bytes = apps.flatMap((app) => app.replica?.databases ?? []).map((database) => database.bytes ?? 0)
  return bytes.reduce((sum, each) => sum + each, 0) / 1024
}
