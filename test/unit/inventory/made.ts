import { plainCard } from '../../../src/inventory/cards.ts'
import type { App, Host, Inventory, Logs, Replica } from '../../../src/inventory/model.ts'

/** Inventories as the loader makes them, for tests that need no YAML: each says only what it is about. */

export const host: Host = {
  name: 'pi',
  address: 'pi',
  port: null,
  user: null,
  tags: [],
  sudoPassword: null,
  card: plainCard('pi'),
}

export function app(name: string, more: Partial<App> = {}): App {
  return {
    name,
    hosts: ['pi'],
    instancePerHost: false,
    release: { from: { all: { kind: 'path', path: '/x' } }, command: ['./serve'], workingDirectory: 'state', keep: 3 },
    service: null,
    packages: [],
    port: null,
    environment: {},
    files: {},
    databases: {},
    replica: null,
    litestream: {
      syncIntervalSeconds: 1,
      retentionSeconds: 604_800,
      snapshotIntervalSeconds: 86_400,
      metricsPort: null,
      switchToWal: false,
    },
    storage: { kind: 'persistent' },
    whenReplicaUnreachable: 'start',
    offlineLimitSeconds: 86_400,
    restart: 'auto',
    unprotected: [],
    health: null,
    drain: null,
    was: null,
    sandbox: { memoryDenyWriteExecute: false },
    ...more,
  }
}

/** Two hosts, and one app on the first of them with its database in the first of the replicas. */
export function inventoryOf(...replicas: [Replica, ...Replica[]]): { inventory: Inventory; app: App } {
  const gotify = app('gotify', {
    hosts: ['pi-attic'],
    databases: { main: '/var/lib/gotify/main.db' },
    replica: replicas[0].name,
  })
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
    apps: { gotify },
  }
  return { inventory, app: gotify }
}

/** Hosts by their names, with nothing on them but what concerns their logs; `logs` says what is not the usual. */
export function loggingSite(
  names: readonly string[],
  logs: Pick<Logs, 'servers' | 'addresses'> & Partial<Logs>,
): Inventory {
  return {
    site: 's',
    root: '/',
    files: [],
    ssh: { config: null, knownHosts: null },
    litestream: { version: '0.5.17', from: null },
    replicas: {},
    hosts: Object.fromEntries(names.map((name) => [name, { ...host, name, address: name }])),
    apps: {},
    logs: {
      transport: 'tcp',
      tls: null,
      queue: 'durable',
      queueBytes: 1_048_576,
      port: 514,
      networks: null,
      share: { bytes: 2 ** 30 },
      keepDays: 30,
      journal: { storage: 'persistent', sizeBytes: 2 ** 26, syncSeconds: 60 },
      ...logs,
    },
  }
}
