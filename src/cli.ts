import { readFileSync, writeSync } from 'node:fs'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { addKeepCommand, addRestoreCommand } from './commands/restore-command.ts'
import { addCardCommand } from './commands/card-command.ts'
import { addRollCommands } from './commands/update-command.ts'
import { laterCommands, notBuiltYet } from './commands/later.ts'
import { addInventoryCommands, collect, inventoryHelp } from './commands/inventory-commands.ts'
import { addLookingCommands } from './commands/looking.ts'
import { exitCodes, type ExitCode, Problem } from './problem.ts'
import type { ImportOptions } from './commands/import.ts'
import type { RunOptions } from './commands/run-options.ts'

const stopping = new AbortController()

/** First signal: finish what is under way and stop. Second: go at once; the hosts end their transactions by themselves. */
function watchSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (!stopping.signal.aborted) {
        stopping.abort()
        process.stderr.write(
          '\nstopping after what is under way; once more to leave at once (the hosts go on by themselves)\n',
        )
        return
      }
      process.removeAllListeners(signal)
      process.kill(process.pid, signal)
    })
  }
}

/**
 * A reader that goes away (`| head`), or a terminal that is closed, is no failure. What cannot be written otherwise, as on a full
 * disk, is: nobody would know what was left out.
 */
function watchOutput(): void {
  for (const name of ['stdout', 'stderr'] as const)
    process[name].on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE' || error.code === 'EIO') return
      try {
        writeSync(2, `streamside: ${name} cannot be written: ${error.message}\n`)
      } catch {
        // the other one cannot be written either: the exit code says it
      }
      process.exit(exitCodes.failed)
    })
}

function version(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

function positive(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1 || value > 500)
    throw new InvalidArgumentError('a whole number from 1 to 500')
  return value
}

/** Those that compare a host with what it should be. */
const comparing = new Set(['plan', 'provision', 'status'])

function runCommand(program: Command, name: string, description: string, examples: string): Command {
  return program
    .command(name)
    .description(description)
    .option('-i, --inventory <path>', inventoryHelp)
    .option(
      '-l, --limit <name>',
      'only this host, the hosts of this app, or of this @tag; may be repeated',
      collect,
      [],
    )
    .option('--parallel <n>', 'hosts at a time', positive, 10)
    .option('--accept-new', 'take the key of a host that is not known yet; a changed key is never taken', false)
    .addOption(
      new Option('--verify', 'compare releases and binaries on the hosts by content, not by size and times alone')
        .default(false)
        .hideHelp(!comparing.has(name)),
    )
    .option('--json', 'one event a line on stdout', false)
    .option('-v, --verbose', 'plain lines instead of a live table, and the diffs of what is changed', false)
    .addHelpText('after', `\nExamples:\n${examples}`)
}

