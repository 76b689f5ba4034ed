import type { ExitCode } from '../problem.ts'
import { restoreHost } from '../rollout/restore.ts'
import { hostNamed } from './app-hosts.ts'
import { notBuiltYet } from './later.ts'
import { onlyOne, restorableApp } from './restorable.ts'
import { runFetch } from './restore-to-file.ts'
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
  /** Only copy it to this file, or into this folder. */
  toFile?: string
  /** Fingerprint of the key that the new card shows. */
  hostKey?: string
}

/** Options that messages name, or that are to come: refused by name, for an unknown option would read like a slip of the pen. */
const later = ['from'] as const

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
  if (options.toFile !== undefined) return runFetch(name, { ...options, toFile: options.toFile, point }, stopping)
  return runOverHosts(
    'restore',
    { ...options, limit: [], parallel: 1 },
    stopping,
    (context, host, spent) => restoreHost(context, host, spent, { dryRun, yes, discardLocal, apps, point, began }),
    {
      hosts: (inventory) => {
        const host = hostNamed(inventory, name)
        for (const app of apps) restorableApp(inventory, host, app)
        if (point !== null && 'txid' in point) onlyOne(inventory, host, apps, 'a transaction')
        return [host]
      },
      newKey: { fingerprint: options.hostKey ?? null },
    },
  )
}
