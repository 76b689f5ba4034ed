import type { HostState } from '../desired/host-state.ts'
import type { ReleaseResource, Resource, UnitResource } from '../desired/resources.ts'
import { isReadOnce, runsFromDigest } from '../desired/runs-from.ts'
import { isVersioned, programsDirectory, versionLink } from '../desired/base.ts'
import { gateConfigPath, releasesDirectory } from '../desired/places.ts'
import type { Observed } from '../host/observed.ts'
import { type App, unitOf } from '../inventory/model.ts'
import type { Change, HostPlan, Step } from './change.ts'
import { contentDiffers, expectation, signatureStep } from './compare.ts'
import { databaseOwners, walSwitches } from './databases.ts'
import { givenBack, leavingApps, letGo, purged } from './leaving.ts'
import { healthCheck } from './health.ts'
import { leftovers } from './leftovers.ts'
import { rsyslogNotIncluded } from './logging.ts'
import { manifestFor, manifestPath, readManifest } from './manifest.ts'
import { dataMoves, halted, refuseCrossing, refuseRenamedMoves } from './moves.ts'
import { afterwards, comesAlong, movedFiles, renamed, renamesOn, whileRenaming } from './renames.ts'
import { misspeltNames } from './misspelt-names.ts'
import { gateTakenOut, maybePastGate, overridden, runsOverridden, saysWhy } from './overrides.ts'
import { refuseHidden } from './ours.ts'
import { compareAll, unlessRefused } from './refusals.ts'
import { compareUnit, mayRunFrom, startedAsLaid } from './units.ts'
import { appsWithoutOwner } from './owners.ts'
import { planWarnings } from './warnings.ts'

/** Seconds an app without a health check has to come up and stay up. */
const plainHealthSeconds = 30

/**
 * Compares what a host should be with what was seen of it. The result is what `plan` prints and what `provision` carries
 * out, so that a dry run cannot lie.
 * @param prune apps that have left the inventory and are to go from this host; others that left are only told of
 */
