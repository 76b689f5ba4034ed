import type { Host } from '../inventory/model.ts'
import { exitCodes, Problem, worstExit } from '../problem.ts'
import type { WantedPoint } from '../replica/choose-point.ts'
import type { RunEvent } from '../report/events.ts'
import type { RunContext } from './context.ts'
import type { HostResult, Spent } from './fleet.ts'
import { appsOn } from '../desired/host-state.ts'
import { goBack } from './go-back.ts'
import { inAll, provisionHost } from './host-provision.ts'
import { lookAt, openHost } from './look.ts'
import { lookedAtLater, restoredEvent, sourceEvent, warnOfLife } from './restore-events.ts'
import { type Restoring, type Survey, surveyRestore } from './restore-survey.ts'

/** What of a restore the operator has said on the command line. */
export interface RestoreOrder {
  dryRun: boolean
  /** Do not ask. */
  yes: boolean
  /** Databases that lie on the host are put aside, where they are in the way. */
  discardLocal: boolean
  /** Apps that are asked for; none = all of the host. */
  apps: readonly string[]
  /** The point that they go back to; null = as they were last. */
  point: WantedPoint | null
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
    // Once: in a second round it would be gone back from there.
    const going = round === 1 ? survey.apps.filter(({ kind }) => kind === 'go-back') : []
    for (const each of taking) warnOfLife(context, host, each)
    const isPending = taking.length + going.length > 0 || survey.later.length > 0
    if (order.dryRun) return { outcome: isPending ? 'pending' : 'unchanged', changes: 0, exit: exitCodes.done }
    if (going.length > 0 && !order.yes) await confirmBack(context, host, going)
    if (taking.length > 0 && !order.yes) await confirm(context, host, taking)
    if (going.length > 0) {
      const { goesOn, ...back } = await goBack(context, host, spent, going)
      parts.push(back)
      if (!goesOn) return inAll(parts)
    }
    const result = await carriedOut(context, host, spent, order, survey)
    parts.push(result)
    if (survey.later.length === 0 || result.exit !== exitCodes.done || round === mostRounds) return inAll(parts)
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
    chosen: new Map(
      survey.apps.flatMap(({ app, kind, chosen }) =>
        kind === 'take-over' && chosen ? [[app.name, chosen] as const] : [],
      ),
    ),
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

async function look(context: RunContext, host: Host, spent: Spent, order: RestoreOrder): Promise<Survey> {
  const connection = await openHost(context, host)
  spent(connection)
  try {
    const apps = appsOn(context.inventory, host.name)
    return await surveyRestore(context, host, await lookAt(context, host, apps, connection), order)
  } finally {
    await connection.close()
  }
}

async function confirmBack(context: RunContext, host: Host, going: Restoring[]): Promise<void> {
  const names = going.map(({ app }) => app.name).join(', ')
  await agree(
    context,
    host,
    `taking ${names} on ${host.name} back to a point`,
    `Take ${names} on ${host.name} back to that point? What is younger is not in ${going.length === 1 ? 'its' : 'their'} databases any more; it stays in the replica.`,
    'that it is to go back',
  )
}

async function confirm(context: RunContext, host: Host, taking: Restoring[]): Promise<void> {
  const names = taking.map(({ app }) => app.name).join(', ')
  const aside = taking.filter(({ discarded }) => discarded.length > 0).map(({ app }) => app.name)
  await agree(
    context,
    host,
    `taking over ${names} on ${host.name}`,
    `Take over ${names} on ${host.name}? Whatever machine had ${taking.length === 1 ? 'it' : 'them'} until now is fenced off when it comes back.` +
      (aside.length === 0 ? '' : ` What lies of ${aside.join(', ')} on ${host.name} is put aside.`),
    'that the machine that had it is out of use',
  )
}

async function agree(context: RunContext, host: Host, doing: string, question: string, yesSays: string): Promise<void> {
  const answer = (await context.connect.confirm?.(question)) ?? null
  if (answer === true) return
  throw new Problem({
    code: 'not-confirmed',
    doing,
    found: answer === null ? 'nobody could be asked' : 'the answer was no',
    next: `nothing was changed; on a terminal this asks, and in a script --yes says ${yesSays}`,
    host: host.name,
    ...(answer === null ? { exit: exitCodes.usage } : {}),
  })
}
