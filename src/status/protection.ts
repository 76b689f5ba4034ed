import { duration } from '../report/duration.ts'
import type { LookedAt } from './left.ts'
import { obstacleText } from './obstacle.ts'
import type { Position, SeenApp } from './seen.ts'
import type { DatabaseStatus, Protection, ReplicaStatus } from './status.ts'

/** What is longer on its way than its sync interval and this, in seconds, is not on its way. */
const patienceSeconds = 60

const rank: Protection[] = ['unprotected', 'unknown', 'behind', 'protected']

/**
 * How an app's databases stand against the bucket: the remote maximum against the local id and its age (litestream.md, rule 14),
 * never what Litestream says of itself. Null for an app without databases.
 * @param running Litestream's unit runs
 * @param serving the app's own unit does
 */
export function protectionOf(
  app: Pick<LookedAt, 'databases' | 'litestream'>,
  seen: SeenApp,
  running: boolean,
  serving = false,
): ReplicaStatus | null {
  const names = Object.keys(app.databases)
  if (names.length === 0) return null
  const databases = names.map((name, index) => database(name, index, app, seen, { running, serving }))
  const worst =
    rank.map((protection) => databases.find((each) => each.protection === protection)).find((each) => each) ?? null
  const times = (values: (number | null)[]) => values.filter((value) => value !== null)
  const uploads = times(databases.map((each) => each.lastUpload))
  const since = times(databases.map((each) => each.since))
  return {
    protection: worst?.protection ?? 'unknown',
    text: databases
      .filter((each) => each.protection === worst?.protection)
      .map((each) => (names.length > 1 ? `${each.name}: ${each.text}` : each.text))
      .join('; '),
    since: since.length > 0 ? Math.min(...since) : null,
    lastUpload: uploads.length > 0 ? Math.max(...uploads) : null,
    lastProof: seen.proof?.held === true ? seen.proof.time : null,
    databases,
  }
}

function database(
  name: string,
  index: number,
  { litestream }: Pick<LookedAt, 'litestream'>,
  seen: SeenApp,
  { running, serving }: { running: boolean; serving: boolean },
): DatabaseStatus {
  const first = seen.first[index]
  const last = seen.last[index] ?? first
  const answer = seen.remote.get(name)
  const remote = answer === undefined || 'error' in answer ? null : answer.max
  const sent = answer === undefined || 'error' in answer || answer.sent === null ? null : Date.parse(answer.sent) / 1000
  const common = {
    name,
    local: last?.l0 ?? null,
    remote,
    lastUpload: sent !== null && Number.isFinite(sent) ? Math.floor(sent) : null,
    bytes: last?.bytes ?? null,
  }
  const judged = (protection: Protection, text: string, since: number | null = null): DatabaseStatus => ({
    ...common,
    protection,
    text,
    since,
  })
  if (first === undefined || last === undefined || seen.owner === null || answer === undefined)
    return judged('unknown', `${notAsked(seen)}${lastProven(seen)}`)
  if ('error' in answer) return judged('unknown', `the replica could not be asked: ${answer.error}${lastProven(seen)}`)
  if (first.unread || last.unread)
    return judged(
      'unknown',
      `the files here cannot be read by the app's user: what they hold beside the replica is not known`,
    )
  // Connections that are open still write on, to what nobody finds any more.
  if (first.bytes === null && last.bytes === null && remote !== null && serving)
    return judged(
      'unprotected',
      'its file is gone under the running app: what that writes is in no file, and in no replica (the replica has what was there before)',
    )
  if (first.bytes === null)
    return judged('protected', remote === null ? 'there is no database yet' : `no file here; the replica has it`)
  if (first.l0 === null)
    return remote === null
      ? judged('unprotected', 'nothing of it has ever been uploaded')
      : judged('unknown', 'Litestream has not looked at the file here yet')
  if (remote !== null && (remote > first.l0 || (remote === first.l0 && first.pending === false)))
    return judged('protected', `at ${remote}`)
  if (remote === first.l0 && first.pending === null)
    return judged(
      'unknown',
      `the replica is at ${remote}; its WAL is gone, and so is what would tell whether that is all`,
    )
  const since = oldestWaiting(last, remote, seen)
  const seconds = Math.max(0, seen.owner.askedAt - (since ?? seen.owner.askedAt))
  const cause = seen.obstacle === null ? '' : `; ${obstacleText(seen.obstacle)}`
  const gap =
    remote !== first.l0
      ? `at ${first.l0} here, at ${remote ?? 'nothing'} in the replica${cause}`
      : `rows after ${remote} are here only${cause}`
  // what nothing can be written to is not about to catch up
  if (running && seen.obstacle === null && seconds <= patienceSeconds + litestream.syncIntervalSeconds)
    return judged('behind', `${duration(seconds)} behind: ${gap}`, since)
  const when = since === null ? '' : ` since ${utc(since)} (${duration(seconds)})`
  return judged('unprotected', `unprotected${when}: ${gap}${running ? '' : ', and Litestream does not run'}`, since)
}

/**
 * Epoch s. A transaction file that the bucket lacks has its own time; frames of the WAL that are in none came after the last of
 * them, and after the last proof that everything was there.
 */
function oldestWaiting(last: Position, remote: string | null, seen: SeenApp): number | null {
  if (last.l0 !== null && (remote === null || remote < last.l0)) return last.unsent ?? last.l0Time
  const proven = seen.proof?.held === true ? seen.proof.time : 0
  const since = Math.max(last.l0Time ?? 0, proven)
  return since > 0 ? since : null
}

function notAsked(seen: SeenApp): string {
  if (seen.failed !== null) return `the host's own programs could not answer: ${seen.failed}`
  if (seen.verdict === null) return 'no gate of this app is on the host'
  return seen.verdict.text || seen.verdict.code
}

function lastProven(seen: SeenApp): string {
  if (seen.unprovenSince !== null) return `; not proven since ${utc(seen.unprovenSince)}`
  return seen.proof?.held === true ? `; last proven to hold everything ${utc(seen.proof.time)}` : ''
}

/** `2026-11-21 11:20:03 UTC` of epoch seconds. */
export function utc(seconds: number): string {
  const date = new Date(seconds * 1000)
  return Number.isNaN(date.getTime()) ? 'an unknown time' : `${date.toISOString().slice(0, 19).replace('T', ' ')} UTC`
}
