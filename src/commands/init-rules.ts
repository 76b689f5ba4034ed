import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { interpreterPackage } from '../artifacts/interpreter.ts'
import { packRelease, type PackedRelease } from '../artifacts/release.ts'
import { releaseHas, wrongProgram } from '../artifacts/release-command.ts'
import { wrongCommand } from '../desired/command.ts'
import { appShape } from '../inventory/schema/app.ts'
import { isWithin, onOperator } from '../inventory/paths.ts'
import { command as commandSchema } from '../inventory/schema/words.ts'
import { Problem } from '../problem.ts'

/** What `check` would refuse in a release and its command, said at the question, where it can be answered again. */

export interface Rule {
  safeParse(value: unknown): { success: boolean; error?: { issues: { message: string }[] } }
}

/** The first reason of a schema against an answer, or null. */
export function byRule(rule: Rule): (answer: unknown) => string | null {
  return (answer) => {
    const read = rule.safeParse(answer)
    return read.success ? null : (read.error?.issues[0]?.message.split('\n')[0] ?? 'not valid')
  }
}

/** Packs what was answered as a release; a reason when that cannot be one. `folder` is the inventory's. */
export async function readRelease(
  answer: string,
  folder: string,
  cacheDirectory: string,
): Promise<PackedRelease | string> {
  if (answer === '') return 'an answer is needed'
  if (/^[a-z]+:\/\//i.test(answer))
    return 'a download needs its checksum: name what is on this machine, and write { url: …, sha256: … } afterwards'
  const path = onOperator(folder, answer)
  if ((await stat(path).catch(() => null)) === null) return `there is no ${path} on this machine`
  if (isWithin(folder, path)) return `${path} holds the inventory itself, with its secrets`
  try {
    return await packRelease({ kind: 'path', path }, { cacheDirectory })
  } catch (error) {
    if (error instanceof Problem) return `${error.found}: ${error.next}`
    throw error
  }
}

/** Why a command cannot start this app from this release, or null. */
export function wrongStart(app: string, answer: string, packed: PackedRelease): string | null {
  const unreadable = byRule(commandSchema())(answer)
  if (unreadable !== null) return unreadable
  const words = commandSchema().parse(answer)
  const wrong = wrongProgram(packed, words) ?? wrongCommand(app, words)
  return wrong === null ? null : `${wrong.found}: ${wrong.next}`
}

/** The packages that a release's program needs to be run at all; none for what lies in an archive, which is not looked into. */
export async function proposedPackages(answer: string, folder: string, command: string, packed: PackedRelease) {
  const path = onOperator(folder, answer)
  const program = releaseHas(packed, commandSchema().parse(command)[0] ?? '')
  if (program?.type !== 'file' || program.machine !== null) return []
  const isFolder = (await stat(path)).isDirectory()
  const needed = await interpreterPackage(isFolder ? join(path, program.path) : path)
  return needed === null ? [] : [needed]
}

/** `a, b c` as names. */
export function splitPackages(text: string): string[] {
  return text.split(/[\s,]+/).filter(Boolean)
}

/** Why these cannot be names of packages, or null. */
export function wrongPackages(text: string): string | null {
  const read = appShape.packages.safeParse(splitPackages(text))
  return read.success ? null : (read.error.issues[0]?.message ?? 'not valid')
}
