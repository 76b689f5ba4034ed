import { unitOf } from '../inventory/model.ts'
import { nameToAccept } from './accepted.ts'
import type { AppFacts } from './app-status.ts'
import { shellWord } from '../templates/quote.ts'
import { obstacleWrong } from './obstacle.ts'
import { isClaimGone, isNew } from './protection.ts'
import type { AppStatus, DatabaseStatus, Wrong } from './status.ts'
import { yamlWord } from './yaml-word.ts'

type Told = Pick<Wrong, 'code' | 'text' | 'next'>

/**
 * What is wrong with how an app stands towards its replica. The timer's verdict says most: who holds the app, what has become of its
 * owner object, why the bucket cannot be read.
 * @param logs the command that shows the app's journal
 */
export function replicaWrong(status: AppStatus, facts: AppFacts, logs: string): Told[] {
  const { replica, reason, state } = status
  const { seen } = facts
  const { verdict } = seen
  const told: Told[] = []
  if (isClaimGone(seen)) {
    // one that does not run claims its files at its next start
    if (state === 'running') told.push(claimGone(status, facts))
  } else if (verdict !== null && verdict.do !== 'prove') {
    // the gate's own words for the same cause say more: what the app waits for
    if (reason?.code !== verdict.code) told.push({ code: verdict.code, text: verdict.text, next: verdict.next })
  }
  if (seen.obstacle !== null) told.push(obstacleWrong(seen.obstacle))
  if (replica === null) return told
  const named = ({ name, text }: DatabaseStatus) => (replica.databases.length > 1 ? `${name}: ${text}` : text)
  for (const each of replica.databases) {
    const code = each.finding?.wrong === true ? each.finding.code : null
    // the timer has told it, and more of it; the inventory that could accept an absent one has this app no more
    const isTold = code === 'place-lost' ? seen.alerts.some((alert) => alert.code === code) : facts.left !== null
    if (each.finding && code && !isTold) told.push({ code, text: named(each), next: nextOf(each, each.finding, facts) })
  }
  const plain = replica.databases.filter(
    ({ protection, finding }) => protection === replica.protection && finding === null,
  )
  if (plain.length === 0) return told
  const text = plain.map(named).join('; ')
  if (replica.protection === 'unprotected') told.push({ code: 'unprotected', text, next: `${logs}  says why` })
  if (replica.protection === 'unknown' && (verdict === null || verdict.do === 'prove') && seen.failed === null)
    told.push({ code: 'replica-unknown', text, next: nextOfUnknown(facts, logs) })
  return told
}

/** Found out by trying: provision has nothing to change then, and the gate takes the files for nobody's. */
function claimGone({ units }: AppStatus, { app, host }: AppFacts): Told {
  const restart = `streamside ssh ${host} sudo systemctl restart ${unitOf(app)}`
  const how =
    'its gate restores what the replica holds, and keeps the files here in .streamside-aside beside the database (provision alone changes nothing)'
  const streams = units.litestream?.active === 'active'
  return {
    code: 'claim-gone',
    text:
      `/var/lib/streamside/apps/${app.name}/claim is gone or empty, which says whose the files of ${app.name} here are: ` +
      'the two-minute look at the replica proves nothing any more, and would not stop the app when another host takes it over',
    next: streams
      ? `${restart}: ${how}`
      : `copy the databases elsewhere, for their newest rows may be here only; then  ${restart}: ${how}`,
  }
}

function nextOf(
  { name }: DatabaseStatus,
  { code, path }: NonNullable<DatabaseStatus['finding']>,
  { app, host, left }: AppFacts,
): string {
  const unit = unitOf(app)
  if (code === 'place-lost')
    return left === null
      ? `streamside provision --new-history ${app.name}: it goes on with the file here and every row in it; or put Litestream's folder back if it was moved ` +
          `away, and restart ${unit}. A restart alone puts the file into .streamside-aside beside the database, and restores what the replica holds`
      : `put Litestream's folder back if it was moved away; else copy the database first (on ${host}: sudo sqlite3 ${shellWord(path)} ".backup /root/${app.name}-${name}.db"): its newest rows are on this host only`
  if (left === null && app.databases[name] !== path)
    return `run streamside provision: the inventory has another place for it`
  const accept = left === null ? nameToAccept(app, name) : null
  return (
    `compare that with the files which ${unit} has open (on ${host}: sudo ls -l /proc/$(systemctl show -P MainPID ${unit})/fd), and mend the path in ` +
    `the inventory. When the app makes it later on, and only then` +
    (accept === null ? ', leave it out until it is there' : `:  unprotected: [${yamlWord(accept)}]  under ${app.name}`)
  )
}

function nextOfUnknown({ app, seen }: AppFacts, logs: string): string {
  const renamed = Object.keys(app.databases).some((name) => isNew(name, seen))
  return renamed ? 'run streamside provision' : `see ${logs}`
}
