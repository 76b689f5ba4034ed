import type { HostState } from '../../../src/desired/host-state.ts'
import type { FileResource, Resource } from '../../../src/desired/resources.ts'
import { runsFromDigest, sha256 } from '../../../src/desired/runs-from.ts'
import type { Observed } from '../../../src/host/observed.ts'
import type { App } from '../../../src/inventory/model.ts'
import { manifestFor, readManifest } from '../../../src/plan/manifest.ts'
import { host } from '../inventory/made.ts'

/** Hosts for plans: facts as a probe would bring them, made rather than recorded, so that a test shows just its drift. */

export function hostState(apps: App[], resources: Resource[]): HostState {
  return {
    host,
    apps,
    later: [],
    resources,
    metrics: {},
    accounts: new Map(),
    services: new Map(),
    elsewhere: new Map(),
    others: [],
  }
}

/** A file of root's, for what only its place matters. */
export function emptyFile(path: string): FileResource {
  return { kind: 'file', path, mode: '0644', owner: 'root', group: 'root', content: '' }
}

/** A bare Debian 12. */
export function bare(): Observed {
  return {
    os: { id: 'debian', version: '12', codename: 'bookworm' },
    architecture: 'amd64',
    systemd: 252,
    bootId: 'b',
    hostname: 'pi',
    hostId: 'h',
    clock: { epochSeconds: 0, synchronized: true },
    memory: { totalKib: 1, availableKib: 1 },
    disks: [],
    readOnly: [],
    listeners: [],
    users: new Map(),
    takenIds: new Set(),
    packages: new Map(),
    paths: new Map(),
    trees: new Map(),
    databases: new Map(),
    databaseFolders: new Map(),
    services: new Map(),
    serviceAccounts: new Map(),
    signatures: new Map(),
    units: new Map(),
    overrides: new Map(),
    afterOurs: new Map(),
    overridesElsewhere: new Map(),
    started: new Map(),
    apps: new Map(),
    transactions: [],
    journald: null,
    replicas: new Map(),
    laid: new Set(),
    manifest: null,
  }
}

/** A host that is exactly as wanted, as the probe would see it after a good run. */
export function asWanted(state: HostState): Observed {
  const observed = bare()
  for (const resource of state.resources) {
    switch (resource.kind) {
      case 'package':
        observed.packages.set(resource.name, '1')
        break
      case 'user':
        observed.users.set(resource.name, { ...resource, shell: '/usr/sbin/nologin' })
        break
      case 'directory':
        observed.paths.set(resource.path, { ...resource, type: 'directory' })
        break
      case 'file':
        observed.paths.set(resource.path, {
          ...resource,
          type: 'file',
          size: resource.content.length,
          sha256: sha256(resource.content),
          content: null,
        })
        break
      case 'link':
        observed.paths.set(resource.path, { type: 'link', target: resource.target })
        break
      case 'release':
      case 'binary': {
        const digest = resource.kind === 'release' ? resource.digest : resource.sha256
        observed.trees.set(resource.path, { stat: 's', content: null })
        observed.signatures.set(resource.path, { stat: 's', content: 'c', digest })
        break
      }
      case 'unit':
        observed.units.set(resource.name, {
          loadState: 'loaded',
          activeState: 'active',
          subState: 'running',
          unitFileState: 'enabled',
          fragmentPath: '',
          dropInPaths: [],
          needsReload: false,
          result: 'success',
          invocation: 'a1',
        })
        observed.started.set(resource.name, runsFromDigest(resource, state.resources))
        break
    }
  }
  for (const { name } of state.apps)
    observed.apps.set(name, { claimed: true, claimPath: null, reason: null, releases: [] })
  observed.manifest = JSON.stringify(manifestFor(state, readManifest(null)))
  return observed
}
