import { cacheDirectory } from '../artifacts/cache.ts'
import { checkReleases } from '../artifacts/check-releases.ts'
import { findInventory } from '../inventory/find.ts'
import type { Loaded } from '../inventory/load.ts'
import { InventoryProblem, type Mistake } from '../inventory/mistake.ts'
import { type ExitCode, exitCodes } from '../problem.ts'
import { wantsColor } from '../report/colour.ts'
import { eventLine } from '../report/reporter.ts'
import { formatMistakes } from '../report/format-mistakes.ts'
import { columnsOf } from '../report/text-width.ts'
import { checkEphemeralSizes } from '../replica/check-ephemeral.ts'
import { loadChecked } from './load.ts'

export interface CheckOptions {
  /** A file or a folder; undefined = looked for in the current folder. */
  inventory?: string
  /** One JSON object a line on stdout, for editors and scripts. */
  json?: boolean
  cwd?: string
  env?: NodeJS.ProcessEnv
  stdout?: Output
  stderr?: Output
}

/** What a command writes to: a stream, of which a terminal says its width and whether it shows colours. */
export type Output = Pick<NodeJS.WriteStream, 'write'> & Partial<Pick<NodeJS.WriteStream, 'isTTY' | 'columns'>>

/**
 * `streamside check`: validates the inventory, its secrets and its templates, and touches no host. Exit 2 when there is a
 * mistake; warnings change nothing.
 * @throws Problem `inventory-not-found`, `inventory-ambiguous`
 */
export async function runCheck(options: CheckOptions = {}): Promise<ExitCode> {
  const cwd = options.cwd ?? process.cwd()
  const stdout: Output = options.stdout ?? process.stdout
  const stderr: Output = options.stderr ?? process.stderr
  const say = (line: object) => stdout.write(eventLine(line))
  const show = (mistakes: Mistake[], label?: string) => {
    if (options.json) for (const mistake of mistakes) say({ type: label ?? 'mistake', ...mistake })
    else if (mistakes.length > 0)
      stderr.write(`${formatMistakes(mistakes, { ...look(stderr), ...(label ? { label } : {}) })}\n`)
  }

  let loaded: Loaded
  try {
    loaded = await loadChecked(options.inventory ?? (await findInventory(cwd)), {
      cwd,
      checks: [checkReleases(cacheDirectory(options.env ?? process.env)), checkEphemeralSizes],
      ...(options.env ? { env: options.env } : {}),
    })
  } catch (error) {
    if (!(error instanceof InventoryProblem)) throw error
    show(error.mistakes)
    if (options.json) say({ type: 'checked', sound: false, mistakes: error.mistakes.length })
    else stderr.write(`${count(error.mistakes.length, 'mistake')}; the inventory cannot be used\n`)
    return exitCodes.usage
  }

  const { inventory, warnings, remarks } = loaded
  show(warnings, 'warning')
  show(remarks, 'note')
  const [hosts, apps, replicas] = [inventory.hosts, inventory.apps, inventory.replicas].map(
    (section) => Object.keys(section).length,
  )
  if (options.json) say({ type: 'checked', sound: true, hosts, apps, replicas, warnings: warnings.length })
  else
    stdout.write(
      `inventory is sound: ${[count(hosts, 'host'), count(apps, 'app'), count(replicas, 'replica')].join(', ')}` +
        `${warnings.length > 0 ? ` (${count(warnings.length, 'warning')})` : ''}\n`,
    )
  return exitCodes.done
}

function look(stream: Output): { columns: number; color: boolean } {
  return { columns: columnsOf(stream), color: wantsColor(stream) }
}

function count(number: number | undefined, noun: string): string {
  return `${number ?? 0} ${noun}${number === 1 ? '' : 's'}`
}
