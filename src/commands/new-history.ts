import type { App, Host, Inventory } from '../inventory/model.ts'
import { type ExitCode, exitCodes, Problem } from '../problem.ts'
import { keepCopy } from '../rollout/keep.ts'
import { beginAnew } from '../rollout/new-history.ts'
import { appNamed, hostNamed, hostsOf } from './app-hosts.ts'
import { restorableApp } from './restorable.ts'
import { runOverHosts } from './run.ts'
import type { RunOptions } from './run-options.ts'

export interface NewHistoryOptions extends RunOptions {
  dryRun: boolean
  yes?: boolean
}

export interface KeepOptions extends NewHistoryOptions {
  /** Fingerprint of the key that the card in the host shows. */
  hostKey?: string
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
  if (on !== undefined && options.limit.some((each) => each !== on)) throw twoPlaces(given, options.limit.join(', '))
  return runOverHosts(
    'provision',
    { ...options, limit: [] },
    stopping,
    (context, host, spent) => beginAnew(context, host, spent, { app: appNamed(context.inventory, name), dryRun, yes }),
    { hosts: (inventory) => [oneHostOf(inventory, appWithDatabase(inventory, name), limit)] },
  )
}

/**
 * `streamside keep HOST APP`: of two histories of an app, that of this host is gone on with.
 * @throws InventoryProblem, Problem `host-unknown`, `app-unknown`, `app-elsewhere`, `app-without-data` (exit 2)
 */
export async function runKeep(
  on: string,
  given: string,
  options: KeepOptions,
  stopping: AbortSignal,
): Promise<ExitCode> {
  const { dryRun, yes = false } = options
  const [name = '', of] = given.split('@', 2)
  if (of !== undefined && of !== on) throw twoPlaces(given, on)
  return runOverHosts(
    'keep',
    options,
    stopping,
    (context, host, spent) => keepCopy(context, host, spent, { app: appNamed(context.inventory, name), dryRun, yes }),
    {
      hosts(inventory) {
        const host = hostNamed(inventory, on)
        restorableApp(inventory, host, name, {
          doing: 'choosing the copy of',
          instead: (other) => `streamside keep ${other} ${name}`,
        })
        return [host]
      },
      // the card that is in the host now may be another than the one that was there last
      newKey: { fingerprint: options.hostKey ?? null },
    },
  )
}

export function appWithDatabase(inventory: Inventory, name: string, verb = 'beginning anew'): App {
  const app = appNamed(inventory, name)
  if (Object.keys(app.databases).length > 0) return app
  throw new Problem({
    code: 'no-database',
    doing: `${verb} ${name}`,
    found: 'it has no database, and so no history',
    next: 'run streamside provision',
    app: name,
    exit: exitCodes.usage,
  })
}

function twoPlaces(given: string, other: string): Problem {
  return new Problem({
    code: 'two-places',
    doing: `looking for ${given}`,
    found: `that is one host's copy, and ${other} is asked for`,
    next: 'name one of them',
    exit: exitCodes.usage,
  })
}

/** Each instance has data of its own, and each is a choice of its own. */
export function oneHostOf(inventory: Inventory, app: App, limits: string[], verb = 'beginning anew'): Host {
  const hosts = hostsOf(inventory, app.name, limits)
  const [host] = hosts
  if (host !== undefined && hosts.length === 1) return host
  throw new Problem({
    code: 'one-host-needed',
    doing: `${verb} ${app.name}`,
    found: `it runs on ${hosts.map((each) => each.name).join(' and ')}, on each with data of its own`,
    next: `say which: --limit ${hosts[0]?.name ?? 'HOST'}`,
    app: app.name,
    exit: exitCodes.usage,
  })
}
