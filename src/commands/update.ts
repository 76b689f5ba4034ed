import { appsOn } from '../desired/host-state.ts'
import type { App, Host, Inventory } from '../inventory/model.ts'
import { type Roll, type RollKind, rollPlan } from '../plan/roll.ts'
import { rollSequence } from '../plan/roll-sequence.ts'
import { groundWarnings, obstacles } from '../plan/obstacles.ts'
import { type ExitCode, exitCodes, Problem, worstExit } from '../problem.ts'
import type { RunContext } from '../rollout/context.ts'
import type { Report } from '../report/events.ts'
import { AfterOthers, type HostResult, type Spent } from '../rollout/fleet.ts'
import { readHistory, releaseBefore } from '../rollout/history.ts'
import { groundOf } from '../rollout/ground.ts'
import { inAll, provisionHost } from '../rollout/host-provision.ts'
import { lookAt, openHost } from '../rollout/look.ts'
import { appNamed } from './app-hosts.ts'
import { limitedHosts } from './limit.ts'
import { runOverHosts } from './run.ts'
import type { RunOptions } from './run-options.ts'

/** What `update` and `restart` are told. */
export interface RollOptions extends Omit<RunOptions, 'parallel'> {
  dryRun: boolean
  /** Seconds between two hosts. */
  pause: number
  /** The host that comes first; the others when people agree. */
  canary?: string
}

/**
 * `streamside update [APP…]`, `restart [APP…]` and `rollback [APP…]`: takes apps to what the inventory has, restarts them as they
 * are, or takes them to the release that ran before, one host and one app at a time, the data of each proven before and after it is stopped; the first that fails halts the roll.
 * @throws Problem `app-unknown`, `limit-unknown`, `nothing-to-roll` (exit 2)
 */
export async function runRoll(
  kind: RollKind,
  names: readonly string[],
  options: RollOptions,
  stopping: AbortSignal,
): Promise<ExitCode> {
  const roll = createRoll(kind, names, options)
  return runOverHosts(kind, { ...options, parallel: options.dryRun ? 10 : 1 }, stopping, roll, {
    hosts: (inventory) => canaryFirst(hostsWith(inventory, names, options.limit), options.canary),
  })
}

/** @throws Problem `canary-unknown` (exit 2) */
function canaryFirst(hosts: Host[], canary: string | undefined): Host[] {
  if (canary === undefined) return hosts
  const first = hosts.find(({ name }) => name === canary)
  if (first !== undefined) return [first, ...hosts.filter((host) => host !== first)]
  throw new Problem({
    code: 'canary-unknown',
    doing: `reading --canary ${canary}`,
    found: 'that is none of the hosts that this goes over',
    next: `they are ${hosts.map(({ name }) => name).join(', ')}`,
    exit: exitCodes.usage,
  })
}

/** Without a terminal nobody agrees. */
async function agreed(context: RunContext, host: Host, canary: string): Promise<boolean> {
  return (
    (await context.confirm?.(`${canary} is done, and healthy. Go on with ${host.name} and the hosts after it?`)) ===
    true
  )
}

/** The job on one host; it remembers where the roll was halted. */
function createRoll(kind: RollKind, names: readonly string[], { dryRun, pause, canary }: RollOptions) {
  let halted: { where: string; exit: ExitCode } | null = null
  let asks = false
  let earlier = false
  return async (context: RunContext, host: Host, spent: Spent): Promise<HostResult> => {
    if (halted !== null) throw stopped(kind, host, halted)
    const apps = chosen(context.inventory, host, names)
    if (asks && !(await agreed(context, host, canary ?? ''))) {
      halted = { where: `the canary ${canary}: nobody has agreed to go on`, exit: exitCodes.pending }
      throw stopped(kind, host, halted)
    }
    asks = false
    if (earlier && pause > 0 && !dryRun) await waited(context, host, pause)
    const parts: HostResult[] = []
    try {
      for (const app of apps) {
        if (context.stopping.aborted) break
        const roll = kind === 'rollback' ? await backTo(context, host, app, spent) : { app: app.name, kind }
        const own = { ...context, roll, report: inWordsOf(kind, context.report) }
        parts.push(dryRun ? await showRoll(own, host, spent) : await provisionHost(own, host, spent))
        const exit = parts.at(-1)?.exit ?? exitCodes.failed
        if (exit !== exitCodes.done && !dryRun) {
          halted = { where: `${app.name} on ${host.name}`, exit }
          break
        }
      }
    } catch (error) {
      // it waits for another host of the app, which comes first then
      if (!(error instanceof AfterOthers) && !dryRun)
        halted = { where: host.name, exit: error instanceof Problem ? error.exit : exitCodes.failed }
      throw error
    }
    if (kind === 'rollback' && parts.some(({ outcome }) => outcome === 'changed')) tellAhead(context, host, apps)
    asks = host.name === canary && !dryRun && parts.some(({ outcome }) => outcome === 'changed')
    earlier ||= parts.some(({ outcome }) => outcome === 'changed')
    return inAll(parts)
  }
}

/** Host transactions are provision's: who runs an update again has its proof and its way back, and provision has not. */
export function inWordsOf(kind: RollKind, report: Report): Report {
  return (event) =>
    event.type === 'problem' && event.problem.next.includes('run provision again')
      ? report({ type: 'problem', problem: withNext(event.problem, kind) })
      : report(event)
}

