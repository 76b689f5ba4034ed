import { posix } from 'node:path'
import type { Architecture } from '../inventory/model.ts'
import { nearest } from '../inventory/nearest.ts'
import { shown as plain } from '../inventory/show.ts'
import { Problem } from '../problem.ts'
import { isFor, machineName } from './elf.ts'
import type { PackedRelease } from './release.ts'
import { releaseProblem, resolveInRelease, shown, type ReleaseEntry } from './release-entry.ts'

/**
 * The entry that `path` (relative to the release folder, `./` allowed) leads to, links followed; null when there is none
 * or when it leads out.
 */
export function releaseHas(packed: Pick<PackedRelease, 'entries'>, path: string): ReleaseEntry | null {
  const byPath = new Map(packed.entries.map((entry) => [entry.path, entry]))
  try {
    const found = resolveInRelease(path, byPath, () => releaseProblem({ doing: '' }, '', ''))
    return byPath.get(found) ?? null
  } catch (error) {
    if (error instanceof Problem) return null
    throw error
  }
}

/** A command is a program of the release when it has a slash and is not absolute; else the host's PATH answers for it. */
function isInRelease(argv0: string): boolean {
  return argv0.includes('/') && !argv0.startsWith('/')
}

/** Why a release cannot be started by a command. */
export interface WrongProgram {
  code: 'command-not-in-release' | 'command-not-executable'
  found: string
  next: string
}

/** What is wrong with the program that a command names in a release, or null: it is there, as a file that can be executed. */
export function wrongProgram(packed: PackedRelease, command: readonly string[]): WrongProgram | null {
  const argv0 = command[0]
  if (argv0 === undefined || !isInRelease(argv0)) return null
  const entry = releaseHas(packed, argv0)
  if (entry?.type === 'file')
    return entry.mode === '0755'
      ? null
      : {
          code: 'command-not-executable',
          found: `${plain(entry.path)} is not executable in the release`,
          next: 'chmod +x it before the release is packed, or name its interpreter in command:',
        }
  const files = packed.entries.filter((other) => other.type === 'file').map((other) => other.path)
  const wanted = posix.normalize(argv0)
  const called = (name: string | undefined) => files.find((path) => posix.basename(path) === name)
  const name = posix.basename(wanted)
  const near =
    called(name) ??
    nearest(wanted, files) ??
    called(
      nearest(
        name,
        files.map((path) => posix.basename(path)),
      ),
    )
  return {
    code: 'command-not-in-release',
    found: near
      ? `the release has no ${plain(argv0)}; did you mean ./${plain(near)}?`
      : entry
        ? `${plain(entry.path)} is a folder in the release`
        : `the release has no ${plain(argv0)}; its files: ${files
            .slice(0, 5)
            .map((path) => plain(path))
            .join(', ')}${files.length > 5 ? ' …' : ''}`,
    next: 'a relative path starts at the release; correct command: or from: in the inventory',
  }
}

/**
 * Checks that a release holds the program its command names, as a file that can be executed.
 * Throws Problem `command-not-in-release` (saying where a file of that name lies instead) or `command-not-executable`.
 */
export function checkCommand(packed: PackedRelease, command: readonly string[]): void {
  const wrong = wrongProgram(packed, command)
  if (wrong !== null)
    throw new Problem({ doing: `checking the command ${shown(command[0] ?? '')} against ${packed.source}`, ...wrong })
}

/**
 * Checks that a release can run on hosts of an architecture. Refused: a command whose program is an ELF file for another
 * one; and, for a source that the inventory declares for that architecture (`declared`), a release whose ELF files are all
 * for others. A mixture passes: node_modules and wheels carry builds for several.
 * Throws Problem `wrong-architecture`.
 */
export function checkArchitecture(
  packed: PackedRelease,
  architecture: Architecture,
  argv0: string | undefined,
  options: { declared: boolean },
): void {
  const program = argv0 !== undefined && isInRelease(argv0) ? releaseHas(packed, argv0) : null
  if (program?.type === 'file' && program.machine !== null && !isFor(program.machine, architecture))
    throw wrong(packed, architecture, program.path, program.machine)
  if (!options.declared) return
  const programs = packed.entries.filter((entry) => entry.type === 'file').filter((entry) => entry.machine !== null)
  if (programs.some((entry) => entry.machine !== null && isFor(entry.machine, architecture))) return
  const first = programs[0]
  if (first && first.machine !== null) throw wrong(packed, architecture, first.path, first.machine)
}

function wrong(packed: PackedRelease, architecture: Architecture, path: string, machine: number): Problem {
  return new Problem({
    code: 'wrong-architecture',
    doing: `checking ${packed.source} for ${architecture} hosts`,
    found: `${path} is built for ${machineName(machine)}`,
    next: `build it for ${architecture}, or name a source per architecture: from: { ${architecture}: … }`,
  })
}
