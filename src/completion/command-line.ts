import type { Command, Option } from 'commander'

/** The command line as a shell completes it: taken from the very definitions that parse it, so that the two never differ. */
export interface CommandLine {
  program: string
  /** Those that may stand before the command. */
  options: CompletedOption[]
  commands: CompletedCommand[]
}

export interface CompletedCommand {
  name: string
  description: string
  options: CompletedOption[]
  /** What its arguments are; `other` is left to the user. */
  arguments: ('app' | 'host' | 'other')[]
  /** The words that its first argument may be; empty when it is not one of a few. */
  words: string[]
}

export interface CompletedOption {
  long: string
  /** With its dash; null when it has none. */
  short: string | null
  description: string
  /** What follows it: nothing, a file, a name of the inventory (any, or an app's), or something only the user knows. */
  value: 'none' | 'file' | 'name' | 'app' | 'word' | 'other'
  /** With `word`: those that it may be. */
  words: string[]
}

/** Everything that `--help` shows, and nothing that it hides. */
export function commandLine(program: Command): CommandLine {
  const help = program.createHelp()
  return {
    program: program.name(),
    options: completedOptions(help.visibleOptions(program)),
    commands: help
      .visibleCommands(program)
      .filter((command) => command.name() !== 'help')
      .map((command) => ({
        name: command.name(),
        description: command.description(),
        options: completedOptions(help.visibleOptions(command), command.name()),
        arguments: command.registeredArguments.map((argument) =>
          argument.name() === 'app' ? 'app' : argument.name() === 'host' ? 'host' : 'other',
        ),
        words: command.registeredArguments[0]?.argChoices ?? [],
      })),
  }
}

function completedOptions(options: Option[], command = ''): CompletedOption[] {
  return options.flatMap((option) =>
    option.long === undefined || option.long === null
      ? []
      : [
          {
            long: option.long,
            short: option.short ?? null,
            description: option.description,
            ...valueOf(option, command),
          },
        ],
  )
}

const files = new Set(['--inventory', '--release', '--ssh-config'])

function valueOf(
  { long, required, optional, argChoices }: Option,
  command: string,
): Pick<CompletedOption, 'value' | 'words'> {
  if (!required && !optional) return { value: 'none', words: [] }
  if (argChoices) return { value: 'word', words: argChoices }
  if (long === '--limit') return { value: 'name', words: [] }
  // that of init is to get a name
  if (long === '--app' && command !== 'init') return { value: 'app', words: [] }
  return { value: files.has(long ?? '') ? 'file' : 'other', words: [] }
}

/**
 * What a shell runs for the names of an inventory: its kind (`host`, `app`, or `all` that --limit takes), `--`, and what stands on the
 * line, which may name the inventory. One a line, nothing when there is none.
 */
export const namesCommand = 'complete-names'
