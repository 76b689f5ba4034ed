import { age, duration } from './duration.ts'
import type { EventData } from './event-data.ts'
import { harmlessLine } from './harmless.ts'
import { size } from './size.ts'

type Source = Extract<EventData, { type: 'restore-source' }>
type Restored = Extract<EventData, { type: 'restored' }>
type NewHistory = Extract<EventData, { type: 'new-history' }>
type Fetched = Extract<EventData, { type: 'fetched' }>

/** What `restore` will do about one app: a line for it, and one for each database. `now`: ms since the epoch. */
export function formatSource(event: Source, now: number): string {
  const { app, host, action, holder, epoch, path, discarded } = event
  const of = harmlessLine(`${host} ${app}`)
  if (action === 'here') return `${of}: nothing to restore, it is this machine's own`
  if (action === 'other') return `${of}: nothing to restore${epoch === null ? ', the replica has nothing of it' : ''}`
  const had = holder === null ? 'nobody holds it' : `held by ${holder.host}, machine ${holder.id.slice(0, 12)}…`
  if (path === null)
    return `${of}: ${harmlessLine(`taken over (${had}, epoch ${epoch}): nothing of it was ever uploaded, it begins anew`)}`
  const what =
    action === 'take-over'
      ? `taken over (${had}, epoch ${epoch})`
      : action === 'go-back'
        ? `goes back to a point (${had}, epoch ${epoch})`
        : action === 'to-file'
          ? `copied from its replica to this machine, nothing of it is changed (${had}, epoch ${epoch})`
          : 'its restore goes on'
  const points = (event.points ?? []).map(({ name, txid, writtenAt, next: after }) => {
    const next =
      after === null ? 'the newest there is' : `the next one is ${short(after.txid)}, uploaded ${utc(after.writtenAt)}`
    return `  ${harmlessLine(name)}  from ${path}: transaction ${short(txid)}, uploaded ${utc(writtenAt)} (${age((now - Date.parse(writtenAt)) / 1000)} ago); ${next}`
  })
  const younger =
    points.length === 0 || action === 'to-file'
      ? []
      : ['  what is younger stays in the replica, under the path that it was written to']
  const lines = event.databases.map((each) => `  ${harmlessLine(each.name)}  from ${path}: ${heldOf(each, now)}`)
  const aside = discarded.map(
    (name) => `  ${harmlessLine(name)}  what lies here is kept in .streamside-aside beside it`,
  )
  return [`${of}: ${harmlessLine(what)}`, ...points, ...lines, ...younger, ...aside].join('\n')
}

function heldOf({ proven, newest, writtenAt }: Source['databases'][number], now: number): string {
  const at = writtenAt === null ? '' : `, uploaded ${utc(writtenAt)} (${age((now - Date.parse(writtenAt)) / 1000)} ago)`
  const held = newest === null ? 'nothing that could be listed' : `up to transaction ${short(newest)}${at}`
  return `${held}${proven === null ? '' : `, proven up to ${short(proven)}`}`
}

/** What an app would go on with, and what it would leave in the replica. `now`: ms since the epoch. */
export function formatNewHistory({ host, app, path, files, databases }: NewHistory, now: number): string {
  const lines = files.map(({ name, txid, goesOn }) => {
    const held = databases.find((each) => each.name === name)
    const here = !goesOn
      ? 'no file here: it begins empty'
      : txid === null
        ? 'goes on with the file here'
        : `goes on with the file here, at transaction ${short(txid)}`
    const there =
      path === null
        ? '; the replica holds nothing of it: it was emptied, or is another one than before'
        : held === undefined
          ? ''
          : `; the replica, under ${path}: ${heldOf(held, now)}`
    return `  ${harmlessLine(name)}  ${here}${there}`
  })
  return [`${harmlessLine(`${host} ${app}`)}: begins a new history`, ...lines].join('\n')
}

/** What has come back. */
export function formatRestored({ host, app, epoch, path, databases, secondsToHealthy }: Restored): string {
  const up =
    secondsToHealthy === undefined ? '' : `, healthy ${duration(secondsToHealthy)} after the start of the command`
  const lines = databases.map(
    ({ name, txid, ageSeconds }) =>
      `  ${harmlessLine(name)}  restored to transaction ${short(txid)}` +
      (ageSeconds === null ? '' : `, which had been uploaded ${age(ageSeconds)} before this restore`),
  )
  return [`${harmlessLine(`${host} ${app}`)}: restored and proven, under ${path} (epoch ${epoch})${up}`, ...lines].join(
    '\n',
  )
}

/** A database that is on this machine now. */
export function formatFetched({ host, app, database, file, txid, bytes, sha256 }: Fetched): string {
  const at = txid === null ? '' : ` at transaction ${short(txid)}`
  return harmlessLine(
    `${host} ${app}: ${database}${at}, checked in full, is in ${file} (${size(bytes)}, sha256 ${sha256.slice(0, 16)}…)`,
  )
}

/** As `litestream ltx` and `status` print it, without the zeros that nobody reads. */
function short(txid: string): string {
  return txid.replace(/^0+(?=.)/, '')
}

function utc(iso: string): string {
  return `${iso.slice(0, 19).replace('T', ' ')} UTC`
}
