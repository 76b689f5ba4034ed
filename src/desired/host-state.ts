import { appsElsewhere, type Elsewhere } from '../inventory/elsewhere.ts'
import type { App, Architecture, Host, Inventory, Release } from '../inventory/model.ts'
import type { PackedRelease } from '../artifacts/release.ts'
import { ownerPlace } from '../replica/place.ts'
import { freeAccountId } from './accounts.ts'
import { appResources } from './app.ts'
import { baseResources } from './base.ts'
import { gateResources } from './gate.ts'
import { litestreamResources } from './litestream.ts'
import { isLogServer, loggingResources } from './logging.ts'
import { runsFromPath } from './places.ts'
import { metricsPorts } from './ports.ts'
import { replicaMountResources } from './replica-mount.ts'
import type { Resource, UnitResource } from './resources.ts'
import { runsFromLines } from './runs-from.ts'
import { type Account, type ServiceFacts, serviceResources } from './service.ts'
import { storageResources } from './storage.ts'

/** What is known of a host before its resources can be made out. */
export interface HostFacts {
  users: ReadonlyMap<string, { uid: number; gid: number }>
  takenIds: ReadonlySet<number>
  /** Metrics ports that the host's manifest records. */
  metrics: Record<string, number>
  /** uid and gid that an app's owner object fixes, by app name. */
  owners: ReadonlyMap<string, { uid: number; gid: number }>
  /** By app name; null: its package is not there yet, and what it is will be known after that. */
  services: ReadonlyMap<string, ServiceFacts | null>
  /** Apps whose replica has to be mounted before it is known what they need. */
  unmounted: ReadonlySet<string>
}

/** What is shipped: found or made on the operator's machine before. */
export interface HostArtifacts {
  litestream: { version: string; binary: string; sha256: string } | null
  /** By app name. */
  releases: ReadonlyMap<string, Pick<PackedRelease, 'digest' | 'tar' | 'bytes' | 'entries'>>
}

/** Facts of a host that nothing is known of yet: enough for a first guess at what to ask a probe for. */
export const noFacts: HostFacts = {
  users: new Map(),
  takenIds: new Set(),
  metrics: {},
  owners: new Map(),
  services: new Map(),
  unmounted: new Set(),
}

/** What one host should look like. */
export interface HostState {
  host: Host
  apps: App[]
  /** Services that are adopted once their package is there, apps whose replica is mounted first: until then only that is wanted. */
  later: App[]
  resources: Resource[]
  /** Loopback ports of Litestream's metrics, by app name. */
  metrics: Record<string, number>
  accounts: Map<string, Account>
  /** Of the apps that are services. */
  services: Map<string, ServiceFacts>
  /** Apps that the inventory has on other hosts only. */
  elsewhere: Map<string, Elsewhere>
  /** Apps of this host that this run is not about: what they have here stays as it is. */
  others: string[]
}

