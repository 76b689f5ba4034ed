import type { App, Architecture, Host, Inventory } from '../inventory/model.ts'
import type { PackedRelease } from '../artifacts/release.ts'
import { freeAccountId } from './accounts.ts'
import { appResources } from './app.ts'
import { baseResources } from './base.ts'
import { gateResources } from './gate.ts'
import { litestreamResources } from './litestream.ts'
import { isLogServer, loggingResources } from './logging.ts'
import { configDirectory } from './places.ts'
import { metricsPorts } from './ports.ts'
import type { Resource, UnitResource } from './resources.ts'
import { runsFromDigest } from './runs-from.ts'
import { storageResources } from './storage.ts'

/** What is known of a host before its resources can be made out. */
export interface HostFacts {
  users: ReadonlyMap<string, { uid: number; gid: number }>
  takenIds: ReadonlySet<number>
  /** Metrics ports that the host's manifest records. */
  metrics: Record<string, number>
  /** uid and gid that an app's owner object fixes, by app name. */
  owners: ReadonlyMap<string, { uid: number; gid: number }>
}

/** What is shipped: found or made on the operator's machine before. */
export interface HostArtifacts {
  litestream: { version: string; binary: string; sha256: string } | null
  /** By app name. */
  releases: ReadonlyMap<string, Pick<PackedRelease, 'digest' | 'tar' | 'bytes' | 'entries'>>
}

/** Facts of a host that nothing is known of yet: enough for a first guess at what to ask a probe for. */
export const noFacts: HostFacts = { users: new Map(), takenIds: new Set(), metrics: {}, owners: new Map() }

/** What one host should look like. */
export interface HostState {
  host: Host
  apps: App[]
  resources: Resource[]
  /** Loopback ports of Litestream's metrics, by app name. */
  metrics: Record<string, number>
  accounts: Map<string, { uid: number; gid: number }>
}

/** The apps of the inventory that live on a host, by name. */
export function appsOn(inventory: Inventory, host: string): App[] {
  return Object.values(inventory.apps)
    .filter((app) => app.hosts.includes(host))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

/**
 * What the inventory says a host should look like: pure, so that it is tested without one.
 * @throws Problem `template` when a file of the user's does not render
 */
export function desiredHost(inventory: Inventory, host: Host, facts: HostFacts, artifacts: HostArtifacts): HostState {
  const apps = appsOn(inventory, host.name)
  const gated = apps.filter((app) => Object.keys(app.databases).length > 0)
  const metrics = metricsPorts(gated, facts.metrics)
  const accounts = accountsOf(apps, facts)
  const resources: Resource[] = [
    ...baseResources(gated.length > 0, isLogServer(inventory, host.name)),
    ...loggingResources(inventory, host),
  ]
  for (const app of apps) {
    const account = accounts.get(app.name) ?? { uid: 0, gid: 0 }
    const release = artifacts.releases.get(app.name)
    if (!release) throw new Error(`no release was packed for ${app.name}`)
    const own = appResources({ app, host, ...account, release })
    if (Object.keys(app.databases).length > 0) {
      if (!artifacts.litestream) throw new Error('Litestream was not fetched')
      own.push(...storageResources(app, account))
      own.push(
        ...litestreamResources({
          inventory,
          app,
          host,
          litestream: artifacts.litestream,
          metricsPort: metrics[app.name] ?? 0,
        }),
        ...gateResources({ inventory, app, host, litestream: artifacts.litestream }),
      )
    }
    resources.push(...own, runsFromFile(app, own))
  }
  return { host, apps, resources: merged(resources), metrics, accounts }
}

function accountsOf(apps: App[], facts: HostFacts): Map<string, { uid: number; gid: number }> {
  const taken = new Set(facts.takenIds)
  const accounts = new Map<string, { uid: number; gid: number }>()
  for (const app of apps) {
    const known = facts.users.get(app.name) ?? facts.owners.get(app.name)
    const id = known ? null : freeAccountId(app.name, taken)
    const account = known ? { uid: known.uid, gid: known.gid } : { uid: id ?? 0, gid: id ?? 0 }
    taken.add(account.uid).add(account.gid)
    accounts.set(app.name, account)
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
    path: `${configDirectory(app.name)}/runs-from`,
    mode: '0600',
    owner: 'root',
    group: 'root',
    content: units.map((unit) => `${unit.name} ${runsFromDigest(unit, resources)}\n`).join(''),
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

/** The release of an app for a host's architecture; null when the inventory has none for it. */
export function releaseSource(app: App, architecture: Architecture) {
  return 'all' in app.release.from ? app.release.from.all : (app.release.from[architecture] ?? null)
}
