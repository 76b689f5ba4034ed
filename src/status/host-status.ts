import { clockOffset } from '../host/clock.ts'
import { readOnlyAdvice } from '../host/advice.ts'
import type { Observed } from '../host/observed.ts'
import type { App } from '../inventory/model.ts'
import { exitCodes } from '../problem.ts'
import { size } from '../report/size.ts'
import { appStatus } from './app-status.ts'
import type { Seen } from './seen.ts'
import type { AppStatus, Clock, Drift, HostStatus, Wrong } from './status.ts'

export interface HostFacts {
  host: string
  apps: App[]
  observed: Observed
  seen: Seen
  drift: Drift
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
  const apps = facts.apps.flatMap((app) => {
    const own = seen.apps.get(app.name)
    if (own === undefined) return []
    const observedApp = observed.apps.get(app.name)
    return [appStatus({ app, host, hostId: observed.hostId, observed: observedApp, units: seen.units, seen: own })]
  })
  const status: HostStatus = {
    host,
    apps,
    disks: disksOf(observed, seen),
    memory: observed.memory,
    clock: clockOf(facts),
    drift,
    transactions: observed.transactions.map(({ id, state, who }) => ({ id, state, who })),
    wrong: [],
  }
  status.wrong = wrongOf(status, seen)
  return status
}

/** A file system a line: df says the same for each folder that lies on one. */
function disksOf(observed: Observed, seen: Seen): HostStatus['disks'] {
  const disks = observed.disks.map(({ target, sizeKib, availableKib, availableInodes }) => ({
    path: target,
    sizeKib,
    availableKib,
    availableInodes,
    readOnly: seen.readOnly.includes(target),
  }))
  return [...new Map(disks.map((disk) => [disk.path, disk])).values()]
}

/** The replica's server says what time it is there; without it, between our question and the answer is the best we know. */
function clockOf({ observed, seen, asked }: HostFacts): Clock {
  const { synchronized: synchronised, epochSeconds } = observed.clock
  for (const { owner } of seen.apps.values())
    if (owner !== null && owner.serverTime !== null)
      return { offsetSeconds: owner.askedAt - owner.serverTime, against: 'replica', synchronised }
  return { offsetSeconds: clockOffset(epochSeconds, asked), against: 'operator', synchronised }
}

function wrongOf(status: HostStatus, seen: Seen): Wrong[] {
  const wrong: Wrong[] = []
  const add = (code: string, text: string, next: string) => wrong.push({ code, text, next, exit: exitCodes.failed })
  const { host, drift, clock } = status
  // / with the others: one file system, and one fault
  for (const folder of seen.readOnly.includes('/') ? ['/'] : seen.readOnly)
    add('read-only', `${folder} is mounted read-only, as after an error of the card`, readOnlyAdvice(host))
  for (const disk of status.disks) {
    const room = Math.max(leastKib, disk.path === '/opt' ? 0 : roomFactor * databaseKib(status.apps))
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
      `the clock is ${Math.abs(clock.offsetSeconds)} s ${clock.offsetSeconds > 0 ? 'ahead of' : 'behind'} ` +
        (clock.against === 'replica' ? "the replica's server" : 'this machine'),
      'let the host reach a time server (timedatectl timesync-status), or set its clock',
    )
  if (!drift.known)
    add('drift-unknown', `what provision would change could not be found out: ${drift.reason}`, 'see streamside plan')
  else if (drift.changes.length > 0)
    add(
      'drift',
      `${drift.changes.length} ${drift.changes.length === 1 ? 'thing is' : 'things are'} not as declared: ` +
        drift.changes
          .slice(0, 4)
          .map(({ kind, name, reason }) => `${kind} ${name} (${reason})`)
          .join(', ') +
        (drift.changes.length > 4 ? ' …' : ''),
      `streamside plan --limit ${host} shows it whole, streamside provision mends it`,
    )
  return wrong
}

function databaseKib(apps: AppStatus[]): number {
  const bytes = apps.flatMap((app) => app.replica?.databases ?? []).map((database) => database.bytes ?? 0)
  return bytes.reduce((sum, each) => sum + each, 0) / 1024
}
