import { runSchedule, type Outcome } from './schedule.ts'
import type { Verdicts } from './verdicts.ts'
import type { Ablation } from './ablations.ts'

export interface Found {
  schedules: number
  starts: number
  decided: Map<string, number>
  /** The first by seed of those that were seen to break an invariant. */
  failed: Outcome | null
}

export interface Search {
  seed: number
  schedules: number
  ablation?: Ablation | null
  faults?: readonly string[] | undefined
  /** Schedules side by side. */
  lanes?: number
  /** Milliseconds; none when absent. */
  limit?: number
}

/** Runs schedules side by side, so that their questions go to the judge together, until one fails or all are done. */
export async function runMany(verdicts: Verdicts, search: Search): Promise<Found> {
  const found: Found = { schedules: 0, starts: 0, decided: new Map(), failed: null }
  const failures: Outcome[] = []
  const end = search.limit === undefined ? Infinity : performance.now() + search.limit
  let next = search.seed
  const last = search.seed + search.schedules
  async function lane(): Promise<void> {
    while (next < last && failures.length === 0 && performance.now() < end) {
      const seed = next
      next += 1
      const outcome = await runSchedule(seed, verdicts, {
        ablation: search.ablation ?? null,
        faults: search.faults,
        stopped: () => failures.length > 0,
      }).catch((error: unknown) => {
        throw new Error(`seed ${seed}`, { cause: error })
      })
      found.schedules += 1
      found.starts += outcome.starts
      for (const [key, count] of outcome.decided) found.decided.set(key, (found.decided.get(key) ?? 0) + count)
      if (outcome.violation !== null) failures.push(outcome)
    }
  }
  await Promise.all(Array.from({ length: search.lanes ?? 64 }, lane))
  found.failed = failures.sort((one, other) => one.seed - other.seed)[0] ?? null
  return found
}
