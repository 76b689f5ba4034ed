import type { Resource } from '../desired/resources.ts'
import type { Observed } from '../host/observed.ts'
import { Problem } from '../problem.ts'
import type { Change } from './change.ts'
import { compare } from './compare.ts'
import type { Manifest } from './manifest.ts'

type Compared = Exclude<Resource, { kind: 'unit' }>

/**
 * The changes of resources, and what stands in the way of others: that hides nothing but what lies below it, for a person who is
 * to mend a host wants to see it whole.
 */
export function compareAll(
  resources: readonly Compared[],
  observed: Observed,
  host: string,
  recorded: Manifest,
): { compared: [Compared, Change][]; refused: Problem[] } {
  const refused: Problem[] = []
  const taken: string[] = []
  const compared: [Compared, Change][] = []
  for (const resource of resources) {
    const path = 'path' in resource ? resource.path : null
    if (path !== null && taken.some((above) => path.startsWith(`${above}/`))) continue
    const outcome = unlessRefused(() => compare(resource, observed, host, recorded))
    if (outcome instanceof Problem) {
      refused.push(outcome)
      if (path !== null) taken.push(path)
    } else if (outcome !== null) compared.push([resource, outcome])
  }
  return { compared, refused }
}

/** What `work` comes to, or the Problem that it throws. */
export function unlessRefused<T>(work: () => T): T | Problem {
  try {
    return work()
  } catch (error) {
    if (error instanceof Problem) return error
    throw error
  }
}