function build(done: (exit: ExitCode) => void): Command {
  const program = new Command('streamside')
  program
    .description('Turns bare Raspberry Pi and Debian machines into reliable SQLite servers over plain SSH.')
    .version(version())
    // before the command as well as behind it, as with git and kubectl
    .option('-i, --inventory <path>', inventoryHelp)
    .hook('preAction', (_, command) => {
      const { inventory } = program.opts<{ inventory?: string }>()
      const takes = command.options.some(({ long }) => long === '--inventory')
      if (inventory !== undefined && takes && command.getOptionValue('inventory') === undefined)
        command.setOptionValue('inventory', inventory)
    })
    .showHelpAfterError('(streamside --help says more)')
    .addHelpText(
      'after',
      '\nExamples:\n  streamside init\n  streamside plan\n  streamside provision --limit pi-attic\n  streamside status\n' +
        '\nstreamside COMMAND --help says more of each.',
    )
    .exitOverride()
    // for `ssh HOST ls -l`: what comes after the host is the command's
    .enablePositionalOptions()
  runCommand(
    program,
    'provision',
    'bring every host of the inventory to its declared state',
    '  streamside provision\n  streamside provision --limit pi-attic --accept-new\n  streamside provision --dry-run\n  streamside provision --new-history notes --dry-run',
  )
    .option('--dry-run', 'only show what would change, as `plan` does', false)
    .option(
      '--prune',
      'stop and remove apps that left the inventory, once the replica is proven to hold their data',
      false,
    )
    .addOption(
      new Option(
        '--restarts <how>',
        'of what runs from something that changed: an app never on two hosts at once, all at once, or not',
      )
        .choices(['rolling', 'now', 'none'])
        .default('rolling'),
    )
    .option('--break-lock', "end another run's transaction on a host in the middle, and go on from there", false)
    .option(
      '--new-history <app>',
      'go on with the files on its host, when its replica is lost or damaged or has gone back: nothing is restored over them',
    )
    // A host key is only ever taken by --accept-new.
    .option('-y, --yes', 'with --new-history: do not ask', false)
    .action(async (options: RunOptions & { dryRun: boolean; yes: boolean; newHistory?: string }) => {
      if (options.newHistory !== undefined) {
        const { runNewHistory } = await import('./commands/new-history.ts')
        return done(await runNewHistory(options.newHistory, options, stopping.signal))
      }
      if (options.dryRun) {
        const { runPlan } = await import('./commands/plan.ts')
        return done(await runPlan(options, stopping.signal))
      }
      const { runProvision } = await import('./commands/provision.ts')
      done(await runProvision(options, stopping.signal))
    })
  runCommand(
    program,
    'import <app>',
    'take over what a Litestream of your own has written to the bucket of an app that is not there yet',
    '  streamside import notes --dry-run\n  streamside import notes --from backups/notes.db\n  streamside import shop --from main=old/shop --from log=old/shop-log',
  )
    .option(
      '--from <[database=]path>',
      'its folder in the bucket, where that is none of the usual ones; may be repeated',
      collect,
      [],
    )
    .option('--dry-run', 'only show what would be imported', false)
    .option('-y, --yes', 'do not ask: nobody writes there any more', false)
    .action(async (app: string, options: ImportOptions) => {
      const { runImport } = await import('./commands/import.ts')
      done(await runImport(app, options, stopping.signal))
    })
  addRestoreCommand(program, { done, stopping: stopping.signal })
  addKeepCommand(program, { done, stopping: stopping.signal })
  addCardCommand(program, { done, stopping: stopping.signal })
  runCommand(
    program,
    'plan',
    'show what provision would change, and touch nothing; exit 7 when something would',
    '  streamside plan\n  streamside plan --limit @shop --json',
  )
    .option('--prune', 'show what provision --prune would do about apps that left the inventory', false)
    .action(async (options: RunOptions) => {
      const { runPlan } = await import('./commands/plan.ts')
      done(await runPlan(options, stopping.signal))
    })
  addRollCommands(program, { runCommand, done, stopping: stopping.signal })
  addLookingCommands(program, { runCommand, done, stopping: stopping.signal })
  addInventoryCommands(program, { done, stopping: stopping.signal })
  addLaterCommands(program)
  return program
}

function addLaterCommands(program: Command): void {
  for (const name of laterCommands)
    program
      .command(name, { hidden: true })
      .allowUnknownOption()
      .allowExcessArguments()
      .action(() => {
        throw notBuiltYet(name)
      })
}

async function main(): Promise<void> {
  watchOutput()
  watchSignals()
  try {
    await build((exit) => {
      process.exitCode = exit
    }).parseAsync(process.argv)
  } catch (error) {
    process.exitCode = await explain(error)
  }
}

/** Whether --json was asked for; among the words of `ssh` it is a host's command's. */
function wantsJson(args: readonly string[]): boolean {
  return args.includes('--json') && !args.includes('ssh')
}

/** Says what went wrong before a run had a reporter of its own. A bug goes up with its stack trace. */
async function explain(error: unknown): Promise<ExitCode> {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage
  if (!(error instanceof Problem)) throw error
  const { InventoryProblem } = await import('./inventory/mistake.ts')
  const { stderr, stdout } = process
  if (wantsJson(process.argv)) {
    const { eventLine } = await import('./report/reporter.ts')
    const { problemData } = await import('./report/event-data.ts')
    if (error instanceof InventoryProblem)
      for (const mistake of error.mistakes) stdout.write(eventLine({ type: 'mistake', ...mistake }))
    else stdout.write(eventLine({ type: 'problem', problem: problemData(error) }))
    return error.exit
  }
  const { wantsColor } = await import('./report/colour.ts')
  const { columnsOf } = await import('./report/text-width.ts')
  const look = { columns: columnsOf(stderr), color: wantsColor(stderr) }
  if (error instanceof InventoryProblem) {
    const { formatMistakes } = await import('./report/format-mistakes.ts')
    stderr.write(formatMistakes(error.mistakes, look))
  } else {
    const { formatProblem } = await import('./report/format-problem.ts')
    stderr.write(`${formatProblem(error, look)}\n`)
  }
  return error.exit
}

await main()
