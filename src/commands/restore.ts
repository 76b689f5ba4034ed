import type { ExitCode } from '../problem.ts'
import { restoreHost } from '../rollout/restore.ts'
import { hostNamed } from './app-hosts.ts'
import { notBuiltYet } from './later.ts'
import { runOverHosts } from './run.ts'
import type { RunOptions } from './run-options.ts'

export interface RestoreOptions extends Omit<RunOptions, 'limit' | 'parallel'> {
  dryRun: boolean
  yes: boolean
  discardLocal: boolean
  /** Fingerprint of the key that the new card shows. */
  hostKey?: string
}

/** Options that messages name, or that are to come: refused by name, for an unknown option would read like a slip of the pen. */
const later = ['at', 'txid', 'app', 'to-file', 'from'] as const

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
  const { dryRun, yes, discardLocal } = options
  return runOverHosts(
    'restore',
    { ...options, limit: [], parallel: 1 },
    stopping,
    (context, host, spent) => restoreHost(context, host, spent, { dryRun, yes, discardLocal, began }),
    {
      hosts: (inventory) => [hostNamed(inventory, name)],
      newKey: { fingerprint: options.hostKey ?? null },
    },
  )
}
