import { statSync } from 'node:fs'
import path from 'node:path'
import type { App } from '../inventory/model.ts'
import { type ExitCode, exitCodes, Problem } from '../problem.ts'
import type { WantedPoint } from '../replica/choose-point.ts'
import { fetchDatabases } from '../rollout/fetch.ts'
import { requireFree } from '../rollout/fetched-file.ts'
import { appNamed, hostNamed } from './app-hosts.ts'
import { onlyOne, restorableApp } from './restorable.ts'
import { runOverHosts } from './run.ts'
import type { RunOptions } from './run-options.ts'

export interface FetchOptions extends Omit<RunOptions, 'limit' | 'parallel'> {
  dryRun: boolean
  app: string[]
  /** A file that is not there yet, or a folder that is. */
  toFile: string
  point: WantedPoint | null
}

/**
 * `streamside restore HOST --to-file PATH`: databases of an app, as its replica holds them, on this machine. Nothing on the host or in the
 * replica changes.
 * @throws InventoryProblem, Problem `host-unknown`, `app-*`, `restore-point-unclear`, `file-unclear` (exit 2)
 */
export function runFetch(name: string, options: FetchOptions, stopping: AbortSignal): Promise<ExitCode> {
  const { dryRun, app: asked, toFile, point } = options
  // Checked before a host is asked, with the inventory that the hosts follow from.
  let chosen: { app: App; files: Map<string, string> } | null = null
  return runOverHosts(
    'restore',
    { ...options, limit: [], parallel: 1 },
    stopping,
    (context, host, spent) => {
      if (chosen === null) throw new Error('no app was chosen')
      return fetchDatabases(context, host, spent, { ...chosen, point, dryRun })
    },
    {
      load: { skipLocalFiles: true },
      hosts: (inventory) => {
        const host = hostNamed(inventory, name)
        for (const each of asked) restorableApp(inventory, host, each)
        const app = appNamed(inventory, onlyOne(inventory, host, asked, 'a file'))
        chosen = { app, files: filesOf(app, host.name, toFile, point) }
        return [host]
      },
    },
  )
}

/** By database: the file it goes to. */
function filesOf(app: App, host: string, toFile: string, point: WantedPoint | null): Map<string, string> {
  const all = Object.keys(app.databases)
  const only = point !== null && 'txid' in point ? point.database : null
  // an unknown one is told where the point is looked for
  const names = only !== null && all.includes(only) ? [only] : all
  const about = { doing: `fetching ${app.name} from ${host}`, host, app: app.name, exit: exitCodes.usage }
  if (isFolder(toFile)) {
    const files = new Map(names.map((name) => [name, path.join(toFile, `${app.name}-${name}.db`)]))
    for (const file of files.values()) requireFree(file, about)
    return files
  }
  requireFree(toFile, about)
  if (!isFolder(path.dirname(path.resolve(toFile))) || toFile.endsWith('/'))
    throw new Problem({
      ...about,
      code: 'file-unclear',
      found: `there is no folder ${toFile.endsWith('/') ? toFile : path.dirname(toFile)}`,
      next: 'nothing was changed; make it, or name another place',
    })
  const [first] = names
  if (first === undefined || names.length > 1)
    throw new Problem({
      ...about,
      code: 'file-unclear',
      found: `${app.name} has ${names.length} databases (${names.join(', ')}), and ${toFile} is one file`,
      next: 'name a folder that is there, or one of them with --txid DATABASE=TRANSACTION',
    })
  return new Map([[first, toFile]])
}

function isFolder(name: string): boolean {
  return statSync(name, { throwIfNoEntry: false })?.isDirectory() === true
}
