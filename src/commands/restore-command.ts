import { type Command, InvalidArgumentError, Option } from 'commander'
import { collect, inventoryHelp } from './inventory-commands.ts'
import type { Registering } from './looking.ts'
import type { KeepOptions } from './new-history.ts'
import type { RestoreOptions } from './restore.ts'
import { timeOf, txidOf } from './restore-point.ts'

const fingerprintOf = (text: string): string => {
  if (!/^SHA256:[A-Za-z0-9+/]{43}$/.test(text))
    throw new InvalidArgumentError('a fingerprint as ssh-keygen -l prints it: SHA256: and 43 characters')
  return text
}

/** The options of a command that may meet another card, with another host key, than the one that was there last. */
function onAnyCard(command: Command, card: string): Command {
  return command
    .option('--host-key <fingerprint>', `the key that ${card} shows, as its own console prints it`, fingerprintOf)
    .option(
      '--accept-new',
      'take the key of a host that is not known yet; a changed key is taken by --host-key alone',
      false,
    )
    .option('--json', 'one event a line on stdout', false)
    .option('-v, --verbose', 'plain lines instead of a live table, and the diffs of what is changed', false)
}

/** Registers `keep HOST APP`. */
export function addKeepCommand(program: Command, { done, stopping }: Omit<Registering, 'runCommand'>): void {
  const command = program
    .command('keep <host> <app>')
    .description(
      'where two histories of an app exist, go on with the copy of this host; the other one stays where it is',
    )
    .option('-i, --inventory <path>', inventoryHelp)
    .option('--dry-run', 'only show which copies there are', false)
    .option('-y, --yes', 'do not ask: the other copy is given up', false)
  onAnyCard(command, 'the card in the host')
    .addHelpText('after', '\nExamples:\n  streamside keep pi-attic notes --dry-run\n  streamside keep pi-attic notes')
    .action(async (host: string, app: string, options: Omit<KeepOptions, 'verify' | 'limit' | 'parallel'>) => {
      const { runKeep } = await import('./new-history.ts')
      done(await runKeep(host, app, { ...options, verify: false, limit: [], parallel: 1 }, stopping))
    })
}

/** Registers `restore HOST`. */
export function addRestoreCommand(program: Command, { done, stopping }: Omit<Registering, 'runCommand'>): void {
  const restore = program
    .command('restore <host>')
    .description(
      'bring a host back after its card has died: take its apps over, restore their databases, provision the rest',
    )
    .option('-i, --inventory <path>', inventoryHelp)
    .option('--dry-run', 'only show what would be taken over, and from where', false)
    .option('-y, --yes', 'do not ask: the machine that had the apps is out of use', false)
    .option(
      '--discard-local',
      'put databases that lie on the host aside (kept beside their places), and bring back what the replica holds',
      false,
    )
    .option('--app <name>', 'only this app; may be repeated', collect, [])
    .addOption(
      new Option(
        '--at <time>',
        'go back to a point in time: 2h (ago), or "2026-11-21 14:05" (what is younger stays in the replica)',
      )
        .argParser((text: string) => timeOf(text, Date.now()))
        .conflicts('txid'),
    )
    .addOption(new Option('--txid <[database=]transaction>', 'go back to a transaction of one app').argParser(txidOf))
    .addOption(
      new Option(
        '--to-file <path>',
        'change nothing: only copy a database, as the replica holds it, to a file of this machine, or into a folder',
      ).conflicts(['discardLocal', 'hostKey']),
    )
  onAnyCard(restore, 'the new card')
    .addOption(new Option('--from <replica>').hideHelp())
    .addHelpText(
      'after',
      '\nExamples:\n  streamside restore pi-attic --dry-run\n  streamside restore pi-attic\n' +
        '  streamside restore pi-attic --app notes --at 2h --dry-run      which point that is; without --dry-run, there\n' +
        '  streamside restore pi-attic --app notes --at 1d --to-file yesterday.db\n' +
        '  streamside restore pi-attic --yes --host-key SHA256:…        in a script, with the key read off its console',
    )
    .action(async (host: string, options: Omit<RestoreOptions, 'verify'>, command: Command) => {
      const { runRestore } = await import('./restore.ts')
      const given = command.options.filter((option) => command.getOptionValueSource(option.attributeName()) === 'cli')
      const names = new Set(given.map((option) => option.long?.slice(2) ?? ''))
      done(await runRestore(host, { ...options, verify: false }, names, stopping))
    })
}
