import { readFileSync } from 'node:fs'
import path from 'node:path'
import { sha256 } from '../../src/desired/runs-from.ts'
import { manifestPath, readManifest } from '../../src/plan/manifest.ts'
import { whileRenaming } from '../../src/plan/renames.ts'
import { rootOf, shellInHost } from '../lab/index.ts'
import { type Boundary, boundariesOf } from './boundaries.ts'
import { chance } from './cases.ts'
import { checkEnd, type Files } from './invariants.ts'
import type { Job } from './job.ts'
import { lookAtFiles } from './look.ts'
import { hostNamed, type Moment, type Stage, unitsUp } from './stage.ts'
import { watchRun } from './watch.ts'

/** A job as it is when nobody disturbs it. */
export interface Rehearsed {
  job: Job
  start: Moment
  boundaries: Boundary[]
  /** Files of each host before and after. */
  before: Map<string, Files>
  after: Map<string, Files>
  /** Those that are neither for a while. */
  between: Map<string, Files>
}

/** Puts the hosts into a job's start state, at rest, with the inventory that it works from. */
export async function toStart(stage: Stage, job: Job, start: Moment): Promise<void> {
  await stage.backTo(start)
  for (const { host, units } of job.upAtStart) await unitsUp(hostNamed(stage, host), units)
  await job.aim(stage)
}

async function filesOfAll(stage: Stage): Promise<Map<string, Files>> {
  const files = new Map<string, Files>()
  for (const host of stage.hosts) files.set(host.name, (await lookAtFiles(host)).files)
  return files
}

async function manifestsOfAll(stage: Stage): Promise<Map<string, string>> {
  const manifests = new Map<string, string>()
  for (const host of stage.hosts)
    manifests.set(host.name, await shellInHost(host, 'cat "$1" 2>/dev/null || :', [manifestPath]))
  return manifests
}

/** The host's record as it is while apps get other names, from before the first part of that to its end. */
function recordsBetween(
  renames: NonNullable<Job['renames']>,
  before: ReadonlyMap<string, Files>,
  recorded: ReadonlyMap<string, string>,
  next: ReadonlyMap<string, string>,
): Map<string, Files> {
  const between = new Map<string, Files>()
  for (const [host, text] of recorded) {
    const [rights] =
      before
        .get(host)
        ?.get(manifestPath)
        ?.match(/^.*(?= [0-9a-f]{64}$)/) ?? []
    const steps = renames.map((each) => ({ ...each, source: each.from, halves: [] }))
    const record = JSON.stringify(whileRenaming(readManifest(text), steps, readManifest(next.get(host) ?? null)))
    between.set(host, new Map([[manifestPath, `${rights} ${sha256(record)}`]]))
  }
  return between
}

/** The hosts' records as a transaction leaves them after which another one follows in the same run. */
function recordsOnTheWay(
  ends: ReadonlyMap<string, readonly string[]>,
  after: ReadonlyMap<string, Files>,
): Map<string, Files> {
  const between = new Map<string, Files>()
  for (const [host, texts] of ends) {
    const last = after.get(host)?.get(manifestPath) ?? ''
    for (const text of texts) {
      const record = last.replace(/[0-9a-f]{64}$/, sha256(text))
      if (record !== last) between.set(host, new Map([[manifestPath, record]]))
    }
  }
  return between
}

/**
 * Plays a job once, undisturbed: its step boundaries are the lines that it writes meanwhile.
 * @throws Error when it does not do what it should even so: then there is nothing to disturb
 */
export async function rehearse(stage: Stage, job: Job, seed: number): Promise<Rehearsed> {
  const start = await job.prepare(stage)
  await toStart(stage, job, start)
  const before = await filesOfAll(stage)
  const recorded = await manifestsOfAll(stage)
  const ends = new Map<string, string[]>()
  const watch = watchRun(stage.hosts, ({ id, host }) => {
    if (host === null || !/^apply:end(#|$)/.test(id)) return
    const record = readFileSync(path.join(rootOf(hostNamed(stage, host)), manifestPath), 'utf8')
    ends.set(host, [...(ends.get(host) ?? []), record])
  })
  const run = await stage.run([...job.command, '--json'], { onLine: (line) => watch.event(line) })
  watch.end()
  const wrong = checkEnd('the undisturbed run', run, false)
  const after = await filesOfAll(stage)
  const between =
    job.renames === undefined
      ? recordsOnTheWay(ends, after)
      : recordsBetween(job.renames, before, recorded, await manifestsOfAll(stage))
  wrong.push(...checkEnd('the undisturbed run again', await stage.run([...job.command, '--json']), true))
  if (wrong.length > 0) throw new Error(`${job.name}: ${wrong.map(({ text }) => text).join('\n')}`)
  const boundaries = boundariesOf(watch.marks, (id) => chance(seed, 'within', job.name, id))
  return { job, start, boundaries, before, between, after }
}
