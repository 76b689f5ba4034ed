import { type Command, InvalidArgumentError } from 'commander'
import { collect, inventoryHelp } from './inventory-commands.ts'
import type { Registering } from './looking.ts'
import type { RollKind } from '../plan/roll.ts'
import type { RunOptions } from './run-options.ts'
import type { RollOptions } from './update.ts'

function seconds(text: string): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value > 86_400) throw new InvalidArgumentError('seconds, 0 to 86400')
  return value
}

/** Registers `update`, `restart`, `rollback` and `history`. */
export function addRollCommands(program: Command, { runCommand, done, stopping }: Registering): void {
  const roll = (kind: RollKind, description: string, examples: string) =>
    program
      .command(`${kind} [app...]`)
      .description(description)
      .option('-i, --inventory <path>', inventoryHelp)
      .option(
        '-l, --limit <name>',
        'only this host, the hosts of this app, or of this @tag; may be repeated',
        collect,
        [],
      )
      .option('--dry-run', 'only show what would be changed and restarted', false)
      .option('--pause <seconds>', 'between two hosts', seconds, 0)
      .option('--canary <host>', 'this host first; then stop for a yes (without a terminal: stop, exit 7)')
      .option('--break-lock', "end another run's transaction on a host in the middle, and go on from there", false)
      .option('--accept-new', 'take the key of a host that is not known yet; a changed key is never taken', false)
      .option('--json', 'one event a line on stdout', false)
      .option('-v, --verbose', 'plain lines instead of a live table, and the diffs of what is changed', false)
      .addHelpText('after', `\nExamples:\n${examples}`)
      .action(async (apps: string[], options: Omit<RollOptions, 'verify'>) => {
        const { runRoll } = await import('./update.ts')
        done(await runRoll(kind, apps, { ...options, verify: false }, stopping))
      })
  roll(
    'update',
    'take apps to what the inventory has, host by host: each is proven to be in its replica before it is stopped, and put back when it does not get well',
    '  streamside update notes --dry-run\n  streamside update notes\n  streamside update --limit @shop --pause 60\n  streamside update web --canary pi-attic',
  )
  roll(
    'restart',
    'restart apps as they are, host by host, proven like an update',
    '  streamside restart notes\n  streamside restart --limit pi-attic',
  )
  roll(
    'rollback',
    'take apps to the release that ran before, which is still on their hosts; their data stay as they are',
    '  streamside rollback notes --dry-run\n  streamside rollback notes',
  )
  runCommand(
    program,
    'history [app]',
    'what update, restart and rollback have done on the hosts: when, who, from, to, downtime, outcome',
    '  streamside history\n  streamside history notes --json',
  ).action(async (app: string | undefined, options: RunOptions) => {
    const { runHistory } = await import('./history.ts')
    done(await runHistory(app, options, stopping))
  })
}
