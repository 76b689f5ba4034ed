import type { App, Inventory, S3Replica } from '../../../src/inventory/model.ts'

/** An inventory of two hosts and one app with its databases in the first of the replicas. */
export function inventoryWith(...replicas: [S3Replica, ...S3Replica[]]): { inventory: Inventory; app: App } {
  const app: App = {
    name: 'gotify',
    hosts: ['pi-attic'],
    instancePerHost: false,
    release: {
      from: { all: { kind: 'path', path: '/nowhere' } },
      command: ['./gotify'],
      workingDirectory: 'state',
      keep: 5,
    },
    packages: [],
    port: null,
    environment: {},
    files: {},
    databases: { main: '/var/lib/gotify/main.db' },
    replica: replicas[0].name,
    litestream: {
      syncIntervalSeconds: 1,
      retentionSeconds: 604_800,
      snapshotIntervalSeconds: 86_400,
      metricsPort: null,
    },
    storage: { kind: 'persistent' },
    whenReplicaUnreachable: 'start',
    offlineLimitSeconds: 86_400,
    restart: 'auto',
    unprotected: [],
    health: null,
    sandbox: { memoryDenyWriteExecute: false },
  }
  const host = { port: null, user: null, tags: [], sudoPassword: null }
  const inventory: Inventory = {
    site: 'test',
    root: '/nowhere',
    files: [],
    ssh: { config: null, knownHosts: null },
    litestream: { version: '0.5.17', from: null },
    replicas: Object.fromEntries(replicas.map((replica) => [replica.name, replica])),
    hosts: {
      'pi-attic': { ...host, name: 'pi-attic', address: '10.0.0.1' },
      'pi-cellar': { ...host, name: 'pi-cellar', address: '10.0.0.2' },
    },
    apps: { gotify: app },
  }
  return { inventory, app }
}