/** The apps of the inventory that live on a host, by name. */
export function appsOn(inventory: Inventory, host: string): App[] {
  return Object.values(inventory.apps)
    .filter((app) => app.hosts.includes(host))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

/**
 * What the inventory says a host should look like: pure, so that it is tested without one.
 * @param only the app that this is about, and what all apps share; the others of the host are left as they are
 * @throws Problem `template` when a file of the user's does not render
 */
export function desiredHost(
  inventory: Inventory,
  host: Host,
  facts: HostFacts,
  artifacts: HostArtifacts,
  only?: string,
): HostState {
  const everybody = appsOn(inventory, host.name)
  const all = everybody.filter(({ name }) => only === undefined || name === only)
  const later = all.filter(({ name }) => facts.services.get(name) === null || facts.unmounted.has(name))
  const apps = all.filter((app) => !later.includes(app))
  const gated = apps.filter((app) => Object.keys(app.databases).length > 0)
  const metrics = metricsOf(
    gated,
    metricsPorts(
      everybody.filter(({ databases }) => Object.keys(databases).length > 0),
      facts.metrics,
    ),
  )
  const accounts = accountsOf(apps, facts)
  const resources: Resource[] = [
    ...baseResources(
      everybody.some((app) => Object.keys(app.databases).length > 0),
      isLogServer(inventory, host.name),
    ),
    ...loggingResources(inventory, host),
  ]
  for (const app of apps) {
    const account = accounts.get(app.name) ?? unknownAccount
    const own = ownResources(app, host, account, facts, artifacts)
    if (Object.keys(app.databases).length > 0) {
      if (!artifacts.litestream) throw new Error('Litestream was not fetched')
      own.push(...storageResources(app, account))
      own.push(
        ...litestreamResources({
          inventory,
          app,
          host,
          account,
          litestream: artifacts.litestream,
          metricsPort: metrics[app.name] ?? 0,
        }),
        ...gateResources({ inventory, app, host, user: account.user, litestream: artifacts.litestream }),
      )
    }
    resources.push(...own, runsFromFile(app, own))
  }
  for (const app of later) {
    if (app.service?.package) resources.push({ kind: 'package', name: app.service.package })
    if (facts.unmounted.has(app.name)) resources.push(...replicaMountResources(app, ownerPlace(inventory, app).data))
  }
  const services = new Map(apps.flatMap(({ name }) => [[name, facts.services.get(name)] as const]).flatMap(known))
  return {
    host,
    apps,
    later,
    resources: merged(resources),
    metrics,
    accounts,
    services,
    elsewhere: appsElsewhere(inventory, host.name),
    others: everybody.filter((app) => !all.includes(app)).map(({ name }) => name),
  }
}

function metricsOf(apps: App[], ports: Record<string, number>): Record<string, number> {
  return Object.fromEntries(apps.flatMap(({ name }) => (ports[name] === undefined ? [] : [[name, ports[name]]])))
}

const known = ([name, facts]: readonly [string, ServiceFacts | null | undefined]): [string, ServiceFacts][] =>
  facts ? [[name, facts]] : []

/** Of a host that has not been asked: paths do not depend on it. */
const unknownAccount: Account = { user: 'root', group: 'root', uid: 0, gid: 0 }
const unknownService: ServiceFacts = {
  account: unknownAccount,
  onDemand: false,
  unitFileState: '',
  own: new Map(),
  before: { enabled: true, active: true },
}

function ownResources(app: App, host: Host, account: Account, facts: HostFacts, artifacts: HostArtifacts): Resource[] {
  const { service, release } = app
  if (service !== null)
    return serviceResources({ app, host, service, facts: facts.services.get(app.name) ?? unknownService })
  const packed = artifacts.releases.get(app.name)
  if (!packed || !release) throw new Error(`no release was packed for ${app.name}`)
  return appResources({ app, host, uid: account.uid, gid: account.gid, release, packed })
}

function accountsOf(apps: App[], facts: HostFacts): Map<string, Account> {
  const taken = new Set(facts.takenIds)
  const accounts = new Map<string, Account>()
  for (const app of apps) {
    if (app.service !== null) {
      accounts.set(app.name, facts.services.get(app.name)?.account ?? unknownAccount)
      continue
    }
    const known = facts.users.get(app.name) ?? facts.owners.get(app.name)
    const id = known ? null : freeAccountId(app.name, taken)
    const ids = known ? { uid: known.uid, gid: known.gid } : { uid: id ?? 0, gid: id ?? 0 }
    taken.add(ids.uid).add(ids.gid)
    accounts.set(app.name, { user: app.name, group: app.name, ...ids })
  }
  return accounts
}

/** Read by the gate and by Litestream's check, which record at each start what a unit was started from. */
function runsFromFile(app: App, resources: Resource[]): Resource {
  const units = resources.filter(
    (resource): resource is UnitResource => resource.kind === 'unit' && resource.runsFrom.length > 0,
  )
  return {
    kind: 'file',
    path: runsFromPath(app.name),
    mode: '0600',
    owner: 'root',
    group: 'root',
    content: units.map((unit) => runsFromLines(unit, resources)).join(''),
    ours: 'record',
  }
}

/** One resource an identity: two apps may want the same package, and all want the same Litestream. */
function merged(resources: Resource[]): Resource[] {
  const seen = new Map<string, Resource>()
  for (const resource of resources) {
    const identity = `${resource.kind} ${'path' in resource ? resource.path : resource.name}`
    if (!seen.has(identity)) seen.set(identity, resource)
  }
  return [...seen.values()]
}

/** A release for a host's architecture; null when the inventory has none for it. */
export function releaseSource({ from }: Release, architecture: Architecture) {
  return 'all' in from ? from.all : (from[architecture] ?? null)
}