function withNext({ code, doing, found, next, host, app, exit, cause }: Problem, kind: RollKind): Problem {
  return new Problem({
    code,
    doing,
    found,
    next: next.replaceAll('run provision again', `run ${kind} again`),
    exit,
    cause,
    ...(host === undefined ? {} : { host }),
    ...(app === undefined ? {} : { app }),
  })
}

/** @throws Problem `app-unknown`, `limit-unknown`, `nothing-to-roll` */
function hostsWith(inventory: Inventory, names: readonly string[], limits: string[]): Host[] {
  for (const name of names) appNamed(inventory, name)
  const hosts = limitedHosts(inventory, limits).filter((host) => chosen(inventory, host, names).length > 0)
  if (hosts.length > 0) return hosts
  throw new Problem({
    code: 'nothing-to-roll',
    doing: 'looking for the hosts of the apps',
    found: names.length === 0 ? 'there is no app on these hosts' : `none of these hosts has ${names.join(' or ')}`,
    next:
      limits.length === 0 ? 'the inventory has no apps yet: add one' : 'leave --limit out, or name a host that has it',
    exit: exitCodes.usage,
  })
}

function chosen(inventory: Inventory, host: Host, names: readonly string[]): App[] {
  return appsOn(inventory, host.name).filter(({ name }) => names.length === 0 || names.includes(name))
}

/** @throws Problem `no-release-before`, and those of `readHistory` */
async function backTo(context: RunContext, host: Host, app: App, spent: Spent): Promise<Roll> {
  const connection = await openHost(context, host)
  spent(connection)
  try {
    const history = await readHistory(context, host, connection, [app.name])
    const release = releaseBefore(app.name, history)
    if (release !== null) return { app: app.name, kind: 'rollback', release }
    throw new Problem({
      code: 'no-release-before',
      doing: `rolling ${app.name} back on ${host.name}`,
      found:
        app.release === null
          ? 'it is a service: its package, or its unit, is nothing that streamside has an earlier one of'
          : 'no earlier release of it is on this host',
      next:
        app.release === null
          ? 'apt-get install PACKAGE=VERSION there'
          : 'take the release that should run into the inventory, and run streamside update',
      host: host.name,
      app: app.name,
      exit: exitCodes.usage,
    })
  } finally {
    await connection.close()
  }
}

async function showRoll(context: RunContext & { roll: Roll }, host: Host, spent: Spent): Promise<HostResult> {
  const connection = await openHost(context, host)
  spent(connection)
  try {
    const apps = appsOn(context.inventory, host.name).filter(({ name }) => name === context.roll.app)
    const looked = await lookAt(context, host, apps, connection)
    const plan = rollPlan(looked, context.roll)
    const ground = await groundOf({ ...looked, plan })
    for (const warning of [...plan.warnings, ...groundWarnings(ground)])
      context.report({ type: 'warning', host: host.name, ...warning })
    for (const { summary } of plan.changes) context.report({ type: 'change', host: host.name, change: summary })
    const app = appNamed(context.inventory, context.roll.app)
    const steps = rollSequence(plan, app, context.roll)
    if (steps.length > 0) context.report({ type: 'roll-steps', host: host.name, app: app.name, steps })
    const problems = obstacles(ground)
    for (const problem of problems) context.report({ type: 'problem', problem })
    const pending = plan.changes.length > 0
    const exit: ExitCode =
      problems.length > 0
        ? worstExit(problems.map((problem) => problem.exit))
        : pending
          ? exitCodes.pending
          : exitCodes.done
    const outcome = problems.length > 0 ? 'failed' : pending ? 'pending' : 'unchanged'
    return { outcome, changes: plan.changes.length, exit }
  } finally {
    await connection.close()
  }
}

/** What runs now is not what the inventory names: whoever runs provision or update next should know. */
function tellAhead(context: RunContext, host: Host, apps: readonly App[]): void {
  const names = apps.map(({ name }) => name).join(', ')
  context.report({
    type: 'warning',
    host: host.name,
    code: 'rolled-back',
    message: `the inventory still has the release that ${names} ${apps.length === 1 ? 'was' : 'were'} rolled back from`,
    next: 'the next update or provision takes it there again: put the release of before into the inventory, or mend it',
  })
}

/** Between two hosts: for people to see how the first one does. Ends early when they ask to stop. */
async function waited(context: RunContext, host: Host, seconds: number): Promise<void> {
  context.report({ type: 'host-step', host: host.name, step: 'pause', detail: `${seconds} s before the next host` })
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, seconds * 1000)
    context.stopping.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true })
  })
}

/** With the exit code of what halted it: the hosts that were left alone say nothing else. */
function stopped(kind: RollKind, host: Host, { where, exit }: { where: string; exit: ExitCode }): Problem {
  return new Problem({
    code: 'roll-halted',
    doing: `going on with ${kind} on ${host.name}`,
    found: `the roll was halted after ${where}`,
    next: `nothing was changed on ${host.name}; when that is as it should be, run ${kind} again: what an update has done it does not do again`,
    host: host.name,
    exit,
  })
}