export function planHost(state: HostState, observed: Observed, prune: ReadonlySet<string> = new Set()): HostPlan {
  const host = state.host.name
  const changes: Change[] = []
  const attendant: Step[] = []
  const changed = new Set<Resource>()
  /** Paths whose content was found other than it should be. */
  const relaid = new Set<string>()
  const recorded = readManifest(observed.manifest)

  for (const { id } of observed.transactions.filter((transaction) => transaction.state === 'interrupted'))
    changes.push({
      summary: { kind: 'transaction', name: id, action: 'remove', reason: 'it was cut off before its end' },
      step: { verb: 'clean', fields: [id] },
    })
  const renames = renamesOn(state.apps, observed)
  const moving = renames.filter(({ from, to }) => from !== to)
  const leaving = leavingApps(state, recorded).filter((app) => !moving.some(({ from }) => from === app))
  // What this run is not about stays like what has left, and nobody has to be told of it.
  const isGone = (app: string) => !state.others.includes(app)
  const newNames = new Map(
    renames.flatMap(({ from, to, halves }) => [from, ...halves].map((name) => [name, to] as const)),
  )
  const going = [
    ...leaving.filter((app) => prune.has(app)),
    ...moving.map(({ from }) => from),
    ...renames.flatMap(({ halves }) => halves),
  ]
  const staying = leaving.filter((app) => !going.includes(app))
  // An app that has left and runs on needs the programs that it was started with.
  const keepsPrograms = staying.some((app) => recorded.files[gateConfigPath(app)] !== undefined) && !isGated(state)
  changes.push(
    ...going
      .filter((app) => recorded.apps.includes(app))
      .map((app) =>
        letGo(
          app,
          recorded,
          moving.find(({ from }) => from === app),
        ),
      ),
    ...renames.map((rename) => renamed(rename, recorded)),
  )
  const moves = dataMoves(state, recorded).filter(({ app }) => !renames.some(({ to }) => to === app.name))
  changes.push(...moves.map(halted))
  const laid = state.resources.filter((resource) => resource.kind !== 'unit')
  const { compared, refused } = compareAll(
    keepsPrograms ? laid.filter((resource) => !isVersion(resource)) : laid,
    observed,
    host,
    recorded,
  )
  refused.push(
    ...refuseCrossing(state, recorded, observed, renames),
    ...refuseRenamedMoves(state, recorded, renames),
    ...misspeltNames(state, recorded, leaving.filter(isGone)),
    ...rsyslogNotIncluded(state, observed),
  )
  for (const [resource, change] of compared) {
    changes.push(comesAlong(change, renames, recorded))
    changed.add(resource)
    if ('path' in resource && contentDiffers(resource, observed)) relaid.add(resource.path)
    if (resource.kind === 'file' || resource.kind === 'link') attendant.push(expectation(resource, observed))
    if (resource.kind === 'release') attendant.push({ verb: 'prune', fields: [resource.app, String(resource.keep)] })
  }
  changes.push(
    ...leftovers(state, movedFiles(recorded, renames), going, staying, newNames),
    ...going.flatMap((app) => purged(app, newNames.get(app))),
    ...databaseOwners(state, observed),
    ...walSwitches(state, observed, recorded),
  )

  const started: string[] = []
  if (needsReload(state, observed)) attendant.push({ verb: 'reload', fields: [] })
  for (const unit of inStartOrder(state)) {
    if (unit.adopted !== true && !unit.packaged) {
      const hidden = unlessRefused(() => refuseHidden(unit.name, { observed, host }))
      if (hidden) refused.push(hidden)
      changes.push(...overridden(unit, observed))
    }
    changes.push(...gateTakenOut(unit, observed))
    const wanted = runsFromDigest(unit, state.resources)
    // What is changed after a start that was good does not concern what runs, unless it may read it still.
    const runsAsLaid = startedAsLaid(unit, observed)
    const isHalted = moves.some(
      ({ app }) => unitOf(app) === unit.name || (unit.app === app.name && unit.name.endsWith('.mount')),
    )
    const laidAnew =
      isHalted ||
      unit.runsFrom.some((path) => relaid.has(path) && !(runsAsLaid && isReadOnce(path))) ||
      (unit.adopted !== true && !unit.packaged && !runsAsLaid && runsOverridden(unit, observed)) ||
      // A service that is named still, and from which all that was laid over it is taken: it runs with that until its next start.
      (unit.adopted === true && unit.runsFrom.length === 0 && observed.started.has(unit.name))
    const pastGate = maybePastGate(unit, state, observed)
    const unitChanges = saysWhy(compareUnit(unit, wanted, observed, laidAnew, pastGate), unit, state, observed)
    if ((laidAnew || pastGate) && unitChanges.some(({ step }) => step.verb === 'restart' || step.verb === 'settle')) {
      const first = trees(changed).some(
        (path) => unit.runsFrom.includes(path) && mayRunFrom(path, unit, wanted, observed),
      )
      attendant.push({ verb: first ? 'forget-first' : 'forget', fields: [unit.name] })
    }
    const runs = unitChanges.some(({ step }) => restarts(step) || step.verb === 'recheck')
    if (runs && unit.app !== undefined && unit.name === mainUnit(state, unit.app)) started.push(unit.app)
    changes.push(...unitChanges)
  }
  // Litestream of an app that is started is started by the app's gate, once the files are known to be the right ones.
  const byGate = ({ step }: Change) =>
    (step.verb === 'start' && started.some((app) => step.fields[0] === `${app}-litestream.service`)) ||
    (step.verb === 'restart' && moves.some(({ app }) => step.fields[0] === `${app.name}-litestream.service`))
  changes.splice(0, changes.length, ...changes.filter((change) => !byGate(change)))
  for (const app of state.apps) {
    const litestream = `${app.name}-litestream.service`
    if (started.includes(app.name)) attendant.push(healthStep(app, state))
    else if (changes.some(({ step }) => (restarts(step) || step.verb === 'recheck') && step.fields[0] === litestream))
      attendant.push({ verb: 'replicating', fields: [app.name] })
  }
  for (const app of going) {
    const service = recorded.services?.[app]
    if (service)
      changes.push(...givenBack(service, recorded.files[`/etc/systemd/system/${service.unit}`] !== undefined))
  }
  for (const resource of state.resources)
    if (resource.kind === 'release' || resource.kind === 'binary')
      attendant.push(signatureStep(resource.path, treeDigest(resource), observed, changed.has(resource)))

  // Of an app that has left and runs on the record stays: it may come back as it was. So may a release of before, which is then not
  // sent once more.
  const places = new Set(laid.flatMap((resource) => ('path' in resource ? [resource.path] : [])))
  const kept = [
    ...[...state.apps.map(({ name }) => name), ...staying].map((app) => `${releasesDirectory(app)}/`),
    ...(staying.length > 0 ? [`${programsDirectory}/litestream-`] : []),
  ]
  for (const [path, { digest }] of observed.signatures)
    if (!places.has(path) && kept.some((prefix) => path.startsWith(prefix)))
      attendant.push(signatureStep(path, digest, observed, false))

  const next = manifestFor(
    state,
    recorded,
    going,
    afterwards(recorded, renames),
    [...changed].flatMap(newlyOurs(observed)),
  )
  const manifest = JSON.stringify(next)
  if (changes.length === 0 && manifest !== observed.manifest)
    changes.push({
      summary: {
        kind: 'record',
        name: manifestPath,
        action: observed.manifest === null ? 'create' : 'update',
        reason: 'content',
      },
      step: { verb: 'record', fields: [] },
    })
  // The new manifest was made from the one that was read: another's, written meanwhile, may record what this plan does not know.
  if (changes.length > 0) attendant.unshift(expectation({ path: manifestPath }, observed))
  return {
    host,
    changes,
    attendant,
    started,
    owners: appsWithoutOwner(state, observed, changed, renames),
    leaving: leaving.filter(isGone),
    refused,
    warnings: planWarnings(state, observed, { leaving: leaving.filter(isGone), going, renames, recorded }),
    manifest,
    meanwhile: moving.length === 0 ? null : JSON.stringify(whileRenaming(recorded, renames, next)),
  }
}

