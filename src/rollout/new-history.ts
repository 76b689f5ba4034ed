import { appsOn } from '../desired/host-state.ts'
import type { SshConnection } from '../host/connection.ts'
import type { App, Host } from '../inventory/model.ts'
import { readManifest } from '../plan/manifest.ts'
import { concerning, exitCodes, Problem, worstExit } from '../problem.ts'
import { ensureOwner, type EnsureOwner, readOwner } from '../replica/ensure.ts'
import type { BeginningAnew } from '../replica/new-history.ts'
import type { Owner } from '../replica/owner.ts'
import { type Upload, uploadsUnder } from '../replica/uploads.ts'
import { locked } from './apply-problems.ts'
import { carryOut } from './carry-out.ts'
import type { RunContext } from './context.ts'
import { type FileHere, filesHere } from './files-here.ts'
import type { HostResult, Spent } from './fleet.ts'
import { haltsOf } from './halts.ts'
import { heldAnywhere, isGivenUp, sourceOfData } from './held-in-replica.ts'
import { inAll, provisionHost } from './host-provision.ts'
import type { Line } from './line.ts'
import { lookAt, type Looked, openHost } from './look.ts'
import {
  emptyOverReplica,
  newHistoryQuestion,
  stoppedMeanwhile,
  unusableFile,
  whileLater,
  whileRenamed,
} from './new-history-problems.ts'
import { ownerChange, ownerRequests } from './owners.ts'

/** What of a new history the operator has said on the command line. */
export interface NewHistoryOrder {
  app: App
  dryRun: boolean
  /** Do not ask. */
  yes: boolean
  /** `keep`: the files here are chosen, whoever holds the app. */
  keeps?: boolean
}

/** What an app would begin anew from, and what it would leave. */
export interface Found {
  owner: Owner | null
  files: ReadonlyMap<string, FileHere>
  uploads: Upload[]
  anew: BeginningAnew
  /** Another machine holds it, and is fenced off. */
  fenced: Owner['holder']
}

/**
 * An app goes on with the files of its host, under a new path (ownership.md, `--new-history`): for a replica that is lost, damaged or
 * has gone back. It is stopped with its Litestream, so that nothing goes to the old path after its end was written down, and claimed
 * anew; then the host is provisioned, and its gate takes the files up and proves them before the app starts. Cut off before the claim,
 * a plain provision starts the app as it was; after it, provision goes on.
 * @throws Problem `not-confirmed`, `anew-*`, and those of provision
 */
export async function beginAnew(
  context: RunContext,
  host: Host,
  spent: Spent,
  order: NewHistoryOrder,
): Promise<HostResult> {
  const lines: SshConnection[] = []
  const open = async () => {
    const opened = await openHost(context, host)
    lines.push(opened)
    spent(opened)
    return opened
  }
  const parts: HostResult[] = []
  try {
    parts.push(...(await ordered(context, host, { connection: await open(), open }, order)))
  } catch (error) {
    throw error instanceof Problem ? concerning(error, host.name, order.app.name) : error
  } finally {
    await Promise.all(lines.map((line) => line.close()))
  }
  const isOver = order.dryRun || parts.some(({ outcome }) => outcome === 'failed')
  return inAll(isOver ? parts : [...parts, await provisionHost(context, host, spent)])
}

/** Stops it and claims it anew; nothing where that was done by a run that was cut off. */
async function ordered(context: RunContext, host: Host, line: Line, order: NewHistoryOrder): Promise<HostResult[]> {
  const { app } = order
  const looked = await lookAt(context, host, appsOn(context.inventory, host.name), line.connection)
  const running = looked.observed.transactions.find(({ state }) => state === 'running')
  if (running) throw locked(host, running)
  const request = requestFor(context, host, looked, app)
  const pending: HostResult = { outcome: 'pending', changes: 0, exit: exitCodes.pending }
  if (await goesOn(request, looked)) return order.dryRun ? [pending] : []
  const keeps = order.keeps === true
  const before = await find(context, host, looked, request, { connection: line.connection, keeps })
  context.report(foundEvent(host, app, before))
  await ensureOwner({ ...request, anew: before.anew, dryRun: 'read' })
  if (order.dryRun) return [pending]
  if (!order.yes) await confirm(context, host, app, before)

  const stopped = isSetUp(looked, app) ? await stop(context, host, { ...looked, ...line }, app) : null
  if (stopped?.outcome === 'failed') return [stopped]
  try {
    // What was shown may have been written to until just now; what lies under the old path from here on is its end.
    const connection = stopped?.connection ?? line.connection
    const { anew } = await find(context, host, looked, request, { connection, keeps })
    await ensureOwner({ ...request, anew: { ...anew, agreed: before.anew.agreed } })
  } catch (error) {
    if (!(error instanceof Problem) || stopped === null) throw error
    // A claim that may still land is not to find an app that has begun to write.
    if (error.code === 'owner-write-unknown') throw stoppedMeanwhile(error, host.name, app)
    context.report({ type: 'problem', problem: concerning(error, host.name, app.name) })
    return [{ ...stopped, outcome: 'changed', exit: error.exit }]
  }
  context.report(ownerChange(request, 'begun-anew'))
  return [...(stopped ? [stopped] : []), { outcome: 'changed', changes: 1, exit: exitCodes.done }]
}

