import path from 'node:path'
import { type Case, caseId, casesOf, chance, type Fault, onBucket, onDisk } from './cases.ts'
import { createEvidence } from './evidence.ts'
import type { Violation } from './invariants.ts'
import type { Job } from './job.ts'
import { playCase } from './play.ts'
import { rehearse, type Rehearsed } from './rehearse.ts'
import { openStage, type Stage } from './stage.ts'
import { type Progress, readProgress, type Verdict, writeProgress } from './state.ts'

export interface CampaignOptions {
  seed: number
  jobs: readonly Job[]
  /** From the beginning on, rehearsals included; null: until all is done. */
  minutes: number | null
  cases: number | null
  /** So many even when the time is up: a busy machine must not make a sample of nothing. */
  least: number
  /** Only this boundary, only this fault: one case again. */
  at: string | null
  fault: Fault | null
  /** Go on where a campaign of this seed was left: with what has not gone well yet. */
  resume: boolean
  /** Folder of its progress, and of what is kept of cases that failed. */
  state: string
  /** Lab instance. */
  instance: string
  stopping: AbortSignal
}

export interface CampaignResult {
  tried: number
  missed: number
  violated: { case: Case; violations: Violation[]; evidence: string }[]
}

/** Plays cases until there are none left, time or number is up, or somebody wants it to stop. */
export async function campaign(options: CampaignOptions, say: (line: string) => void): Promise<CampaignResult> {
  const { seed, state } = options
  const began = performance.now()
  const progress: Progress = options.resume ? await readProgress(state, seed) : { seed, done: {} }
  const result: CampaignResult = { tried: 0, missed: 0, violated: [] }
  const stage = await openStage(options.instance, say)
  let longest = 0
  const enough = () => {
    const { minutes, least, cases, stopping } = options
    if (stopping.aborted || result.tried === cases) return true
    return minutes !== null && result.tried >= least && performance.now() - began + longest > minutes * 60_000
  }
  for await (const { rehearsed, each, number, total } of inTurn(stage, options, progress, enough, say)) {
    if (enough()) break
    const evidence = createEvidence()
    const before = performance.now()
    const verdict = await playCase(stage, rehearsed, each, seed, evidence)
    longest = Math.max(longest, performance.now() - before)
    progress.done[caseId(each)] = verdict
    await writeProgress(state, progress)
    result.tried += 1
    if (verdict.outcome === 'missed') result.missed += 1
    say(lineFor(seed, each, verdict, number, total))
    if (verdict.outcome !== 'violated') continue
    const folder = path.join(state, 'evidence', `seed-${seed}`, caseId(each).replaceAll(/[^A-Za-z0-9.#~-]+/g, '_'))
    await evidence.write(folder, { 'violations.json': JSON.stringify(verdict.violations, null, 2) })
    result.violated.push({ case: each, violations: verdict.violations, evidence: folder })
    for (const { rule, text } of verdict.violations) say(`    ${rule}: ${text.trim().replaceAll('\n', '\n      ')}`)
    say(`    kept in ${folder}`)
    say(`    again: ${again(seed, each)}`)
  }
  return result
}

/**
 * The jobs' cases in turn, so that a short sample has some of each: the first of each job, the second of each, … A job is
 * rehearsed when its first case comes.
 */
async function* inTurn(
  stage: Stage,
  options: CampaignOptions,
  progress: Progress,
  enough: () => boolean,
  say: (line: string) => void,
) {
  const { seed, at, fault } = options
  const jobs = [...options.jobs].sort((a, b) => chance(seed, 'job', a.name) - chance(seed, 'job', b.name))
  const left: { rehearsed: Rehearsed; cases: { each: Case; number: number }[]; total: number }[] = []
  for (const job of jobs) {
    // a rehearsal takes as long as a case
    if (enough()) return
    const rehearsed = await rehearse(stage, job, seed)
    const all = casesOf(seed, job.name, rehearsed.boundaries, job.disk === true ? onDisk : onBucket)
    const cases = all
      .map((each, index) => ({ each, number: index + 1 }))
      .filter(({ each }) => progress.done[caseId(each)]?.outcome !== 'ok')
      .filter(({ each }) => (at === null || each.boundary.id === at) && (fault === null || each.fault === fault))
    say(
      `${job.name}: ${rehearsed.boundaries.length} boundaries, ${all.length} cases, ${cases.length} of them to be tried`,
    )
    if (at !== null && cases.length === 0)
      say(`${job.name} has no boundary ${at}; it has ${rehearsed.boundaries.map(({ id }) => id).join(' ')}`)
    left.push({ rehearsed, cases, total: all.length })
    const [first] = cases.splice(0, 1)
    if (first !== undefined) yield { rehearsed, total: all.length, ...first }
  }
  while (left.some(({ cases }) => cases.length > 0))
    for (const { rehearsed, cases, total } of left) {
      const [first] = cases.splice(0, 1)
      if (first !== undefined) yield { rehearsed, total, ...first }
    }
}

function lineFor(seed: number, each: Case, verdict: Verdict, number: number, total: number): string {
  const { outcome, seconds, runs } = verdict
  const what = `seed ${seed} ${each.job} ${number}/${total} @ ${each.boundary.id} ${each.fault}`
  if (outcome === 'missed') return `${what} … the run never came to it, ${seconds.toFixed(0)} s`
  const more = `${runs} run${runs === 1 ? '' : 's'} more`
  return `${what} … ${outcome === 'ok' ? 'ok' : 'VIOLATED'} ${seconds.toFixed(0)} s, ${more}`
}

/** The command line that plays one case again. */
export const again = (seed: number, { job, boundary, fault }: Case): string =>
  `npm run campaign -- --seed ${seed} --job ${job} --at '${boundary.id}' --fault ${fault}`
