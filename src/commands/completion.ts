import type { Command } from 'commander'
import { commandLine } from '../completion/command-line.ts'
import { completionScript, type Shell } from '../completion/scripts.ts'
import { findInventory } from '../inventory/find.ts'
import { loadInventory } from '../inventory/load.ts'
import { exitCodes, type ExitCode } from '../problem.ts'

/** `streamside completion SHELL`: prints what makes the shell complete the command line. */
export function runCompletion(shell: Shell, program: Command): ExitCode {
  process.stdout.write(completionScript(shell, commandLine(program)))
  return exitCodes.done
}

/**
 * `streamside complete-names [KIND]`: what a shell asks while somebody types. Silent when there is no inventory or it has
 * mistakes: a prompt is no place to be told of them.
 */
export async function printNames(kind: string | undefined): Promise<ExitCode> {
  const loaded = await findInventory(process.cwd())
    .then((found) => loadInventory(found, { skipSecrets: true, skipLocalFiles: true }))
    .catch(() => null)
  if (loaded === null) return exitCodes.done
  const { hosts, apps } = loaded.inventory
  const tags = [...new Set(Object.values(hosts).flatMap((host) => host.tags))].map((tag) => `@${tag}`)
  const names =
    kind === 'host'
      ? Object.keys(hosts)
      : kind === 'app'
        ? Object.keys(apps)
        : [...Object.keys(hosts), ...Object.keys(apps), ...tags]
  // bash expands what it is given to choose from: nothing but plain words
  const plain = names.filter((name) => /^@?[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name))
  process.stdout.write(plain.map((name) => `${name}\n`).join(''))
  return exitCodes.done
}
