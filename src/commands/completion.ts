import type { Command } from 'commander'
import { commandLine } from '../completion/command-line.ts'
import { completionScript, type Shell } from '../completion/scripts.ts'
import { namedInventory } from '../completion/named-inventory.ts'
import { findInventory } from '../inventory/find.ts'
import { inventoryNames } from '../inventory/load.ts'
import { exitCodes, type ExitCode, Problem } from '../problem.ts'

/** `streamside completion SHELL`: prints what makes the shell complete the command line. */
export function runCompletion(shell: Shell, program: Command): ExitCode {
  process.stdout.write(completionScript(shell, commandLine(program)))
  return exitCodes.done
}

/**
 * `streamside complete-names KIND [-- WORDS]`: what a shell asks while somebody types; WORDS: what stands on the line so far, for it
 * may name an inventory. One with mistakes gives the names that can be read; nothing is said of them, nor when there is none: a prompt
 * is no place for that.
 * @param kind host, app, or anything else for all that --limit takes
 */
export async function printNames(kind: string | undefined, words: string[]): Promise<ExitCode> {
  const place = (await namedInventory(words)) ?? (await findInventory(process.cwd()).catch(unlessProblem))
  if (place === null) return exitCodes.done
  const { hosts, apps, tags } = await inventoryNames(place)
  const names = kind === 'host' ? hosts : kind === 'app' ? apps : [...hosts, ...apps, ...tags]
  // bash expands what it is given to choose from: nothing but plain words
  const plain = names.filter((name) => /^@?[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name))
  process.stdout.write(plain.map((name) => `${name}\n`).join(''))
  return exitCodes.done
}

/** A bug is a bug at a prompt too. */
function unlessProblem(error: unknown): null {
  if (error instanceof Problem) return null
  throw error
}
