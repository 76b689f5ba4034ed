import type { App, Host } from '../inventory/model.ts'
import { exitCodes, Problem, worstExit } from '../problem.ts'
import { readOwner } from '../replica/ensure.ts'
import { age } from '../report/duration.ts'
import type { RunEvent } from '../report/events.ts'
import type { RunContext } from './context.ts'
import type { HostResult, Spent } from './fleet.ts'
import { appsOn } from '../desired/host-state.ts'
import { inAll, provisionHost } from './host-provision.ts'
import { lookAt, openHost } from './look.ts'
import { type Restoring, type Survey, surveyRestore } from './restore-survey.ts'

/** What of a restore the operator has said on the command line. */
export interface RestoreOrder {
  dryRun: boolean
  /** Do not ask. */
  yes: boolean
  /** Databases that lie on the host are put aside, where they are in the way. */
  discardLocal: boolean
  /** performance.now() at the start of the command. */
  began: number
}

/** Mounts and packages first; then what is there by then. */
const mostRounds = 3

/**
 * Brings a host back after its card has died: shows what would be taken over, asks, and then provisions it, with a forced CLAIM where
 * another machine held an app. The gates do the rest (ownership.md, "Restore a host"). What cannot be looked at before something is
 * mounted or installed is looked at, and asked about, after that. Cut off anywhere, it is run again: what is
 * this machine's by then is not claimed once more, and an app that is up is left alone.
 * @throws Problem `not-confirmed` and those of provision
 */
export async function restoreHost(
  context: RunContext,
  host: Host,
  spent: Spent,
  order: RestoreOrder,
): Promise<HostResult> {
  const told = new Set<string>()
  const parts: HostResult[] = []
  for (let round = 1; ; round += 1) {
    const survey = await look(context, host, spent, order)
    for (const problem of survey.problems) context.report({ type: 'problem', problem })
    if (survey.problems.length > 0)
      return inAll([
        ...parts,
        { outcome: 'failed', changes: 0, exit: worstExit(survey.problems.map(({ exit }) => exit)) },
      ])
    const fresh = survey.apps.filter(({ app }) => !told.has(app.name))
    for (const each of fresh) {
      context.report(sourceEvent(host, each))
      told.add(each.app.name)
    }
    for (const app of survey.later) context.report(lookedAtLater(host, app, order.dryRun))
    const taking = survey.apps.filter(({ kind }) => kind === 'take-over')
    for (const each of taking) warnOfLife(context, host, each)
    const isPending = taking.length > 0 || survey.later.length > 0
    if (order.dryRun) return { outcome: isPending ? 'pending' : 'unchanged', changes: 0, exit: exitCodes.done }
    if (taking.length > 0 && !order.yes) await confirm(context, host, taking)
    const result = await carriedOut(context, host, spent, order, survey)
    parts.push(result)
    if (survey.later.length === 0 || result.exit !== exitCodes.done || round === mostRounds) return inAll(parts)
  }
}

