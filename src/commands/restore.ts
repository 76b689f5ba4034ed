import { appsOn } from '../desired/host-state.ts'
import type { App, Host, Inventory } from '../inventory/model.ts'
import { type ExitCode, exitCodes, Problem } from '../problem.ts'
import { restoreHost } from '../rollout/restore.ts'
import { appNamed, hostNamed } from './app-hosts.ts'
import { notBuiltYet } from './later.ts'
import { runOverHosts } from './run.ts'
import type { RunOptions } from './run-options.ts'

export interface RestoreOptions extends Omit<RunOptions, 'limit' | 'parallel'> {
  dryRun: boolean
  yes: boolean
  discardLocal: boolean
  /** Apps that are asked for; none = all of the host. */
  app: string[]
  /** A point in time: milliseconds since the epoch. */
  at?: number
  /** A transaction of a database; null = of the only one. */
  txid?: { txid: string; database: string | null }
  /** Fingerprint of the key that the new card shows. */
  hostKey?: string
}

/** Options that messages name, or that are to come: refused by name, for an unknown option would read like a slip of the pen. */
const later = ['to-file', 'from'] as const

/**
 * `streamside restore HOST`: a host on a new card is provisioned, and its apps come back with their data.
 * @throws InventoryProblem, Problem `host-unknown`, `not-supported-yet` (exit 2)
 */
export async function runRestore(
  name: string,
  options: RestoreOptions,
  given: ReadonlySet<string>,
  stopping: AbortSignal,
): Promise<ExitCode> {
  const early = later.find((option) => given.has(option))
  if (early !== undefined) throw notBuiltYet(`restore --${early}`)
  const began = performance.now()
  const { dryRun, yes, discardLocal, app: apps } = options
  const point = options.at === undefined ? (options.txid ?? null) : { time: options.at }
  return runOverHosts(
    'restore',
    { ...options, limit: [], parallel: 1 },
    stopping,
    (context, host, spent) => restoreHost(context, host, spent, { dryRun, yes, discardLocal, apps, point, began }),
    {
      hosts: (inventory) => {
        const host = hostNamed(inventory, name)
        for (const app of apps) restorableApp(inventory, host, app)
        if (point !== null && 'txid' in point) onlyOne(inventory, host, apps)
        return [host]
      },
      newKey: { fingerprint: options.hostKey ?? null },
    },
  )
}

/** @throws Problem `app-unknown`, `app-elsewhere`, `app-without-data` (exit 2) */
function restorableApp(inventory: Inventory, host: Host, name: string): App {
  const app = appNamed(inventory, name)
  const about = { doing: `restoring ${name} on ${host.name}`, host: host.name, app: name, exit: exitCodes.usage }
  if (!app.hosts.includes(host.name))
    throw new Problem({
      ...about,
      code: 'app-elsewhere',
      found: `the inventory has it on ${app.hosts.join(', ')}`,
      next: `streamside restore ${app.hosts[0] ?? 'HOST'} --app ${name}`,
    })
  if (Object.keys(app.databases).length === 0)
    throw new Problem({
      ...about,
      code: 'app-without-data',
      found: 'it has no database in the inventory, so nothing of it is in a replica',
      next: 'name an app that has one, or leave --app out',
    })
  return app
}

/** A transaction means one app's. */
function onlyOne(inventory: Inventory, host: Host, asked: readonly string[]): void {
  const apps = asked.length > 0 ? asked : appsWithData(inventory, host)
  if (apps.length === 1) return
  throw new Problem({
    code: 'restore-point-unclear',
    doing: `restoring a transaction on ${host.name}`,
    found: `a transaction is one app's, and this is about ${apps.length} (${apps.join(', ')})`,
    next: 'name it: --app NAME',
    host: host.name,
    exit: exitCodes.usage,
  })
}

function appsWithData(inventory: Inventory, host: Host): string[] {
  return appsOn(inventory, host.name)
    .filter(({ databases }) => Object.keys(databases).length > 0)
    .map(({ name }) => name)
}
