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

/**
 * Plays a job once, undisturbed: its step boundaries are the lines that it writes meanwhile.
 * @throws Error when it does not do what it should even so: then there is nothing to disturb
 */
export async function rehearse(stage: Stage, job: Job, seed: number): Promise<Rehearsed> {
  const start = await job.prepare(stage)
  await toStart(stage, job, start)
  const before = await filesOfAll(stage)
  const watch = watchRun(stage.hosts, () => {})
  const run = await stage.run([...job.command, '--json'], { onLine: (line) => watch.event(line) })
  watch.end()
  const wrong = checkEnd('the undisturbed run', run, false)
  const after = await filesOfAll(stage)
  wrong.push(...checkEnd('the undisturbed run again', await stage.run([...job.command, '--json']), true))
  if (wrong.length > 0) throw new Error(`${job.name}: ${wrong.map(({ text }) => text).join('\n')}`)
  const boundaries = boundariesOf(watch.marks, (id) => chance(seed, 'within', job.name, id))
  return { job, start, boundaries, before, after }
}
