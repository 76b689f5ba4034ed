import path from 'node:path'
import { journaldFile } from '../desired/journal.ts'
import type { Resource } from '../desired/resources.ts'
import { sha256 } from '../desired/runs-from.ts'
import { settingsOf } from '../desired/service.ts'
import type { App, Replica, Service } from '../inventory/model.ts'
import type { ProbeRequest } from '../host/probe.ts'
import { isSecret } from './diff.ts'
import { manifestPath } from './manifest.ts'

/** The user of a service as far as it is known before the host is asked: the inventory's word, or that of a unit file in it. */
function toldUser(app: App, { user, from }: Service): string | null {
  return user ?? ((from !== null && settingsOf(app, from).get('User')) || null)
}

/** The request that a set of wanted resources leads to. */
export function probeRequest(
  resources: Resource[],
  apps: App[],
  replicas: Readonly<Record<string, Replica>>,
  verify: boolean,
): ProbeRequest {
  const request: ProbeRequest = {
    paths: [{ path: manifestPath, sha256: null, show: false, as: 'root' }],
    trees: [],
    databases: apps.flatMap((app) =>
      Object.values(app.databases).map((path) => ({ path, look: app.service !== null })),
    ),
    services: apps.flatMap((app) =>
      app.service === null ? [] : [{ unit: app.service.unit, user: toldUser(app, app.service) }],
    ),
    packages: [],
    users: apps.flatMap(({ was }) => (was === null ? [] : [was])),
    units: [],
    // Under its earlier name, too: what the host remembers of that tells whose files these are.
    apps: apps.flatMap(({ name, was }) => (was === null ? [name] : [name, was])),
    replicas: [...new Set(apps.flatMap(({ replica }) => replica ?? []))].flatMap((name) => {
      const replica = replicas[name]
      return replica?.type === 'file' ? [{ name, path: replica.path, prefix: replica.prefix }] : []
    }),
    ports: apps.flatMap(({ name, port }) => (port === null ? [] : [{ port, user: name }])),
    journald: resources.some((resource) => resource.kind === 'file' && resource.path === journaldFile),
    snippets: resources.flatMap((resource) =>
      resource.kind === 'file' && path.dirname(resource.path) === '/etc/rsyslog.d' ? path.basename(resource.path) : [],
    ),
    verify,
  }
  for (const resource of resources) {
    switch (resource.kind) {
      case 'package':
        request.packages.push(resource.name)
        break
      case 'user':
        request.users.push(resource.name)
        break
      case 'unit':
        request.units.push(resource.name)
        break
      case 'release':
      case 'binary':
        request.trees.push(resource.path)
        break
      case 'file':
        request.paths.push({
          path: resource.path,
          sha256: sha256(resource.content),
          show: !isSecret(resource) && resource.ours === undefined,
          as: resource.as ?? 'root',
        })
        break
      case 'directory':
        request.paths.push({ path: resource.path, sha256: null, show: false, as: resource.as ?? 'root' })
        break
      case 'link':
        request.paths.push({ path: resource.path, sha256: null, show: false, as: 'root' })
        break
    }
  }
  return request
}
