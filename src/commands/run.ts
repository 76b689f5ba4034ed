import { cacheDirectory } from '../artifacts/cache.ts'
import { shareConnections } from '../host/connect.ts'
import { runAsRoot } from '../host/root.ts'
import { findInventory } from '../inventory/find.ts'
import type { LoadOptions } from '../inventory/load.ts'
import { describeMistake } from '../inventory/mistake.ts'
import type { Host, Inventory } from '../inventory/model.ts'
import { Secret } from '../inventory/secret.ts'
import { exitCodes, type ExitCode, worstExit } from '../problem.ts'
import { terminalQuestions } from '../report/questions.ts'
import { createReporter, reporterMode } from '../report/reporter.ts'
import { warnedOnce } from '../report/warned-once.ts'
import { artifactSource } from '../rollout/artifacts.ts'
import { createBuckets } from '../rollout/buckets.ts'
import { operator } from '../rollout/operator.ts'
import { createTurns } from '../rollout/turns.ts'
import { createDeparted } from '../rollout/departed.ts'
import { createMachines } from '../rollout/machines.ts'
import { withLogging } from '../rollout/logging.ts'
import type { RunContext } from '../rollout/context.ts'
import { createWaits, type HostResult, overHosts, type Spent } from '../rollout/fleet.ts'
import { limitedHosts } from './limit.ts'
import { loadChecked } from './load.ts'
import type { NewHostKey } from '../host/new-host-key.ts'
import type { RunOptions } from './run-options.ts'

/** How a run differs from one that changes hosts. */
export interface RunShape {
  load?: LoadOptions
  /** The hosts, when they do not follow from --limit alone. */
  hosts?: (inventory: Inventory) => Host[]
  /** A changed host key may be taken, when it is vouched for; absent for every command but `restore`. */
  newKey?: NewHostKey
  /** A text of the command's own that is printed at the end, in place of progress and summary; null = it prints by itself. */
  result?: ((hosts: Host[]) => string) | null
}

/** Commands that tell of hosts which have left the inventory; with --limit they are about others than those. */
const asksForDeparted = new Set(['plan', 'provision', 'status'])

/** Commands that ask for a yes in the middle of their work. */
const asksOnTheWay = new Set(['provision', 'restart', 'rollback', 'update'])

/** Commands that compare a host with what the inventory says of it. */
const comparing = new Set(['import', 'keep', 'plan', 'provision', 'restart', 'restore', 'rollback', 'status', 'update'])

/**
 * Runs a job over the hosts of the inventory: loads it, sets the run up, reports, and gives back the exit code.
 * @throws InventoryProblem, Problem `limit-unknown`
 */
export async function runOverHosts(
  command: string,
  options: RunOptions,
  stopping: AbortSignal,
  job: (context: RunContext, host: Host, spent: Spent) => Promise<HostResult>,
  shape: RunShape = {},
): Promise<ExitCode> {
  const began = performance.now()
  const { inventory: loaded, warnings } = await loadChecked(
    options.inventory ?? (await findInventory(process.cwd())),
    shape.load,
  )
  const { inventory, told } = comparing.has(command) ? await withLogging(loaded) : { inventory: loaded, told: [] }
  const hosts = shape.hosts?.(inventory) ?? limitedHosts(inventory, options.limit)
  const { stdout, stderr } = process
  const reporter = createReporter({
    mode: options.verbose && !options.json ? 'plain' : reporterMode(options.json, stderr),
    stdout,
    stderr,
    diffs: command === 'plan' || options.verbose,
    quiet: shape.result !== undefined,
  })
  const report = warnedOnce(reporter.report)
  reporter.hide(secretsOf(inventory))
  const questions = options.json ? null : terminalQuestions(reporter, stopping)
  const connect = {
    ssh: inventory.ssh,
    acceptNew: options.acceptNew,
    report,
    ...(questions
      ? { confirm: (text: string) => questions.confirm(text), passphrase: (text: string) => questions.secret(text) }
      : {}),
  }
  const shared = shareConnections(connect)
  const cache = cacheDirectory()
  const askSudoPassword = questions ? (host: string) => questions.secret(`sudo password on ${host}: `) : undefined
  const buckets = createBuckets(
    report,
    undefined,
    (connection) => (run) =>
      runAsRoot(connection, {
        ...run,
        workIn: '/run/streamside',
        sudoPassword: inventory.hosts[connection.host]?.sudoPassword ?? null,
        ...(askSudoPassword ? { askPassword: () => askSudoPassword(connection.host) } : {}),
      }),
  )
  const context: RunContext = {
    inventory,
    report,
    connect: { ...connect, shared, ...(shape.newKey ? { newKey: shape.newKey } : {}) },
    artifacts: artifactSource(inventory, cache, (text) => report({ type: 'note', message: text })),
    buckets,
    ...(asksForDeparted.has(command) && options.limit.length === 0
      ? { departed: createDeparted(inventory, buckets.openFor, report) }
      : {}),
    machines: createMachines(),
    cacheDirectory: cache,
    ...(questions && asksOnTheWay.has(command) ? { confirm: (text: string) => questions.confirm(text) } : {}),
    ...(askSudoPassword ? { askSudoPassword } : {}),
    verify: options.verify,
    restarts: options.restarts ?? 'rolling',
    turns: createTurns((options.restarts ?? 'rolling') === 'rolling'),
    mayWait: createWaits(hosts),
    prune: options.prune ?? false,
    breakLock: options.breakLock ?? false,
    who: operator(command),
    stopping,
  }
  report({ type: 'run-started', command, hosts: hosts.map((host) => host.name) })
  for (const warning of warnings) report({ type: 'warning', code: 'inventory', message: describeMistake(warning) })
  for (const event of told) report(event)
  let exit: ExitCode = exitCodes.failed
  try {
    exit = worstExit(await overHosts(context, hosts, options.parallel, (host, spent) => job(context, host, spent)))
    await context.departed?.tell()
    return exit
  } finally {
    await shared.close()
    if (shape.result && !options.json) reporter.print(shape.result(hosts))
    report({ type: 'run-finished', exit, seconds: (performance.now() - began) / 1000 })
    reporter.finish()
  }
}

/** Every secret of an inventory, for the reporter's last line of defence. */
export function secretsOf(inventory: Inventory): Secret[] {
  const found = new Set<Secret>()
  const walk = (value: unknown): void => {
    if (value instanceof Secret) found.add(value)
    else if (value !== null && typeof value === 'object') Object.values(value).forEach(walk)
  }
  walk(inventory)
  return [...found]
}
