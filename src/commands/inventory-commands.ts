import { Argument, type Command, InvalidArgumentError } from 'commander'
import { namesCommand } from '../completion/command-line.ts'
import { type Shell, shells } from '../completion/scripts.ts'
import type { InitOptions } from './init-options.ts'
import type { Registering } from './looking.ts'

export const inventoryHelp = 'inventory file or folder (default: ./inventory, ./inventory.yaml or ./streamside.yaml)'

/** For an option that may be repeated. */
export const collect = (value: string, before: string[]): string[] => [...before, value]

function port(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1 || value > 65_535) throw new InvalidArgumentError('a port, 1 to 65535')
  return value
}

/** Commands for the inventory alone, and for the shell: all but `init --from` reach no host. */
export function addInventoryCommands(
  program: Command,
  { done, stopping }: Pick<Registering, 'done' | 'stopping'>,
): void {
  program
    .command('check')
    .description('validate the inventory, its secrets and its templates; touches no host')
    .option('-i, --inventory <path>', inventoryHelp)
    .option('--json', 'one JSON object a line on stdout', false)
    .addHelpText('after', '\nExamples:\n  streamside check\n  streamside check -i inventory/home.yaml')
    .action(async (options: { inventory?: string; json: boolean }) => {
      const { runCheck } = await import('./check.ts')
      done(await runCheck(options))
    })
  program
    .command('schema')
    .description('print the JSON Schema of the inventory, for editors')
    .addHelpText('after', '\nExample:\n  streamside schema > .vscode/streamside.schema.json')
    .action(async () => {
      const { runSchema } = await import('./schema.ts')
      done(runSchema())
    })
  program
    .command('completion')
    .description('print what makes bash, zsh or fish complete this command line')
    .addArgument(new Argument('<shell>', 'the shell that is to read it').choices([...shells]))
    .addHelpText(
      'after',
      '\nExamples:\n  streamside completion bash > ~/.local/share/bash-completion/completions/streamside\n' +
        '  streamside completion zsh > ~/.zfunc/_streamside          # with fpath+=~/.zfunc before compinit\n' +
        '  streamside completion fish > ~/.config/fish/completions/streamside.fish',
    )
    .action(async (shell: Shell) => {
      const { runCompletion } = await import('./completion.ts')
      done(runCompletion(shell, program))
    })
  program
    .command(namesCommand, { hidden: true })
    .argument('[kind]')
    .argument('[words...]')
    .action(async (kind: string | undefined, words: string[]) => {
      const { printNames } = await import('./completion.ts')
      done(await printNames(kind, words))
    })
  program
    .command('init')
    .description('write a first inventory: asks on a terminal, or takes flags')
    .option('-i, --inventory <path>', 'file to write (default: inventory.yaml)')
    .option('--site <name>', 'name of the site')
    .option('--user <name>', 'user to log in as')
    .option('--host <name=address>', 'a host; may be repeated', collect, [])
    .option(
      '--from <[name=][user@]host[:port]>',
      'a host that runs already: its services and their SQLite databases are looked at, and proposed as comments',
    )
    .option('--ssh-config <path>', 'an ssh_config to use instead of your own')
    .option('--accept-new', 'take the key of the host of --from when it is not known yet', false)
    .option('--dry-run', 'print the inventory, and write nothing', false)
    .option('--endpoint <url>', 'S3 endpoint with its scheme')
    .option('--region <name>', 'S3 region')
    .option('--bucket <name>', 'bucket of the replica')
    .option('--prefix <path>', 'prefix within the bucket')
    .option('--app <name>', 'a first app')
    .option('--release <path>', 'its release: a folder, an archive or one binary')
    .option('--command <words>', 'its command')
    .option('--packages <a,b>', 'Debian packages it needs, such as python3')
    .option('--port <number>', 'its port', port)
    .option('--database <path>', 'its database')
    .option('--health <url>', 'where it answers when it is healthy')
    .option('--force', 'replace an inventory that is there (the old one is kept beside it)', false)
    .addHelpText(
      'after',
      '\nExamples:\n  streamside init --host pi-attic=192.168.1.21\n  streamside init --from pi@192.168.1.21 --dry-run\n' +
        '  streamside init --from pi-attic=pi@192.168.1.21:2222 --bucket homeserver --endpoint https://nas.lan:9000',
    )
    .action(async (options: InitOptions) => {
      const { runInit } = await import('./init.ts')
      done(await runInit({ ...options, stopping }))
    })
}
