import path from 'node:path'
import type { ChangeSummary } from './events.ts'

type Folded = Pick<ChangeSummary, 'kind' | 'name' | 'reason'> & { action: string }

/** Releases are called by their SHA-256: as git does, no more of it than tells them apart. `--json` has it whole. */
export function abbreviated(text: string): string {
  return text.replaceAll(/\b([0-9a-f]{12})[0-9a-f]{52}\b/g, '$1…')
}

/** The host's own programs are laid anew as a whole with each version: forty lines that nobody reads hide the ones that matter. */
export function withFolders<T extends Folded>(changes: readonly T[]): T[] {
  const folderOf = ({ action, kind, name, reason }: Folded) =>
    kind === 'program' && action !== 'update' ? JSON.stringify([action, reason, topFolder(name)]) : null
  const counts = new Map<string, number>()
  for (const folder of changes.map(folderOf)) if (folder !== null) counts.set(folder, (counts.get(folder) ?? 0) + 1)
  return changes.flatMap((change) => {
    const folder = folderOf(change)
    const count = folder === null ? undefined : counts.get(folder)
    if (folder === null || count === 1) return [change]
    counts.delete(folder)
    if (count === undefined) return []
    return [{ ...change, name: `${topFolder(change.name)}/`, reason: `${count} files: ${change.reason}` }]
  })
}

/** `…/programs-9bb99dcf7a36716c` of a program in that folder or deeper; else the folder that it is in. */
function topFolder(program: string): string {
  return /^.*?\/programs-[^/]*(?=\/)/.exec(program)?.[0] ?? path.dirname(program)
}
