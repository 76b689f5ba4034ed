import { appsOn } from '../desired/host-state.ts'
import type { App, Host } from '../inventory/model.ts'
import { concerning, exitCodes, Problem } from '../problem.ts'
import { ensureOwner, type EnsureOwner, readOwner } from '../replica/ensure.ts'
import type { Owner } from '../replica/owner.ts'
import type { ShownEnds } from '../replica/settle-split.ts'
import { type Upload, uploadsUnder } from '../replica/uploads.ts'
import type { RunContext } from './context.ts'
import type { HostResult, Spent } from './fleet.ts'
import { lookAt, openHost } from './look.ts'
import { beginAnew, type NewHistoryOrder, requestFor } from './new-history.ts'
import { ownerChange } from './owners.ts'

/** A path of the past that somebody wrote to after it had ended. */
interface Split {
  path: string
  host: string
  databases: { name: string; end: string; upload: Upload }[]
}

/**
 * Chooses this host's copy where two histories of an app exist. The holder goes on as it is, and what lies beyond the ends of earlier
 * paths is taken note of; any other host, and a holder that its gate holds back, goes on with the files that lie there (`beginAnew`).
 * The other copy stays: in the replica under its path, and in the files of whoever had it.
 * @throws Problem `not-confirmed`, `anew-*`, and those of provision
 */
export async function keepCopy(
  context: RunContext,
  host: Host,
  spent: Spent,
  order: NewHistoryOrder,
): Promise<HostResult> {
  const settled = await settledBy(context, host, spent, order)
  return settled ?? beginAnew(context, host, spent, { ...order, keeps: true })
}

/** Null where the files here are to be chosen: this host does not hold the app, or does not run it. */
async function settledBy(
  context: RunContext,
  host: Host,
  spent: Spent,
  { app, dryRun, yes }: NewHistoryOrder,
): Promise<HostResult | null> {
  const connection = await openHost(context, host)
  spent(connection)
  try {
    const looked = await lookAt(context, host, appsOn(context.inventory, host.name), connection)
    const request = requestFor(context, host, looked, app)
    const owner = await readOwner(request)
    const isHeldBack = (looked.observed.apps.get(app.name)?.reason ?? null) !== null
    if (owner === null || owner.holder?.id !== request.hostId || isHeldBack || !isOn(owner, request)) return null
    const splits = await splitsOf(request, owner)
    for (const split of splits) context.report({ type: 'note', message: `${host.name} ${app.name}: ${inWords(split)}` })
    const settles: ShownEnds = Object.fromEntries(
      splits.map(({ path, databases }) => [
        path,
        Object.fromEntries(databases.map(({ name, end, upload }) => [name, upload.newest ?? end])),
      ]),
    )
    if (splits.length === 0) {
      context.report({
        type: 'note',
        message: `${host.name} ${app.name}: nothing to choose, no second history of it is known`,
      })
      return { outcome: 'unchanged', changes: 0, exit: exitCodes.done }
    }
    if (dryRun) return { outcome: 'pending', changes: 0, exit: exitCodes.pending }
    if (!yes) await confirm(context, host, app, splits)
    await ensureOwner({ ...request, settles })
    context.report(ownerChange(request, 'split-settled'))
    return { outcome: 'changed', changes: 1, exit: exitCodes.done }
  } catch (error) {
    throw error instanceof Problem ? concerning(error, host.name, app.name) : error
  } finally {
    await connection.close()
  }
}

/** The files here are those of the path that counts. */
function isOn({ path, from }: Owner, { claimPath }: EnsureOwner): boolean {
  return claimPath === path && from === null
}

async function splitsOf(request: EnsureOwner, owner: Owner): Promise<Split[]> {
  const splits: Split[] = []
  for (const { path, host, end } of owner.past) {
    if (end === null) continue
    const uploads = await uploadsUnder(request, path, Object.keys(end))
    const databases = uploads.flatMap((upload) => {
      const at = end[upload.name]
      return at !== undefined && upload.newest !== null && upload.newest > at
        ? [{ name: upload.name, end: at, upload }]
        : []
    })
    if (databases.length > 0) splits.push({ path, host, databases })
  }
  return splits
}

function inWords({ path, host, databases }: Split): string {
  const each = databases.map(
    ({ name, end, upload }) =>
      `${name} goes on to ${upload.newest ?? '?'} there (uploaded ${upload.writtenAt ?? '?'}), and ${end} was taken over`,
  )
  return `${host} wrote to ${path} after it had ended: ${each.join('; ')}`
}

async function confirm(context: RunContext, host: Host, app: App, splits: Split[]): Promise<void> {
  const paths = splits.map(({ path }) => path).join(', ')
  const answer =
    (await context.connect.confirm?.(
      `Go on with ${app.name} as it is on ${host.name}? What lies under ${paths} stays there, and no alert tells of it any more.`,
    )) ?? null
  if (answer === true) return
  throw new Problem({
    code: 'not-confirmed',
    doing: `choosing the copy of ${app.name} on ${host.name}`,
    found: answer === null ? 'nobody could be asked' : 'the answer was no',
    next: 'nothing was changed; on a terminal this asks, and in a script --yes says that the other copy is given up',
    host: host.name,
    app: app.name,
    ...(answer === null ? { exit: exitCodes.usage } : {}),
  })
}
