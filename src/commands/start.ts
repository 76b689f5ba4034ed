import { parseReason } from '../host/probe-records.ts'
import { runAsRoot } from '../host/root.ts'
import type { Host } from '../inventory/model.ts'
import { type ExitCode, exitCodes, Problem } from '../problem.ts'
import { transactionProblem } from '../rollout/apply-problems.ts'
import type { RunContext } from '../rollout/context.ts'
import type { HostResult, Spent } from '../rollout/fleet.ts'
import { openHost } from '../rollout/look.ts'
import { hostProgram } from '../templates/render.ts'
import { appNamed, hostsOf } from './app-hosts.ts'
import { runOverHosts } from './run.ts'
import type { RunOptions } from './run-options.ts'

export interface StartOptions extends RunOptions {
  offline: boolean
  yes: boolean
}

/** Seconds: the gate tries the replica three times, and waits 20 s for a clock (templates/host/start.sh). */
const deadlineSeconds = 150

/**
 * `streamside start APP --offline`: one start without the replica (ownership.md, step 5 of the gate). The order holds for one start
 * and until the next boot, and overrides nothing but the policy and the limit: never a restore under way, another holder or files
 * that are not current.
 * @throws InventoryProblem, Problem `app-unknown`, `offline-needed`, `not-confirmed`, `no-database` (exit 2)
 */
export async function runStart(app: string, options: StartOptions, stopping: AbortSignal): Promise<ExitCode> {
  if (!options.offline)
    throw new Problem({
      code: 'offline-needed',
      doing: `starting ${app}`,
      found: 'start knows one way: --offline, one start without the replica',
      next: `streamside provision starts what should run; streamside start ${app} --offline when the replica is away and the gate waits for it`,
      app,
      exit: exitCodes.usage,
    })
  const job = async (context: RunContext, host: Host, spent: Spent): Promise<HostResult> => {
    await confirmed(context, app, host, options.yes)
    const connection = await openHost(context, host)
    spent(connection)
    try {
      return await order(context, app, host, connection)
    } finally {
      await connection.close()
    }
  }
  return runOverHosts('start', { ...options, limit: [] }, stopping, job, {
    load: { skipLocalFiles: true },
    hosts(inventory) {
      const hosts = hostsOf(inventory, app, options.limit)
      if (Object.keys(appNamed(inventory, app).databases).length > 0) return hosts
      throw new Problem({
        code: 'no-database',
        doing: `starting ${app} without its replica`,
        found: 'it has no database, and so no replica that it could wait for',
        next: 'run streamside provision',
        app,
        exit: exitCodes.usage,
      })
    },
  })
}

/** What is lost when this turns out to have been wrong; the gate makes sure of the rest. */
function risk(app: string, host: string): string {
  return (
    `${app} on ${host} would start on the files that lie there, and the replica is not asked.\n` +
    `Until the replica is back, the card of ${host} is the only copy of what ${app} writes. If another host has taken ${app} over ` +
    'meanwhile, there are two histories, and one of them is given up later.\n' +
    `Start ${app} once without its replica?`
  )
}

async function confirmed(context: RunContext, app: string, host: Host, yes: boolean): Promise<void> {
  if (yes) return
  const answer = context.connect.confirm ? await context.connect.confirm(risk(app, host.name)) : null
  if (answer === true) return
  throw new Problem({
    code: 'not-confirmed',
    doing: `starting ${app} on ${host.name} without its replica`,
    found:
      answer === null
        ? 'nobody could be asked: what the app writes would be on one card only, and another host may have taken it over'
        : 'the answer was no',
    next: 'nothing was changed; on a terminal this asks, and in a script --yes says that the risk is known',
    host: host.name,
    app,
    ...(answer === null ? { exit: exitCodes.usage } : {}),
  })
}

async function order(
  context: RunContext,
  app: string,
  host: Host,
  connection: Parameters<typeof runAsRoot>[0],
): Promise<HostResult> {
  context.report({ type: 'host-step', host: host.name, step: 'start', detail: app })
  const doing = `starting ${app} on ${host.name} without its replica`
  const answer = await runAsRoot(connection, {
    doing,
    files: [{ name: 'start.sh', content: hostProgram('start.sh') }],
    workIn: '/run/streamside',
    program: 'start.sh',
    args: [app],
    sudoPassword: host.sudoPassword,
    ...(context.askSudoPassword ? { askPassword: () => context.askSudoPassword!(host.name) } : {}),
    deadlineSeconds,
  })
  const [word = '', reason = ''] = answer.stdout.trim().split('\t')
  if (answer.code !== 0)
    throw new Problem({
      code: 'start-failed',
      doing,
      found: answer.stderr.trim() || `the program on the host ended with status ${answer.code}`,
      next: 'run streamside provision, then this again',
      host: host.name,
      app,
    })
  if (word === 'running' || word === 'started') {
    const note = word === 'running' ? 'runs already; nothing was ordered' : 'runs; the order is used up'
    context.report({ type: 'note', message: `${host.name}: ${app} ${note}` })
    return { outcome: word === 'running' ? 'unchanged' : 'changed', changes: 0, exit: exitCodes.done }
  }
  const text = Buffer.from(reason, 'base64').toString()
  if (text !== '') throw refused(host.name, app, text)
  throw new Problem({
    code: 'start-waiting',
    doing,
    found: 'the app has not come up in time, and its gate has not said why; the order was taken back',
    next: `streamside logs ${app} says how far it is`,
    host: host.name,
    app,
  })
}

/** The gate's own words, as provision gives them: what it refuses in spite of the order is no matter of the limit. */
function refused(host: string, app: string, reason: string): Problem {
  const problem = transactionProblem(host, `held:${app}`, reason)
  const { code, doing, found, exit } = problem
  const next = parseReason(reason).next || `streamside logs ${app} says more`
  return new Problem({ code, doing, found: `${found} (the order was taken back)`, next, host, app, exit })
}