function lookedAtLater(host: Host, app: App, dryRun: boolean): RunEvent {
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

/** Provisions the host, with those taken over that were agreed to. */
async function carriedOut(
  context: RunContext,
  host: Host,
  spent: Spent,
  order: RestoreOrder,
  survey: Survey,
): Promise<HostResult> {
  const healthy = new Map<string, number>()
  const report = (event: RunEvent) => {
    if (event.type === 'app-healthy') healthy.set(event.app, (performance.now() - order.began) / 1000)
    context.report(event)
  }
  const takeOver = {
    agreed: new Map(survey.apps.map(({ app, found }) => [app.name, found])),
    apps: survey.apps.filter(({ kind }) => kind === 'take-over').map(({ app }) => app.name),
    discardLocal: order.discardLocal,
    comesBack: survey.later.length > 0,
  }
  const takenAt = Date.now()
  const result = await provisionHost({ ...context, report, takeOver }, host, spent)
  const restoring = survey.apps.filter(({ source }) => source !== null)
  if (restoring.length > 0) await tellRestored({ ...context, report }, host, spent, restoring, { healthy, takenAt })
  return result
}

async function tellRestored(
  context: RunContext,
  host: Host,
  spent: Spent,
  restoring: Restoring[],
  { healthy, takenAt }: { healthy: ReadonlyMap<string, number>; takenAt: number },
): Promise<void> {
  // Replicas in directories, and servers that only the host reaches, are asked through it.
  const connection = await openHost(context, host)
  spent(connection)
  try {
    for (const each of restoring) {
      const event = await restoredEvent(context, host, each, takenAt, healthy.get(each.app.name) ?? null)
      if (event) context.report(event)
    }
  } finally {
    await connection.close()
  }
}

async function look(context: RunContext, host: Host, spent: Spent, { discardLocal }: RestoreOrder): Promise<Survey> {
  const connection = await openHost(context, host)
  spent(connection)
  try {
    const apps = appsOn(context.inventory, host.name)
    return await surveyRestore(context, host, await lookAt(context, host, apps, connection), discardLocal)
  } finally {
    await connection.close()
  }
}

/** A machine that is dead uploads nothing. tip.json is written every two minutes, rows within a second or two. */
const aliveSeconds = 300

function warnOfLife(context: RunContext, host: Host, { app, uploads }: Restoring): void {
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

async function confirm(context: RunContext, host: Host, taking: Restoring[]): Promise<void> {
  const names = taking.map(({ app }) => app.name).join(', ')
  const aside = taking.filter(({ discarded }) => discarded.length > 0).map(({ app }) => app.name)
  const answer =
    (await context.connect.confirm?.(
      `Take over ${names} on ${host.name}? Whatever machine had ${taking.length === 1 ? 'it' : 'them'} until now is fenced off when it comes back.` +
        (aside.length === 0 ? '' : ` What lies of ${aside.join(', ')} on ${host.name} is put aside.`),
    )) ?? null
  if (answer === true) return
  throw new Problem({
    code: 'not-confirmed',
    doing: `taking over ${names} on ${host.name}`,
    found: answer === null ? 'nobody could be asked' : 'the answer was no',
    next: 'nothing was changed; on a terminal this asks, and in a script --yes says that the machine that had it is out of use',
    host: host.name,
    ...(answer === null ? { exit: exitCodes.usage } : {}),
  })
}

function sourceEvent(host: Host, { app, kind, owner, source, uploads, discarded }: Restoring): RunEvent {
  return {
    type: 'restore-source',
    host: host.name,
    app: app.name,
    action: kind,
    epoch: owner?.epoch ?? null,
    holder: owner?.holder ?? null,
    path: source,
    databases: uploads,
    discarded,
  }
}

/** What the host has written down when it had proven its new path; null when it has not come so far. */
async function restoredEvent(
  context: RunContext,
  host: Host,
  { app, source, uploads }: Restoring,
  takenAt: number,
  seconds: number | null,
): Promise<RunEvent | null> {
  const { inventory, buckets } = context
  const owner = await readOwner({ inventory, app, host: host.name, open: buckets.openFor(host.name) })
  const end = owner?.from === null ? (owner.past.find(({ path }) => path === source)?.end ?? null) : null
  if (owner === null || end === null) return null
  return {
    type: 'restored',
    host: host.name,
    app: app.name,
    epoch: owner.epoch,
    path: owner.path,
    databases: Object.entries(end).map(([name, txid]) => {
      const upload = uploads.find((each) => each.name === name)
      // Its age is that of what was restored only when that is what had been seen.
      const at = upload?.newest === txid ? upload.writtenAt : null
      return { name, txid, ageSeconds: at === null ? null : Math.max(0, (takenAt - Date.parse(at)) / 1000) }
    }),
    ...(seconds === null ? {} : { secondsToHealthy: seconds }),
  }
}
