import type { HostStatus } from '../../src/status/status.ts'
import { changesOf } from '../hosts/host-state.ts'
import { eventsOf, type Run } from '../hosts/site.ts'
import type { Fault } from './cases.ts'

/** Something that must never be, in the words that a person needs to look into it. */
export interface Violation {
  rule:
    | 'half-written'
    | 'gone'
    | 'unknown-file'
    | 'left-over'
    | 'down-without-reason'
    | 'rows-lost'
    | 'owner'
    | 'words'
    | 'false-success'
    | 'no-convergence'
    | 'hang'
  text: string
}

/** Path → what it is: mode, owner and sha256 of a file, or where a link leads. */
export type Files = ReadonlyMap<string, string>

/** Files of a host where streamside writes, and what a transaction keeps beside them while it is at work. */
export interface FilesSeen {
  files: Files
  /** Paths of transactions' own names beside targets: `.streamside-ID.N`. */
  temporary: readonly string[]
  /** Those that the transactions themselves have on record, and will take away. */
  staged: readonly string[]
  /** Payloads and the like that only a transaction under way may have. */
  working: readonly string[]
}

/**
 * No file but as it was before the job or as it is after it: never a third content, and none missing that is in both.
 * @param between what a file may be besides, while the job is at work
 */
export function checkFiles(
  seen: FilesSeen,
  before: Files,
  after: Files,
  between: Files = new Map<string, string>(),
): Violation[] {
  const found: Violation[] = []
  for (const [path, content] of seen.files) {
    const known = [before.get(path), after.get(path)]
    if (known.includes(content) || between.get(path) === content) continue
    if (known.every((each) => each === undefined))
      found.push({ rule: 'unknown-file', text: `${path} belongs to neither the state before nor the one after` })
    else
      found.push({
        rule: 'half-written',
        text: `${path} is ${content}; before: ${known[0] ?? 'not there'}, after: ${known[1] ?? 'not there'}`,
      })
  }
  for (const path of before.keys())
    if (after.has(path) && !seen.files.has(path))
      found.push({ rule: 'gone', text: `${path} is not there, and was before as it is after` })
  for (const path of seen.temporary)
    if (!seen.staged.includes(path))
      found.push({ rule: 'left-over', text: `${path} is on no transaction's record: nobody will take it away` })
  return found
}

/** After a run that has ended well everything is as after an undisturbed one, and nothing of the work is left. */
export function checkConverged(seen: FilesSeen, after: Files): Violation[] {
  const left = [...seen.temporary, ...seen.working].map((path): Violation => ({
    rule: 'left-over',
    text: `${path} is still there after a run that ended well`,
  }))
  return [...checkFiles(seen, after, after), ...left]
}

/** An app is either up, or `status` says why it is not and what to do. */
export function checkStatus(status: HostStatus | null, apps: readonly string[]): Violation[] {
  const unexplained = (text: string): Violation => ({ rule: 'down-without-reason', text })
  if (status === null) return [unexplained('status said nothing of the host')]
  return apps.flatMap((name) => {
    const app = status.apps.find((each) => each.app === name)
    if (app === undefined) return [unexplained(`status does not know ${name}`)]
    if (app.state === 'running') return []
    const { reason } = app
    if (reason === null || reason.text.trim() === '' || reason.next.trim() === '')
      return [unexplained(`${name} is ${app.state}, and status gives no reason with a next step`)]
    return app.wrong.some(({ text }) => text === reason.text)
      ? []
      : [unexplained(`${name} is ${app.state}, and that is not among what status says is wrong`)]
  })
}

/** Rows that the app had answered for, and the replica was known to hold, before anything happened. */
export function checkRows(app: string, kept: readonly string[], rows: readonly string[]): Violation[] {
  const lost = kept.filter((row) => !rows.includes(row))
  return lost.length === 0
    ? []
    : [{ rule: 'rows-lost', text: `${app} has lost ${JSON.stringify(lost)}; it has ${JSON.stringify(rows)}` }]
}

/** What the bucket holds of an app. */
export interface Bucket {
  keys: readonly string[]
  owner: { path: string; holder: { host: string } | null; past: readonly { path: string }[] } | null
}

/** One owner, the one it ought to be, and no data on a path that the owner object knows nothing of. */
export function checkOwner(app: string, bucket: Bucket, holder: string | null): Violation[] {
  const wrong = (text: string): Violation => ({ rule: 'owner', text: `${app}: ${text}` })
  if (bucket.owner === null) return [wrong('there is no owner object')]
  const { owner, keys } = bucket
  const found: Violation[] = []
  if ((owner.holder?.host ?? null) !== holder)
    found.push(wrong(`it is held by ${owner.holder?.host ?? 'nobody'}, and should be by ${holder ?? 'nobody'}`))
  const known = new Set([owner.path, ...owner.past.map(({ path }) => path)])
  const paths = new Set(keys.flatMap((key) => /\/(e\d{4,}-[0-9a-f]{8})\//.exec(key)?.[1] ?? []))
  for (const path of paths) if (!known.has(path)) found.push(wrong(`${path} holds data, and was never owned`))
  return found
}

const stackTrace = /^\s+at .+:\d+:\d+\)?$/m

/** A run says in words what went wrong and what to do; a bug's stack trace is neither. */
export function checkWords(run: Run, fault: Fault | null): Violation[] {
  const wrong = (text: string): Violation => ({ rule: 'words', text })
  const found: Violation[] = []
  if (stackTrace.test(run.stderr)) found.push(wrong(`a stack trace: ${run.stderr.trim().slice(0, 2000)}`))
  if (run.code === null)
    return fault === 'kill-orchestrator' ? found : [...found, wrong('it ended by a signal that nobody has sent')]
  const problems = eventsOf(run, 'problem').map(
    (event) => event['problem'] as { code: string; found: string; next: string; exit: number },
  )
  for (const { code, found: seen, next } of problems)
    if (seen.trim() === '' || next.trim() === '') found.push(wrong(`the problem ${code} has no text or no next step`))
  if (run.code === 0 && problems.length > 0)
    found.push(wrong(`exit 0 with a problem: ${problems.map(({ code }) => code).join(', ')}`))
  if (run.code !== 0 && problems.length === 0) found.push(wrong(`exit ${run.code} without a problem that says why`))
  if (run.code !== 0 && problems.length > 0 && !problems.some(({ exit }) => exit === run.code))
    found.push(wrong(`exit ${run.code}, and none of its problems asks for it`))
  return found
}

/** Who says 0 has done it all: the next run finds nothing to do. */
export function checkSuccess(first: Run, next: Run): Violation[] {
  if (first.code !== 0 || changesOf(next).length === 0) return []
  return [
    {
      rule: 'false-success',
      text: `the disturbed run ended with 0, and the next one still had: ${changesOf(next).join(', ')}`,
    },
  ]
}

/** A run that ought to end well, with everything done (`quiet`: and nothing to do). */
export function checkEnd(which: string, run: Run, quiet: boolean): Violation[] {
  const tail = `${run.stdout.trim().split('\n').slice(-3).join('\n')}\n${run.stderr.trim()}`
  if (run.code !== 0) return [{ rule: 'no-convergence', text: `${which} ended with ${run.code}:\n${tail}` }]
  if (quiet && changesOf(run).length > 0)
    return [{ rule: 'no-convergence', text: `${which} still had: ${changesOf(run).join(', ')}` }]
  return []
}
