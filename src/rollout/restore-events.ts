import type { App, Host } from '../inventory/model.ts'
import type { Point } from '../replica/points.ts'
import { readOwner } from '../replica/ensure.ts'
import { age } from '../report/duration.ts'
import type { RunEvent } from '../report/events.ts'
import type { RunContext } from './context.ts'
import type { Restoring } from './restore-survey.ts'

/** What `restore` tells of its apps: what it will do about them, what is to be thought of, and what has come of it. */
/** What stands between this run and a look at the app, and that it is done first. */
export function lookedAtLater(host: Host, app: App, dryRun: boolean): RunEvent {
  const first = app.service?.package ?? null
  return {
    type: 'warning',
    host: host.name,
    app: app.name,
    code: 'looked-at-later',
    message:
      first === null
        ? `replica ${app.replica} is not mounted on ${host.name} yet, so nobody can say what it holds of ${app.name}`
        : `the package ${first} is not installed on ${host.name} yet, and whose its databases are is known after that`,
    next: `${dryRun ? 'without --dry-run this' : 'this'} run sees to that first, and then looks again`,
  }
}

/** A machine that is dead uploads nothing. tip.json is written every two minutes, rows within a second or two. */
const aliveSeconds = 300

/** A machine that is dead and uploads is none: people are told before they are asked. */
export function warnOfLife(context: RunContext, host: Host, { app, uploads }: Restoring): void {
  const ages = uploads.flatMap(({ writtenAt }) =>
    writtenAt === null ? [] : [(Date.now() - Date.parse(writtenAt)) / 1000],
  )
  const youngest = Math.min(...ages)
  if (!(youngest < aliveSeconds)) return
  context.report({
    type: 'warning',
    host: host.name,
    app: app.name,
    code: 'uploaded-lately',
    message: `its newest upload is only ${age(youngest)} old: the machine that had it may still be running`,
    next: 'switch that off first. The gate here waits up to 4 minutes for the last rows from there; what is uploaded later stays under the old path, and an alert tells of it',
  })
}

const dated = ({ txid, at }: Point) => ({ txid, writtenAt: new Date(at).toISOString() })

/** What will be done about one app, to be shown before it is agreed to. */
export function sourceEvent(host: Host, { app, kind, owner, source, uploads, chosen, discarded }: Restoring): RunEvent {
  return {
    type: 'restore-source',
    host: host.name,
    app: app.name,
    action: kind,
    epoch: owner?.epoch ?? null,
    holder: owner?.holder ?? null,
    path: source,
    databases: uploads,
    ...(chosen
      ? { points: chosen.points.map(({ name, point, next }) => ({ name, ...dated(point), next: next && dated(next) })) }
      : {}),
    discarded,
  }
}

/** What the host has written down when it had proven its new path; null when it has not come so far. */
export async function restoredEvent(
  context: RunContext,
  host: Host,
  { app, source, uploads, chosen }: Restoring,
  takenAt: number,
  seconds: number | null,
): Promise<RunEvent | null> {
  const { inventory, buckets } = context
  const owner = await readOwner({ inventory, app, host: host.name, open: buckets.openFor(host.name) })
  const end = owner?.from === null ? (owner.past.findLast(({ path }) => path === source)?.end ?? null) : null
  if (owner === null || end === null) return null
  const points = chosen?.points.map(({ name, point }) => ({ name, newest: point.txid, at: point.at })) ?? []
  const seen = [
    ...points,
    ...uploads.map(({ name, newest, writtenAt }) => ({ name, newest, at: Date.parse(writtenAt ?? '') })),
  ]
  return {
    type: 'restored',
    host: host.name,
    app: app.name,
    epoch: owner.epoch,
    path: owner.path,
    databases: Object.entries({ ...end, ...Object.fromEntries(points.map(({ name, newest }) => [name, newest])) }).map(
      ([name, txid]) => {
        // Its age is that of what was restored only when that is what had been seen.
        const at = seen.find((each) => each.name === name && each.newest === txid)?.at
        return { name, txid, ageSeconds: at === undefined ? null : Math.max(0, (takenAt - at) / 1000) }
      },
    ),
    ...(seconds === null ? {} : { secondsToHealthy: seconds }),
  }
}
