import { type Command, InvalidArgumentError } from 'commander'
import type { ExitCode } from '../problem.ts'
import type { LogsOptions } from './logs.ts'
import type { RunOptions } from './run-options.ts'
import type { StartOptions } from './start.ts'

/** What the command line gives to the commands that it registers elsewhere. */
export interface Registering {
  /** A command with the options of all that reach hosts. */
  runCommand: (program: Command, name: string, description: string, examples: string) => Command
  done: (exit: ExitCode) => void
  stopping: AbortSignal
}

function lineCount(text: string): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < 1 || value > 1_000_000)
    throw new InvalidArgumentError('a whole number from 1 to 1000000')
  return value
}

const notEmpty = (text: string): string => {
  if (text.trim() === '') throw new InvalidArgumentError('a time, as journalctl takes it: -1h, yesterday, 10:00')
  return text
}

/** Commands for looking at hosts, and for the one order that is given to a gate. */
export function addLookingCommands(program: Command, { runCommand, done, stopping }: Registering): void {
  runCommand(
    program,
    'status',
    'how all hosts and apps are: one table, one SSH exec a host; exit 1 when something is wrong',
    '  streamside status\n  streamside status --limit @shop\n  streamside status --json | jq -c \'select(.type == "host-status")\'',
  ).action(async (options: RunOptions) => {
    const { runStatus } = await import('./status.ts')
    done(await runStatus(options, stopping))
  })
  runCommand(
    program,
    'logs <app>',
    'the journal of an app, its gate, Litestream and the timer, from all of its hosts',
    '  streamside logs gotify\n  streamside logs gotify -f\n  streamside logs web --limit pi-attic --since -1h',
  )
    .option('-f, --follow', 'go on with what comes, until Ctrl-C', false)
    .option('-n, --lines <n>', 'newest lines of each host (default: 100, or all with --since)', lineCount)
    .option('--since <time>', 'from then on, as journalctl takes it: -1h, yesterday, "2026-11-21 10:00"', notEmpty)
    .action(async (app: string, options: Omit<LogsOptions, 'lines' | 'since'> & { lines?: number; since?: string }) => {
      const { runLogs } = await import('./logs.ts')
      done(await runLogs(app, { ...options, lines: options.lines ?? null, since: options.since ?? null }))
    })
  runCommand(
    program,
    'start <app>',
    'start an app once without its replica (--offline), when its gate waits for the replica and you know the risk',
    '  streamside start gotify --offline\n  streamside start gotify --offline --yes',
  )
    .option(
      '--offline',
      'one start without the replica; never over a restore, another holder or files that are behind',
      false,
    )
    .option('-y, --yes', 'do not ask: the risk is known', false)
    .action(async (app: string, options: StartOptions) => {
      const { runStart } = await import('./start.ts')
      done(await runStart(app, options, stopping))
    })
  program
    .command('ssh <host> [command...]')
    .description('your own ssh to a host of the inventory: its address, port, user, jump hosts and known keys')
    .option(
      '-i, --inventory <path>',
      'inventory file or folder (default: ./inventory, ./inventory.yaml or ./streamside.yaml)',
    )
    .passThroughOptions()
    .addHelpText('after', '\nExamples:\n  streamside ssh pi-attic\n  streamside ssh pi-attic systemctl status gotify')
    .action(async (host: string, command: string[], options: { inventory?: string }) => {
      const { runSsh } = await import('./ssh.ts')
      // The status is ssh's, whatever its number.
      process.exitCode = await runSsh({ ...options, host, command })
    })
}
