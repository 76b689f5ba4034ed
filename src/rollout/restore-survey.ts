import { appsOn } from '../desired/host-state.ts'
import type { App, Host } from '../inventory/model.ts'
import { concerning, exitCodes, Problem } from '../problem.ts'
import { ensureOwner, type EnsureOwner, readOwner } from '../replica/ensure.ts'
import type { Owner } from '../replica/owner.ts'
import { type Upload, uploadsUnder } from '../replica/uploads.ts'
import type { RunContext } from './context.ts'
import type { Looked } from './look.ts'
import { ownerRequests } from './owners.ts'

/** What `restore` will do about one app, as the replica and the host are now. */
export interface Restoring {
  app: App
  /**
   * `take-over`: another machine had it. `going-on`: this one has taken it over, and its gate is bringing the data back. `here`: it
   * runs from files of this machine's own. `other`: what provision does by itself, a first launch for one.
   */
  kind: 'take-over' | 'going-on' | 'here' | 'other'
  /** Path of the owner object; null = there is none. */
  found: string | null
  /** The owner object as it is; null = there is none. */
  owner: Owner | null
  /** Where its data come from, `null` when nothing is to be restored. */
  source: string | null
  uploads: Upload[]
  /** Databases whose files on the host are put aside for it. */
  discarded: string[]
}

export interface Survey {
  apps: Restoring[]
  /** Those that cannot be looked at yet: their replica is not mounted, or their package not installed. */
  later: App[]
  /** What stands in the way. With any of them nothing is begun. */
  problems: Problem[]
}

/**
 * Asks the replica of each app with a database what restoring this host means. Writes nothing.
 * @param discardLocal what lies on the host is put aside
 * @throws Problem when a replica cannot be asked
 */
export async function surveyRestore(
  context: RunContext,
  host: Host,
  looked: Looked,
  discardLocal: boolean,
): Promise<Survey> {
  const asking: RunContext = { ...context, takeOver: { agreed: new Map(), apps: [], discardLocal } }
  const apps = appsOn(context.inventory, host.name).filter(({ databases }) => Object.keys(databases).length > 0)
  const names = apps.map(({ name }) => name)
  const later = apps.filter(({ name }) => looked.state.later.some((each) => each.name === name))
  const survey: Survey = { apps: [], later, problems: [] }
  for (const request of ownerRequests(asking, host, looked, names)) {
    try {
      survey.apps.push(await surveyOf(request, looked))
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      survey.problems.push(concerning(error, host.name, request.app.name))
    }
  }
  return survey
}

async function surveyOf(request: EnsureOwner, { observed }: Looked): Promise<Restoring> {
  const { app } = request
  const { outcome, owner: next, found } = await ensureOwner({ ...request, dryRun: 'read' })
  const owner = found === null ? null : await readOwner(request)
  const from = next.from && 'path' in next.from ? next.from : null
  const kind =
    outcome === 'taken-over'
      ? 'take-over'
      : outcome !== 'exists' && outcome !== 'databases-changed'
        ? 'other'
        : next.from === null
          ? 'here'
          : 'going-on'
  const reason = observed.apps.get(app.name)?.reason ?? null
  if ((kind === 'here' || kind === 'going-on') && reason !== null && backToReplica.has(reason.code))
    throw heldBack(request, reason)
  const uploads = from === null ? [] : await uploadsUnder(request, from.path, Object.keys(from.dbs))
  const discarded = kind === 'take-over' ? [...(request.takeOver?.lying ?? [])] : []
  return { app, kind, found, owner, source: from?.path ?? null, uploads, discarded }
}

/** Reasons of a gate (templates/host/decide) that name `restore` to the machine that holds the app itself. */
const backToReplica = new Set(['rolled-back', 'files-of-another-path', 'local-behind'])

/** A gate that names `restore` to a machine that holds the app itself: going back from there is a choice of its own. */
function heldBack({ app, host }: EnsureOwner, { code, text }: { code: string; text: string }): Problem {
  if (code === 'rolled-back')
    return new Problem({
      code: 'restore-goes-back',
      doing: `restoring ${app.name} on ${host}`,
      found: `this very machine holds it, and its gate says: ${text}`,
      next:
        `bring the newest content of the bucket back if you can; to go back to what the replica holds now: ` +
        `streamside restore ${host} --discard-local, which keeps the files here in .streamside-aside beside the database`,
      host,
      app: app.name,
    })
  return new Problem({
    code: 'not-supported-yet',
    doing: `restoring ${app.name} on ${host}`,
    found: `this very machine holds it, and its gate says: ${text}. To go back to what the replica holds from there is not supported yet`,
    next: 'nothing was changed: the files on the host and the replica stay as they are; mend what the gate has found where you can',
    host,
    app: app.name,
    exit: exitCodes.usage,
  })
}
