import { expect } from 'vitest'
import type { ProblemData } from '../../src/report/event-data.ts'
import { formatProblem } from '../../src/report/format-problem.ts'
import { type LabHost, shellInHost } from '../lab/index.ts'
import { changesOf, leftovers, mainPid } from './host-state.ts'
import { eventsOf, type Run, type Site } from './site.ts'

/** A site with one host and the app `pages` on it, and a fault to meet. */
export interface Faulty {
  lab: Site
  host: LabHost
}

/** What a fault is told as. */
export interface Told {
  code: string
  exit: number
  found: RegExp
  next: RegExp
  /** What the problem is about; default: the host. */
  doing?: RegExp
}

/** Everything that a transaction may change and the app's process; folders without their times, which a look beside does not keep. */
async function inPlace({ host }: Faulty): Promise<string> {
  const places =
    '/etc/streamside /etc/systemd/system /opt /usr/local/lib/streamside /var/lib/streamside/manifest /var/lib/streamside/signatures'
  const files = await shellInHost(
    host,
    `find ${places} -type d -printf '%p %m %U:%G\\n' -o -printf '%p %y %m %U:%G %s %l %T@\\n' | sort; getent passwd | sort`,
  )
  return `${files}${await mainPid(host, 'pages.service')}`
}

function problemsOf(run: Run): ProblemData[] {
  return eventsOf(run, 'problem').map((event) => event['problem'] as ProblemData)
}

/** Nobody is to read where in the program something was thrown, nor more than a screen of somebody else's words. */
function expectReadable(run: Run, problem: ProblemData): void {
  expect(`${run.stdout}${run.stderr}`).not.toMatch(/\bat \S+ \(?\S+:\d+:\d+/)
  const lines = formatProblem(problem, { columns: 80, color: false }).split('\n')
  expect(lines.length, lines.join('\n')).toBeLessThan(18)
}

/**
 * A run meets the fault: one problem that says where, what and what next, with its exit code, and everything that was in place
 * before still is, the app's process included.
 * @param commands `plan` where a look tells it already; then both say the same
 */
export async function refuses(faulty: Faulty, told: Told, commands = ['provision']): Promise<void> {
  const before = await inPlace(faulty)
  for (const command of commands) {
    const run = await faulty.lab.run([command, '--json', '--accept-new'])
    expect(run.code, `${run.stdout}${run.stderr}`).toBe(told.exit)
    expect(problemsOf(run)).toEqual([
      expect.objectContaining({
        code: told.code,
        exit: told.exit,
        doing: expect.stringMatching(told.doing ?? new RegExp(faulty.host.name)),
        found: expect.stringMatching(told.found),
        next: expect.stringMatching(told.next),
        host: faulty.host.name,
      }),
    ])
    for (const problem of problemsOf(run)) expectReadable(run, problem)
    expect(eventsOf(run, 'run-finished')).toEqual([expect.objectContaining({ exit: told.exit })])
  }
  expect(await inPlace(faulty)).toBe(before)
  expect(await leftovers(faulty.host)).toEqual([])
}

/** The fault is gone: the next run does what was to be done, and the one after finds nothing to do. */
export async function converges({ lab }: Faulty): Promise<Run> {
  const run = await lab.provision()
  const again = await lab.provision()
  expect(changesOf(again)).toEqual([])
  expect(eventsOf(again, 'host-done')).toEqual([expect.objectContaining({ outcome: 'unchanged', execs: 1 })])
  return run
}