async function stop(context: RunContext, host: Host, looked: Looked & Line, app: App) {
  const plan = haltsOf(looked, [{ app, reason: 'begins anew', proves: false }])
  const { status, problems, made, connection } = await carryOut(context, host, { ...looked, plan }, () => {}, null)
  for (const problem of problems) context.report({ type: 'problem', problem })
  const hasStopped = status === 0
  return {
    outcome: hasStopped ? ('changed' as const) : ('failed' as const),
    changes: made,
    exit: hasStopped ? exitCodes.done : worstExit([exitCodes.failed, ...problems.map(({ exit }) => exit)]),
    connection,
  }
}

/** Ordered already, by a run that was cut off: its gate is at it, or waits for what it says, and another order would begin it again. */
async function goesOn(request: EnsureOwner, { observed }: Looked): Promise<boolean> {
  const owner = await readOwner(request)
  const from = owner?.from ?? null
  const isOrdered = from !== null && 'local' in from && from.local === request.hostId
  return isOrdered && observed.apps.get(request.app.name)?.reason?.code !== 'local-behind'
}

export function requestFor(context: RunContext, host: Host, looked: Looked, app: App): EnsureOwner {
  if (looked.state.later.some(({ name }) => name === app.name)) throw whileLater(host.name, app)
  const [request] = ownerRequests(context, host, looked, [app.name])
  if (!request) throw new Error(`no request for ${app.name}`)
  if (request.earlier) throw whileRenamed(host.name, app, request.earlier.name)
  return request
}

/** Its gate is there, so that it can say what lies here, and there is something to stop. */
function isSetUp({ observed }: Looked, app: App): boolean {
  return observed.apps.get(app.name)?.claimed === true || readManifest(observed.manifest).apps.includes(app.name)
}

async function find(
  context: RunContext,
  host: Host,
  looked: Looked,
  request: EnsureOwner,
  { connection, keeps }: { connection: SshConnection; keeps: boolean },
): Promise<Found> {
  const { app } = request
  const reason = looked.observed.apps.get(app.name)?.reason ?? null
  const files = isSetUp(looked, app)
    ? await filesHere(context, host, app.name, connection)
    : new Map([...lying(app, looked)].map((name) => [name, { file: true, l0: null, short: false, barred: null }]))
  const bad = [...files].find(([, { short, barred }]) => short || barred !== null)
  if (bad) throw unusableFile(host.name, app, ...bad)
  const owner = await readOwner(request)
  const path = owner?.path ?? request.claimPath ?? null
  const uploads = path === null ? [] : await uploadsUnder(request, path, request.dbs)
  const isNamed = reason?.next.includes('--new-history') === true
  const isHolder = owner?.holder?.id === request.hostId
  const missing = new Set(request.dbs.filter((name) => files.get(name)?.file !== true))
  const held = await heldAnywhere(request, owner)
  const wanted = held.filter(({ name }) => missing.has(name) && !isGivenUp(reason, name))
  if (wanted.length > 0) throw emptyOverReplica(host.name, app, wanted, { isHolder, source: sourceOfData(owner) })
  const isLost = held.length === 0
  const isSuccessor = owner?.holder === null || owner?.holder?.host === host.name
  // Told that the files are behind their own position, a person goes on from them as they are.
  const asTheyAre = reason?.code === 'local-behind'
  const here = request.dbs.filter((name) => files.get(name)?.file === true)
  return {
    owner,
    files,
    uploads,
    anew: {
      files: Object.fromEntries(
        here.map((name) => [name, asTheyAre ? 'latest' : (files.get(name)?.l0 ?? '0'.repeat(16))]),
      ),
      ends:
        keeps && !isHolder
          ? null
          : Object.fromEntries(uploads.map(({ name, newest }) => [name, newest ?? '0'.repeat(16)])),
      wayOut: isNamed || (isSuccessor && isLost) || (keeps && request.claimed === true),
      agreed: owner?.path ?? null,
    },
    fenced: isHolder ? null : (owner?.holder ?? null),
  }
}

function lying(app: App, { observed }: Looked): string[] {
  return Object.entries(app.databases).flatMap(([name, path]) => (observed.databases.has(path) ? [name] : []))
}

function foundEvent(host: Host, app: App, { owner, files, uploads, anew }: Found) {
  return {
    type: 'new-history' as const,
    host: host.name,
    app: app.name,
    epoch: owner?.epoch ?? null,
    holder: owner?.holder ?? null,
    path: owner?.path ?? null,
    files: Object.keys(app.databases).map((name) => ({
      name,
      txid: files.get(name)?.file === true ? (files.get(name)?.l0 ?? null) : null,
      goesOn: Object.hasOwn(anew.files, name),
    })),
    databases: uploads,
  }
}

async function confirm(context: RunContext, host: Host, app: App, found: Found): Promise<void> {
  const answer = (await context.connect.confirm?.(newHistoryQuestion(host.name, app, found))) ?? null
  if (answer === true) return
  throw new Problem({
    code: 'not-confirmed',
    doing: `beginning ${app.name} on ${host.name} anew`,
    found: answer === null ? 'nobody could be asked' : 'the answer was no',
    next: 'nothing was changed; on a terminal this asks, and in a script --yes says that what the replica holds is not to come back',
    host: host.name,
    app: app.name,
    ...(answer === null ? { exit: exitCodes.usage } : {}),
  })
}
