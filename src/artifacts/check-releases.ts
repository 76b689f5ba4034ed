import { join } from 'node:path'
import type { Architecture, ReleaseSource } from '../inventory/model.ts'
import { releaseSource, releaseSources } from '../inventory/release-sources.ts'
import { type Draft, type DraftCheck, mistake } from '../inventory/reading.ts'
import { Problem } from '../problem.ts'
import { exists } from './cache.ts'
import { packRelease, type PackedRelease } from './release.ts'
import { checkArchitecture, wrongProgram } from './release-command.ts'

/**
 * Looks into the apps' releases as plan does: that they can be packed, that they hold the program of the command, and that
 * a release for an architecture is one. A download that is not in the cache yet is left alone.
 */
export function checkReleases(cacheDirectory: string): DraftCheck {
  return async (draft) => {
    for (const [name, app] of draft.entries.apps) {
      const command = app.release?.command
      const at = ['apps', name, 'release']
      for (const each of releaseSources(app.release?.from, [...at, 'from'])) {
        const packed = await pack(draft, releaseSource(draft.folder, each.source), cacheDirectory, each.at)
        if (packed === null || command === undefined) continue
        const wrong = wrongProgram(packed, command)
        if (wrong !== null) mistake(draft, [...at, 'command'], wrong.found, wrong.next)
        else if (each.architecture !== null)
          noteWrong(draft, each.at, () =>
            checkArchitecture(packed, each.architecture as Architecture, command[0], { declared: true }),
          )
      }
    }
  }
}

async function pack(
  draft: Draft,
  source: ReleaseSource,
  cacheDirectory: string,
  at: readonly PropertyKey[],
): Promise<PackedRelease | null> {
  if (source.kind === 'url' && !(await exists(join(cacheDirectory, 'releases', 'downloads', source.sha256))))
    return null
  try {
    return await packRelease(source, { cacheDirectory })
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    // The check of local files has said so.
    if (error.code !== 'release-missing') mistake(draft, at, error.found, error.next)
    return null
  }
}

function noteWrong(draft: Draft, at: readonly PropertyKey[], check: () => void): void {
  try {
    check()
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    mistake(draft, at, error.found, error.next)
  }
}
