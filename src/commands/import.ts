import { type App, type Inventory } from '../inventory/model.ts'
import { type ExitCode, exitCodes, Problem } from '../problem.ts'
import { importApp } from '../rollout/import.ts'
import { appWithDatabase, oneHostOf } from './new-history.ts'
import { runOverHosts } from './run.ts'
import type { RunOptions } from './run-options.ts'

export interface ImportOptions extends RunOptions {
  dryRun: boolean
  yes: boolean
  /** `PATH`, or `DATABASE=PATH`. */
  from: string[]
}

/**
 * `streamside import APP`: what a plain Litestream has written to the app's bucket is taken over.
 * @throws InventoryProblem, Problem `app-unknown`, `no-database`, `one-host-needed`, `import-from` (exit 2)
 */
export async function runImport(name: string, options: ImportOptions, stopping: AbortSignal): Promise<ExitCode> {
  const { dryRun, yes, from } = options
  const chosen = (inventory: Inventory): App => appWithDatabase(inventory, name, 'importing')
  return runOverHosts(
    'import',
    { ...options, limit: [] },
    stopping,
    (context, host, spent) => {
      const app = chosen(context.inventory)
      return importApp(context, host, spent, { app, sources: sourcesOf(app, from), dryRun, yes })
    },
    {
      hosts(inventory) {
        const app = chosen(inventory)
        sourcesOf(app, from)
        return [oneHostOf(inventory, app, options.limit, 'importing')]
      },
    },
  )
}

function sourcesOf(app: App, given: readonly string[]): Record<string, string> {
  const names = Object.keys(app.databases)
  const sources: Record<string, string> = {}
  for (const each of given) {
    const [, name = names.length === 1 ? names[0] : undefined, path = ''] =
      /^(?:([^=/]+)=)?\/*(.*?)\/*$/.exec(each) ?? []
    if (name === undefined || !names.includes(name) || path === '' || Object.hasOwn(sources, name))
      throw new Problem({
        code: 'import-from',
        doing: `reading --from ${each}`,
        found: `${app.name} has the databases ${names.join(', ')}, and each is imported from one folder of the bucket`,
        next: 'write --from DATABASE=PATH, once a database; the PATH alone where there is only one',
        app: app.name,
        exit: exitCodes.usage,
      })
    sources[name] = path
  }
  return sources
}
