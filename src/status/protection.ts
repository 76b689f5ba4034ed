import { duration } from '../report/duration.ts'
import { isAccepted } from './accepted.ts'
import type { LookedAt } from './left.ts'
import { obstacleText } from './obstacle.ts'
import type { Position, SeenApp } from './seen.ts'
import type { DatabaseStatus, Finding, Protection, ReplicaStatus } from './status.ts'

/** What is longer on its way than its sync interval and this, in seconds, is not on its way. */
const patienceSeconds = 60
/** An app may make its database at its first request; one that has run for so long, in seconds, may keep it elsewhere. */
const absentSeconds = 600
/** In a proof that did not hold (templates/host/decide/proof.jq): how far it is here and there, by Litestream's word or by what was proven. */
const proofSays =
  /: (?:Litestream has lost its place: )?at ([0-9a-f]{16}) here, (?:at|and) ([0-9a-f]{16}) (?:was proven to be )?in the replica$/

/** How the app's own unit runs, beside its Litestream. */
export interface Serving {
  serving: boolean
  upSeconds: number | null
}

const rank: Protection[] = ['unprotected', 'unknown', 'behind', 'protected']

/**
 * How an app's databases stand against the bucket: the remote maximum against the local id and its age (litestream.md, rule 14),
 * never what Litestream says of itself. Null for an app without databases.
 * @param running Litestream's unit runs
 * @param serving the app's own unit does, and for how long in seconds, when that is known
 */
export function protectionOf(
  app: LookedAt,
  seen: SeenApp,
  running: boolean,
  serving: Serving = { serving: false, upSeconds: null },
): ReplicaStatus | null {
  const names = Object.keys(app.databases)
  if (names.length === 0) return null
  const databases = names.map((name, index) => database(name, index, app, seen, { running, ...serving }))
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
  app: LookedAt,
  seen: SeenApp,
  { running, serving, upSeconds }: Serving & { running: boolean },
): DatabaseStatus {
  const { litestream } = app
  // the host tells of the databases that it was set up for, and in its own order
  const place = seen.remote.size === 0 ? index : [...seen.remote.keys()].indexOf(name)
  const first = seen.first[place]
  const last = seen.last[place] ?? first
  const path = seen.paths.get(name) ?? app.databases[name] ?? ''
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
    finding: null,
  })
  const found = (code: Finding['code'], protection: Protection, text: string, wrong = true): DatabaseStatus => ({
    ...judged(protection, text),
    finding: { code, wrong, path },
  })
  if (first === undefined || last === undefined || seen.owner === null || answer === undefined)
    return judged('unknown', `${notAsked(name, seen)}${isNew(name, seen) ? '' : lastProven(seen)}`)
  const ahead = aheadOf(name, last, remote, seen)
  if (ahead !== null)
    return serving
      ? found('place-lost', 'unprotected', `${ahead}, and what the app writes is on its way to nowhere`)
      : judged('unprotected', `${ahead}, or the files here are older`)
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
  if (first.bytes === null && last.bytes === null && remote === null) {
    if (seen.owner.body?.initialised.includes(name))
      return judged('unprotected', `there is no file ${path}, nor anything of it in the replica, which had it once`)
    if (serving && !isAccepted(app, name)) {
      const isLong = upSeconds !== null && upSeconds >= absentSeconds
      const long = upSeconds === null ? '' : ` for ${duration(upSeconds)}`
      const text = `there is no file ${path}${isLong ? '' : ' yet'}, and its app has run${long}`
      return found('database-absent', isLong ? 'unknown' : 'protected', text, isLong)
    }
  }
  if (first.bytes === null)
    return judged('protected', remote === null ? 'there is no database yet' : `no file here; the replica has it`)
  if (first.l0 === null)
    return remote === null
      ? judged('unprotected', 'nothing of it has ever been uploaded')
      : judged(
          'unknown',
          `at ${remote} in the replica, and Litestream has nothing here: it has not looked at the file yet, or its folder beside that was removed`,
        )
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

/**
 * Why Litestream is not where it was: the replica is ahead even of what lies here after it was asked, or was so at the timer's
 * last look, and nothing was written since. It has lost its place then, and counts anew beside what the replica holds.
 */
function aheadOf(name: string, last: Position, remote: string | null, { proof }: SeenApp): string | null {
  const says = (local: string, there: string) =>
    `at ${local} here, at ${there} in the replica, which is ahead: Litestream has lost its place ` +
    `(its folder beside the database was removed, or is an old one)`
  if (last.l0 !== null && remote !== null && remote > last.l0) return says(last.l0, remote)
  if (proof === null || proof.held || proof.time < (last.l0Time ?? 0)) return null
  for (const each of proof.text.split('; ')) {
    const [, local, there] = proofSays.exec(each) ?? []
    if (local === undefined || there === undefined || !each.startsWith(`${name}: `)) continue
    // What lies here may have come to that since: the timer asks Litestream while it writes.
    if (there > local && there > (last.l0 ?? '')) return says(local, there)
  }
  return null
}

function notAsked(name: string, seen: SeenApp): string {
  if (seen.failed !== null) return `the host's own programs could not answer: ${seen.failed}`
  if (seen.verdict === null) return 'no gate of this app is on the host'
  if (isClaimGone(seen)) return 'it was not asked, for nothing says whose the files here are'
  if (seen.verdict.text !== '') return seen.verdict.text
  if (isNew(name, seen))
    return `the host was set up for ${[...seen.remote.keys()].join(', ')}, and knows no database ${name} yet`
  return 'the host did not say how far its files are'
}

/** The inventory has given it a name that the host does not know yet. */
export function isNew(name: string, { remote }: Pick<SeenApp, 'remote'>): boolean {
  return remote.size > 0 && !remote.has(name)
}

/** What the gate writes down before an app may write: whose the files are, and under which path. The timer is idle without it. */
export function isClaimGone({ verdict }: Pick<SeenApp, 'verdict'>): boolean {
  return verdict?.code === 'no-claim'
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
