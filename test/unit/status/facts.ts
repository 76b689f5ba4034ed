import type { Observed, ObservedUnit } from '../../../src/host/observed.ts'
import type { App } from '../../../src/inventory/model.ts'
import type { HostFacts } from '../../../src/status/host-status.ts'
import type { FileSystem, Health } from '../../../src/status/health.ts'
import { whatBecame } from '../../../src/status/left.ts'
import type { Position, SeenApp } from '../../../src/status/seen.ts'

/** When the host was asked. */
export const now = 1_795_260_000
export const me = 'a'.repeat(64)
export const path = 'e0001-0000000a'
export const tx = (id: number): string => id.toString(16).padStart(16, '0')

export function app(change: Partial<App> = {}): App {
  return {
    name: 'notes',
    hosts: ['pi'],
    instancePerHost: false,
    service: null,
    databases: { main: '/var/lib/notes/data/notes.db' },
    files: {},
    unprotected: [],
    litestream: { syncIntervalSeconds: 1, retentionSeconds: 0, snapshotIntervalSeconds: 0, metricsPort: null },
    ...change,
  } as App
}

export function position(change: Partial<Position> = {}): Position {
  return { bytes: 8192, l0: tx(9), l0Time: now - 50, pending: false, unsent: null, unread: false, ...change }
}

/** An app that runs in peace, as its host saw it. */
export function seen(change: Partial<SeenApp> = {}): SeenApp {
  return {
    claim: { path, epoch: 1, id: me },
    lastOwner: {
      read: now - 600,
      owner: { epoch: 1, path, holder: { host: 'pi', id: me }, from: null, initialised: [] },
    },
    proof: { time: now - 30, held: true, text: '' },
    unprovenSince: null,
    alerts: [],
    owner: {
      askedAt: now,
      http: 200,
      serverTime: now,
      body: { epoch: 1, path, holder: { host: 'pi', id: me }, from: null, initialised: [] },
    },
    verdict: { do: 'prove', code: 'mine', text: '', next: '' },
    first: [position()],
    last: [position()],
    remote: new Map([['main', { max: tx(9), sent: new Date((now - 49) * 1000).toISOString() }]]),
    paths: new Map([['main', '/var/lib/notes/data/notes.db']]),
    obstacle: null,
    unheld: { bytes: 0, files: 0, paths: [], accepted: [], asideBytes: 0, partial: false, denied: null },
    failed: null,
    ...change,
  }
}

export function unit(change: Partial<ObservedUnit> = {}): ObservedUnit {
  return {
    loadState: 'loaded',
    activeState: 'active',
    subState: 'running',
    unitFileState: 'enabled',
    fragmentPath: '',
    dropInPaths: [],
    needsReload: false,
    result: 'success',
    invocation: 'a1',
    ...change,
  }
}

export function units(change: Record<string, ObservedUnit> = {}): Map<string, ObservedUnit> {
  return new Map(
    Object.entries({
      'notes.service': unit(),
      'notes-litestream.service': unit(),
      'notes-gate.service': unit({ activeState: 'inactive', subState: 'dead' }),
      'notes-check.timer': unit({ subState: 'waiting' }),
      ...change,
    }),
  )
}

export function fileSystem(change: Partial<FileSystem> = {}): FileSystem {
  return {
    path: '/',
    holds: ['/', '/var/lib', '/opt'],
    source: '/dev/mmcblk0p2',
    type: 'ext4',
    readOnly: false,
    declaredReadOnly: false,
    sizeKib: 30_000_000,
    availableKib: 12_000_000,
    inodes: 1_000_000,
    availableInodes: 900_000,
    ...change,
  }
}

/** A machine that is no Raspberry Pi, in good health. */
export function health(change: Partial<Health> = {}): Health {
  return {
    power: null,
    temperature: null,
    ioErrors: { count: 0, first: null, last: null, lines: [] },
    ext4: [],
    fileSystems: [fileSystem()],
    ...change,
  }
}

/** A host on which all is well. */
export function hostFacts(
  change: Omit<Partial<HostFacts>, 'observed'> & { app?: Partial<SeenApp>; observed?: Partial<Observed> } = {},
): HostFacts {
  const { app: seenApp, observed, ...rest } = change
  return {
    host: 'pi',
    apps: [app()],
    whatBecame: (name) => whatBecame(name, 'pi', { apps: {} }),
    observed: {
      hostId: me,
      clock: { epochSeconds: now, synchronized: true },
      memory: { totalKib: 4_000_000, availableKib: 1_000_000 },
      disks: [
        { target: '/', sizeKib: 30_000_000, availableKib: 12_000_000, inodes: 1_000_000, availableInodes: 900_000 },
      ],
      apps: new Map([['notes', { claimed: true, reason: null, releases: [] }]]),
      transactions: [],
      ...observed,
    } as unknown as Observed,
    seen: {
      units: units(),
      upSeconds: new Map([['notes.service', 86_400]]),
      health: health(),
      apps: new Map([['notes', seen(seenApp)]]),
      left: [],
    },
    drift: { known: true, changes: [] },
    refused: [],
    asked: { from: now - 1, to: now + 1 },
    ...rest,
  }
}
