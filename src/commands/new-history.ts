import type { App, Inventory } from '../inventory/model.ts'
import { type ExitCode, exitCodes, Problem } from '../problem.ts'
import { beginAnew } from '../rollout/new-history.ts'
import { appNamed, hostsOf } from './app-hosts.ts'
import { runOverHosts } from './run.ts'
import type { RunOptions } from './run-options.ts'

export interface NewHistoryOptions extends RunOptions {
  dryRun: boolean
  yes?: boolean
}

/**
 * `streamside provision --new-history APP`: the app goes on with the files of its host, under a new path of its replica.
 * @throws InventoryProblem, Problem `app-unknown`, `no-database`, `one-host-needed`, `limit-*` (exit 2)
 */
export async function runNewHistory(
  given: string,
  options: NewHistoryOptions,
  stopping: AbortSignal,
): Promise<ExitCode> {
  const { dryRun, yes = false } = options
  // Gates speak of instances: APP@HOST of an app that runs on several hosts.
  const [name = '', on] = given.split('@', 2)
  const limit = on === undefined ? options.limit : [on]
  return runOverHosts(
    'provision',
    { ...options, limit: [] },
    stopping,
    (context, host, spent) => beginAnew(context, host, spent, { app: appNamed(context.inventory, name), dryRun, yes }),
    { hosts: (inventory) => [oneHostOf(inventory, appWithDatabase(inventory, name), limit)] },
  )
}

function appWithDatabase(inventory: Inventory, name: string): App {
  const app = appNamed(inventory, name)
  if (Object.keys(app.databases).length > 0) return app
  throw new Problem({
    code: 'no-database',
    doing: `beginning ${name} anew`,
    found: 'it has no database, and so no history',
    next: 'run streamside provision',
    app: name,
    exit: exitCodes.usage,
  })
}

/** Each instance has data of its own, and each is a choice of its own. */
function oneHostOf(inventory: Inventory, app: App, limits: string[]) {
  const hosts = hostsOf(inventory, app.name, limits)
  const [host] = hosts
  if (host !== undefined && hosts.length === 1) return host
  throw new Problem({
    code: 'one-host-needed',
    doing: `beginning ${app.name} anew`,
    found: `it runs on ${hosts.map((each) => each.name).join(' and ')}, on each with data of its own`,
    next: `say which: --limit ${hosts[0]?.name ?? 'HOST'}`,
    app: app.name,
    exit: exitCodes.usage,
  })
}
