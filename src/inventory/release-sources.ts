import type { AppEntry } from './entries.ts'
import type { Architecture, ReleaseSource } from './model.ts'
import { onOperator } from './paths.ts'
import type { SourceEntry } from './schema/release.ts'

/** One of the sources that `release.from` names. */
export interface NamedSource {
  source: SourceEntry
  /** Where it stands in the inventory. */
  at: readonly PropertyKey[]
  /** Null when it is for all. */
  architecture: Architecture | null
}

/** The sources of `release.from`: one for all, or one for each architecture. */
export function releaseSources(
  from: NonNullable<AppEntry['release']>['from'],
  at: readonly PropertyKey[],
): NamedSource[] {
  if (from === undefined) return []
  if (typeof from === 'string' || 'url' in from || 'path' in from) return [{ source: from, at, architecture: null }]
  return (['amd64', 'arm64', 'armhf'] as const).flatMap((architecture) => {
    const source = from[architecture]
    return source === undefined ? [] : [{ source, at: [...at, architecture], architecture }]
  })
}

/** A source as the rest of the program sees it, its path absolute. */
export function releaseSource(folder: string, value: SourceEntry): ReleaseSource {
  if (typeof value === 'string') return { kind: 'path', path: onOperator(folder, value) }
  if ('path' in value) return { kind: 'path', path: onOperator(folder, value.path) }
  return { kind: 'url', url: value.url, sha256: value.sha256 }
}