function mainUnit(state: HostState, name: string): string | null {
  const app = state.apps.find((each) => each.name === name)
  return app === undefined ? null : unitOf(app)
}

function restarts(step: Step): boolean {
  return step.verb === 'start' || step.verb === 'restart'
}

/** Litestream before its app, everything else in the order in which it is wanted. */
function inStartOrder(state: HostState): UnitResource[] {
  const units = state.resources.filter((resource): resource is UnitResource => resource.kind === 'unit')
  const rank = (unit: UnitResource) =>
    unit.name.endsWith('.mount') ? 0 : unit.app !== undefined && unit.name === mainUnit(state, unit.app) ? 2 : 1
  return units
    .map((unit, n) => ({ unit, n }))
    .sort((a, b) => rank(a.unit) - rank(b.unit) || a.n - b.n)
    .map(({ unit }) => unit)
}

/** A folder that is made by this plan. */
function newlyOurs({ paths }: Observed): (resource: Resource) => string[] {
  return (resource) =>
    resource.kind === 'directory' && resource.ownOnceMade === true && !paths.has(resource.path) ? [resource.path] : []
}

/** Paths of releases and programs. */
function trees(resources: ReadonlySet<Resource>): string[] {
  return [...resources].flatMap((resource) =>
    resource.kind === 'release' || resource.kind === 'binary' ? [resource.path] : [],
  )
}

function treeDigest(resource: ReleaseResource | Extract<Resource, { kind: 'binary' }>): string {
  return resource.kind === 'release' ? resource.digest : resource.sha256
}

function isGated({ resources }: HostState): boolean {
  return resources.some((resource) => resource.kind === 'file' && resource.path.endsWith('/gate.json'))
}

/** The host's programs, or the link to them. */
function isVersion(resource: Resource): boolean {
  return 'path' in resource && (isVersioned(resource.path) || resource.path === versionLink)
}

function needsReload(state: HostState, observed: Observed): boolean {
  return state.resources.some(
    (resource) => resource.kind === 'unit' && observed.units.get(resource.name)?.needsReload === true,
  )
}

/** Waits until an app that is started is well. */
export function healthStep(app: App, { accounts, services }: HostState): Step {
  const withinSeconds = app.health?.withinSeconds ?? plainHealthSeconds
  const onDemand = services.get(app.name)?.onDemand === true
  const check = app.health === null && onDemand ? ['once'] : healthCheck(app, accounts.get(app.name)?.user ?? app.name)
  return { verb: 'health', fields: [app.name, unitOf(app), String(withinSeconds), ...check] }
}
