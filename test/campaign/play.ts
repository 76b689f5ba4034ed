import { setTimeout as sleep } from 'node:timers/promises'
import { readRows, until, writeRow } from '../hosts/site.ts'
import { lineOf, type Mark } from './boundaries.ts'
import { awaySeconds, type Case } from './cases.ts'
import type { Evidence } from './evidence.ts'
import {
  checkConverged,
  checkEnd,
  checkFiles,
  checkOwner,
  checkRows,
  checkStatus,
  checkSuccess,
  checkWords,
  type Files,
  type Violation,
} from './invariants.ts'
import type { AppAtEnd, Job } from './job.ts'
import { lookAtBucket, lookAtDisk, lookAtFiles, lookAtStatus } from './look.ts'
import { type Rehearsed, toStart } from './rehearse.ts'
import { hostNamed, type Stage, type StageRun } from './stage.ts'
import type { Verdict } from './state.ts'
import { strike } from './strike.ts'
import { watchRun } from './watch.ts'

/** Runs after the disturbed one until it is given up: the promise is one. */
const mostRuns = 3

/** Plays a job from its start, disturbs it once, and looks at what becomes of it. */
export async function playCase(
  stage: Stage,
  rehearsed: Rehearsed,
  each: Case,
  seed: number,
  evidence: Evidence,
): Promise<Verdict> {
  const { job, start, before, between, after } = rehearsed
  const violations: Violation[] = []
  await toStart(stage, job, start)
  const began = performance.now()
  const { run: first, struck } = await disturbed(stage, job, each, seed, evidence)
  violations.push(...said(first), ...checkWords(first, each.fault))
  for (const host of stage.hosts) {
    const seen = await lookAtFiles(host)
    const of = (files: ReadonlyMap<string, Files>): Files => files.get(host.name) ?? new Map<string, string>()
    violations.push(...checkFiles(seen, of(before), of(after), of(between)))
  }
  violations.push(...(await explained(stage, job, evidence)))

  let runs = 0
  let next: StageRun
  do {
    next = await stage.run([...job.command, '--json'])
    runs += 1
    evidence.run(`next-${runs}`, next)
    violations.push(...said(next), ...checkWords(next, null))
    if (runs === 1) violations.push(...checkSuccess(first, next), ...checkEnd('the next run', next, false))
  } while (next.code !== 0 && runs < mostRuns)

  const quiet = await stage.run([...job.command, '--json'])
  evidence.run('quiet', quiet)
  violations.push(...checkEnd('the run after that', quiet, true))
  for (const host of stage.hosts)
    violations.push(...checkConverged(await lookAtFiles(host), after.get(host.name) ?? new Map()))
  for (const app of job.apps) violations.push(...(await served(stage, app)))
  for (const { app, holder } of job.owners) {
    const seen = await (job.disk === true ? lookAtDisk(stage, app) : lookAtBucket(stage, app))
    violations.push(...checkOwner(app, seen, holder))
  }
  violations.push(...(await explained(stage, job, evidence)))
  if (violations.length > 0) for (const host of stage.hosts) await evidence.host(host)
  return {
    outcome: violations.length > 0 ? 'violated' : struck ? 'ok' : 'missed',
    seconds: (performance.now() - began) / 1000,
    runs,
    violations,
  }
}

/** The run that something happens to, and what happens; comes back when both are over. */
async function disturbed(
  stage: Stage,
  job: Job,
  each: Case,
  seed: number,
  evidence: Evidence,
): Promise<{ run: StageRun; struck: boolean }> {
  const { boundary, fault } = each
  const host = boundary.host === null ? stage.hosts[0]! : hostNamed(stage, boundary.host)
  let pid = 0
  const befall = async () => {
    await sleep(boundary.afterMs)
    evidence.note(`${fault} at ${performance.now().toFixed(1)}`)
    await strike(fault, { stage, host, pid, seconds: awaySeconds(seed, each) })
    evidence.note(`${fault} over at ${performance.now().toFixed(1)}`)
  }
  const blows: Promise<void>[] = []
  const onMark = (mark: Mark) => {
    if (blows.length > 0 || mark.id !== lineOf(boundary) || mark.host !== boundary.host) return
    const blow = befall()
    // awaited below, when the run has ended: until then a failure must not end this process
    blow.catch(() => {})
    blows.push(blow)
  }
  const watch = watchRun(stage.hosts, onMark)
  const run = await stage.run([...job.command, '--json'], {
    onStart: (started) => {
      pid = started
    },
    onLine: (line) => watch.event(line),
  })
  watch.end()
  await Promise.all(blows)
  evidence.marks(watch.marks)
  evidence.run('disturbed', run)
  return { run, struck: blows.length > 0 }
}

const said = (run: StageRun): Violation[] =>
  run.hung ? [{ rule: 'hang', text: 'the run did not end, and was killed at its deadline' }] : []

/** Each app is up, or `status` says why it is not. */
async function explained(stage: Stage, job: Job, evidence: Evidence): Promise<Violation[]> {
  const found: Violation[] = []
  for (const name of new Set(job.apps.map(({ host }) => host))) {
    const { status, run } = await lookAtStatus(stage, name)
    evidence.run('status', run)
    const apps = job.apps.filter(({ host }) => host === name).map((app) => app.name)
    found.push(...said(run), ...checkStatus(status, apps))
  }
  return found
}

/** The app serves what it had, and takes something new. */
async function served(stage: Stage, app: AppAtEnd): Promise<Violation[]> {
  if (app.rows === null) return []
  const host = hostNamed(stage, app.host)
  const rows = await until(`${app.name} to answer`, 20, () => readRows(host, app.port).catch(() => null)).catch(
    () => null,
  )
  if (rows === null)
    return [{ rule: 'no-convergence', text: `${app.name} does not answer after a run that ended well` }]
  await writeRow(host, app.port, 'written after')
  return checkRows(app.name, [...app.rows, 'written after'], await readRows(host, app.port))
}
