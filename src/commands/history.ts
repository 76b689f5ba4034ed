import { appsOn } from '../desired/host-state.ts'
import type { Host, Inventory } from '../inventory/model.ts'
import { type ExitCode, exitCodes } from '../problem.ts'
import { historyTable } from '../report/format-rolled.ts'
import { columnsOf } from '../report/text-width.ts'
import { openHost } from '../rollout/look.ts'
import { type PastRoll, readHistory } from '../rollout/history.ts'
import { appNamed, hostsOf } from './app-hosts.ts'
import { limitedHosts } from './limit.ts'
import { runOverHosts } from './run.ts'
import type { RunOptions } from './run-options.ts'

/**
 * `streamside history [APP]`: the last restarts that `update` and `restart` have made, of all hosts, by time.
 * @throws Problem `app-unknown`, `limit-unknown`, `limit-empty` (exit 2)
 */
export async function runHistory(
  name: string | undefined,
  options: RunOptions,
  stopping: AbortSignal,
): Promise<ExitCode> {
  const found: (PastRoll & { host: string })[] = []
  const hosts = (inventory: Inventory): Host[] => {
    if (name === undefined)
      return limitedHosts(inventory, options.limit).filter((host) => appsOn(inventory, host.name).length > 0)
    appNamed(inventory, name)
    return hostsOf(inventory, name, options.limit)
  }
  return runOverHosts(
    'history',
    options,
    stopping,
    async (context, host, spent) => {
      const connection = await openHost(context, host)
      spent(connection)
      try {
        const apps = name === undefined ? appsOn(context.inventory, host.name).map((app) => app.name) : [name]
        const { past } = await readHistory(context, host, connection, apps)
        for (const roll of past) {
          found.push({ host: host.name, ...roll })
          context.report({ type: 'app-history', host: host.name, ...roll })
        }
        return { outcome: 'unchanged', changes: 0, exit: exitCodes.done }
      } finally {
        await connection.close()
      }
    },
    { hosts, result: () => historyTable(found, process.stdout.isTTY ? columnsOf(process.stdout) : Infinity) },
  )
}
