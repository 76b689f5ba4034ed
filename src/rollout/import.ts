import { appsOn } from '../desired/host-state.ts'
import { type App, type Host, instanceName } from '../inventory/model.ts'
import { concerning, exitCodes, Problem } from '../problem.ts'
import { ensureOwner, type EnsureOwner, readOwner } from '../replica/ensure.ts'
import { databaseKey } from '../replica/owner.ts'
import { ownerPlace } from '../replica/place.ts'
import { copyChain, importedPath, lookAtPlain, type PlainReplica, usualPaths } from '../replica/plain-replica.ts'
import type { DataStore } from '../replica/store.ts'
import { age } from '../report/duration.ts'
import type { RunContext } from './context.ts'
import type { HostResult, Spent } from './fleet.ts'
import { restoreOlder } from './import-older.ts'
import { inAll, provisionHost } from './host-provision.ts'
import { ambiguous, importQuestion, notHere, nothingFound, overData } from './import-problems.ts'
import { lookAt, openHost } from './look.ts'
import { ownerChange, ownerRequests } from './owners.ts'

export interface ImportOrder {
  app: App
  /** By database: the folder of its replica in the bucket. Others are looked for in the usual places. */
  sources: Readonly<Record<string, string>>
  dryRun: boolean
  yes: boolean
}

/** Milliseconds: a Litestream that runs uploads within a second or two. */
const aliveMs = 5 * 60 * 1000

const pending: HostResult = { outcome: 'pending', changes: 0, exit: exitCodes.pending }

/**
 * Takes over what a plain Litestream 0.5 has written to the app's bucket: the server copies the chain of each database to a path of the
 * app's own, the owner object is made with the order to restore from there, and the host is provisioned; its gate restores, checks
 * and proves it before the app starts. The old folders are only read. Cut off anywhere, it is run again: until the owner object is
 * made a plain provision refuses, for the copy lies there.
 * @throws Problem `import-*`, `not-confirmed`, and those of provision
 */
export async function importApp(
  context: RunContext,
  host: Host,
  spent: Spent,
  order: ImportOrder,
): Promise<HostResult> {
  const { app } = order
  const connection = await openHost(context, host)
  spent(connection)
  try {
    const looked = await lookAt(context, host, appsOn(context.inventory, host.name), connection)
    const [request] = ownerRequests(context, host, looked, [app.name])
    if (!request) throw new Error(`no request for ${app.name}`)
    const { data } = ownerPlace(context.inventory, app)
    if (data.type !== 's3') throw notHere(host.name, app)
    if (await goesOn(request)) return order.dryRun ? pending : await provisionHost(context, host, spent)
    const lying = Object.values(app.databases).filter((file) => looked.observed.databases.has(file))
    if (lying.length > 0) throw overData(host.name, app, lying)
    const store = await context.buckets.openFor(host.name)(data)
    try {
      const found = await find(store, data.prefix, host, order)
      for (const [name, plain] of found) context.report({ type: 'note', message: inWords(host, app, name, plain) })
      const path = importedPath(Object.fromEntries([...found].map(([name, plain]) => [name, plain.path])))
      const isOlder = [...found.values()].some(({ format }) => format === 'generations')
      // those are restored beforehand, and taken as they are
      const imports = { path, dbs: isOlder ? [] : [...found.keys()] }
      await ensureOwner({ ...request, imports, dryRun: 'read' })
      warnOfLife(context, host, app, found)
      if (order.dryRun) return pending
      if (!order.yes) await confirm(context, host, app, found)
      if (isOlder) await restoreOlder(context, host, { app, data, found }, looked, connection)
      for (const [name, plain] of isOlder ? [] : found) {
        const to = databaseKey(data, instanceName(app, host.name), path, name)
        context.report({ type: 'host-step', host: host.name, step: 'copy', detail: `${plain.path} to ${to}` })
        await copyChain(store, plain.path, to)
      }
      await claim(context, request, imports)
    } finally {
      store.close()
    }
  } catch (error) {
    throw error instanceof Problem ? concerning(error, host.name, app.name) : error
  } finally {
    await connection.close()
  }
  return inAll([{ outcome: 'changed', changes: 1, exit: exitCodes.done }, await provisionHost(context, host, spent)])
}

/** Ordered already, by a run that was cut off. An app that has an owner object otherwise is refused here. */
async function goesOn(request: EnsureOwner): Promise<boolean> {
  const from = (await readOwner(request))?.from ?? null
  const path = from !== null && 'path' in from ? from.path : importedPath({})
  return (await ensureOwner({ ...request, imports: { path, dbs: request.dbs }, dryRun: 'read' })).outcome === 'exists'
}

async function claim(
  context: RunContext,
  request: EnsureOwner,
  imports: { path: string; dbs: string[] },
): Promise<void> {
  const { outcome } = await ensureOwner({ ...request, imports })
  if (outcome !== 'exists') context.report(ownerChange(request, outcome))
}

async function find(
  store: DataStore,
  prefix: string,
  host: Host,
  { app, sources }: ImportOrder,
): Promise<Map<string, PlainReplica>> {
  const found = new Map<string, PlainReplica>()
  for (const name of Object.keys(app.databases)) {
    const given = sources[name]
    const places = given === undefined ? usualPaths(app, name, prefix) : [given]
    const plain: PlainReplica[] = []
    for (const place of places) {
      const seen = await lookAtPlain(store, place)
      if (seen.format !== 'none') plain.push(seen)
    }
    const [only] = plain
    if (only === undefined) throw nothingFound(host.name, app, name, places)
    if (plain.length > 1) throw ambiguous(host.name, app, name, plain)
    found.set(name, only)
  }
  return found
}

function inWords(host: Host, app: App, name: string, { path, newest }: PlainReplica): string {
  const at = newest === null ? '' : `, up to transaction ${newest.txid}, uploaded ${new Date(newest.at).toISOString()}`
  return `${host.name} ${app.name}: ${name} is imported from ${path}${at}; that stays as it is`
}

function warnOfLife(context: RunContext, host: Host, app: App, found: ReadonlyMap<string, PlainReplica>): void {
  const youngest = Math.min(...[...found.values()].map(({ newest }) => Date.now() - (newest?.at ?? 0)))
  if (youngest >= aliveMs) return
  context.report({
    type: 'warning',
    host: host.name,
    app: app.name,
    code: 'uploaded-lately',
    message: `its newest upload is only ${age(youngest / 1000)} old: the Litestream that writes it may still be running`,
    next: 'stop the app there first, and Litestream after it: what it writes from now on is not imported',
  })
}

async function confirm(
  context: RunContext,
  host: Host,
  app: App,
  found: ReadonlyMap<string, PlainReplica>,
): Promise<void> {
  const answer = (await context.connect.confirm?.(importQuestion(host.name, app, found))) ?? null
  if (answer === true) return
  throw new Problem({
    code: 'not-confirmed',
    doing: `importing ${app.name}`,
    found: answer === null ? 'nobody could be asked' : 'the answer was no',
    next: 'nothing was changed; on a terminal this asks, and in a script --yes says that nobody writes there any more',
    host: host.name,
    app: app.name,
    ...(answer === null ? { exit: exitCodes.usage } : {}),
  })
}
