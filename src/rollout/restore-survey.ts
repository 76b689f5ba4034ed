import { appsOn } from '../desired/host-state.ts'
import type { App, Host } from '../inventory/model.ts'
import { concerning, exitCodes, Problem } from '../problem.ts'
import { ensureOwner, type EnsureOwner, readOwner } from '../replica/ensure.ts'
import { type ChosenPoint, choosePoint, type WantedPoint } from '../replica/choose-point.ts'
import type { Owner } from '../replica/owner.ts'
import { type Upload, uploadsUnder } from '../replica/uploads.ts'
import type { RunContext } from './context.ts'
import type { Looked } from './look.ts'
import { ownerRequests } from './owners.ts'

/** What `restore` will do about one app, as the replica and the host are now. */
export interface Restoring {
  app: App
  /**
   * `take-over`: another machine had it. `go-back`: this one has it, and it goes back to a point. `going-on`: this one has taken it over, and its gate is bringing the data back. `here`: it
   * runs from files of this machine's own. `other`: what provision does by itself, a first launch for one. `to-file`: nothing, it is only fetched.
   */
  kind: 'take-over' | 'go-back' | 'going-on' | 'here' | 'other' | 'to-file'
  /** Path of the owner object; null = there is none. */
  found: string | null
  /** The owner object as it is; null = there is none. */
  owner: Owner | null
  /** Where its data come from, `null` when nothing is to be restored. */
  source: string | null
  uploads: Upload[]
  /** The point that it goes back to; null = as it was last. */
  chosen: ChosenPoint | null
  /** `go-back`: the app is up, so that what the replica has not got yet is proven to be there first. */
  proves: boolean
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

/** What people have asked for on the command line. */
export interface Asked {
  /** Databases that lie on the host are put aside, where they are in the way. */
  discardLocal: boolean
  /** Apps that are asked for; none = all of the host. */
  apps: readonly string[]
  /** The point that they go back to; null = as they were last. */
  point: WantedPoint | null
}

/**
 * Asks the replica of each app with a database what restoring this host means. Writes nothing.
 * @throws Problem when a replica cannot be asked
 */
export async function surveyRestore(context: RunContext, host: Host, looked: Looked, asked: Asked): Promise<Survey> {
  const asking: RunContext = {
    ...context,
    takeOver: { agreed: new Map(), apps: [], discardLocal: asked.discardLocal },
  }
  const apps = appsOn(context.inventory, host.name).filter(({ databases }) => Object.keys(databases).length > 0)
  const names = apps.map(({ name }) => name)
  const later = apps.filter(({ name }) => looked.state.later.some((each) => each.name === name))
  const survey: Survey = { apps: [], later, problems: [] }
  for (const request of ownerRequests(asking, host, looked, names)) {
    try {
      const isAsked = asked.apps.length === 0 || asked.apps.includes(request.app.name)
      const found = await surveyOf(request, looked, isAsked ? asked.point : null)
      if (isAsked) survey.apps.push(found)
      else if (found.kind === 'take-over') survey.problems.push(notAlone(request, asked.apps))
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      survey.problems.push(concerning(error, host.name, request.app.name))
    }
  }
  return survey
}

async function surveyOf(request: EnsureOwner, { observed }: Looked, point: WantedPoint | null): Promise<Restoring> {
  const { app } = request
  const before = point === null ? null : await readOwner(request)
  if (point !== null && before === null) throw nothingThere(request)
  const chosen = point === null || before === null ? null : await choosePoint(request, before, point)
  const takeOver = request.takeOver && { ...request.takeOver, chosen }
  const {
    outcome,
    owner: next,
    found,
  } = await ensureOwner({
    ...request,
    dryRun: 'read',
    ...(takeOver ? { takeOver } : {}),
  })
  const owner = found === null ? null : (before ?? (await readOwner(request)))
  const from = next.from && 'path' in next.from ? next.from : null
  const isOwn = owner?.holder?.id === request.hostId
  const kind =
    outcome === 'taken-over'
      ? chosen !== null && isOwn
        ? 'go-back'
        : 'take-over'
      : outcome !== 'exists' && outcome !== 'databases-changed'
        ? 'other'
        : next.from === null
          ? 'here'
          : 'going-on'
  const reason = observed.apps.get(app.name)?.reason ?? null
  if ((kind === 'here' || kind === 'going-on') && reason !== null && backToReplica.has(reason.code))
    throw heldBack(request, reason)
  const latest = Object.keys(from?.dbs ?? {}).filter((name) => !chosen?.points.some((each) => each.name === name))
  const uploads = from === null ? [] : await uploadsUnder(request, from.path, latest)
  const discarded = kind === 'take-over' || kind === 'go-back' ? [...(request.takeOver?.lying ?? [])] : []
  const proves = kind === 'go-back' && owner?.from === null && reason === null
  return { app, kind, found, owner, source: from?.path ?? null, uploads, chosen, proves, discarded }
}

function nothingThere({ app, host }: EnsureOwner): Problem {
  return new Problem({
    code: 'restore-point-none',
    doing: `looking for points of ${app.name}`,
    found: 'the replica has nothing of it: it was never launched',
    next: 'nothing was changed',
    host,
    app: app.name,
  })
}

/** A host is provisioned as a whole, and nothing of it is, while an app of it is another machine's. */
function notAlone({ app, host }: EnsureOwner, asked: readonly string[]): Problem {
  return new Problem({
    code: 'restore-others',
    doing: `restoring ${asked.join(', ')} alone on ${host}`,
    found: `another machine had ${app.name}, too`,
    next: `bring the host back first: streamside restore ${host}; after that this works for one app`,
    host,
    app: app.name,
    exit: exitCodes.usage,
  })
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
    code: 'restore-goes-back',
    doing: `restoring ${app.name} on ${host}`,
    found: `this very machine holds it, and its gate says: ${text}`,
    next:
      `mend what the gate has found where you can; to go back to a point of the replica: streamside restore ${host} --app ${app.name} ` +
      '--at TIME, which keeps the files here in .streamside-aside beside the database',
    host,
    app: app.name,
  })
}
