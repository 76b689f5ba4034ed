import type { Command } from 'commander'

/** The command line as a shell completes it: taken from the very definitions that parse it, so that the two never differ. */
export interface CommandLine {
  program: string
  commands: CompletedCommand[]
}

export interface CompletedCommand {
  name: string
  description: string
  options: CompletedOption[]
  /** What its arguments are; `other` is left to the user. */
  arguments: ('app' | 'host' | 'other')[]
}

export interface CompletedOption {
  long: string
  /** With its dash; null when it has none. */
  short: string | null
  description: string
  /** What follows it: nothing, a file, a name of the inventory, or something only the user knows. */
  value: 'none' | 'file' | 'name' | 'other'
}

/** Everything that `--help` shows, and nothing that it hides. */
export function commandLine(program: Command): CommandLine {
  const help = program.createHelp()
  return {
    program: program.name(),
    commands: help
      .visibleCommands(program)
      .filter((command) => command.name() !== 'help')
      .map((command) => ({
        name: command.name(),
        description: command.description(),
        options: help.visibleOptions(command).flatMap((option) =>
          option.long === undefined || option.long === null
            ? []
            : [
                {
                  long: option.long,
                  short: option.short ?? null,
                  description: option.description,
                  value: !option.required && !option.optional ? 'none' : valueOf(option.long),
                },
              ],
        ),
        arguments: command.registeredArguments.map((argument) =>
          argument.name() === 'app' ? 'app' : argument.name() === 'host' ? 'host' : 'other',
        ),
      })),
  }
}

const files = new Set(['--inventory', '--release', '--ssh-config'])

function valueOf(long: string): CompletedOption['value'] {
  if (long === '--limit') return 'name'
  return files.has(long) ? 'file' : 'other'
}

/** What a shell runs for the names of an inventory: one a line, nothing when there is none. */
export const namesCommand = 'completion names'
