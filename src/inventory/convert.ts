import { type AppEntry, type Entries, type HostEntry, isDirectory, type ReplicaEntry } from './entries.ts'
import type { App, AppFile, Health, Host, Inventory, MountSource, Release, Replica, Service } from './model.ts'
import { toCard } from './cards.ts'
import { toLogs } from './logs.ts'
import { onHost, onOperator } from './paths.ts'
import { releaseSource, releaseSources } from './release-sources.ts'
import { oldestLitestream } from './schema/inventory.ts'
import { Secret } from './secret.ts'

const day = 86_400

interface Conversion {
  entries: Entries
  folder: string
  files: string[]
  secrets: Map<string, Secret>
}

/** The inventory for the rest of the program: defaults filled in, paths absolute. Only for entries without mistakes. */
export function toInventory(conversion: Conversion): Inventory {
  const { entries, folder, files } = conversion
  const { top } = entries
  const from = top.litestream?.from
  return {
    site: sure(top.site),
    root: folder,
    files,
    ssh: {
      config: top.ssh?.config === undefined ? null : onOperator(folder, top.ssh.config),
      knownHosts: top.ssh?.['known-hosts'] === undefined ? null : onOperator(folder, top.ssh['known-hosts']),
    },
    litestream: {
      version: top.litestream?.version ?? oldestLitestream.join('.'),
      from: from === undefined ? null : /^https?:\/\//.test(from) ? from.replace(/\/+$/, '') : onOperator(folder, from),
    },
    replicas: record(entries.replicas, (name, entry) => toReplica(conversion, name, entry)),
    hosts: record(entries.hosts, (name, entry) => toHost(conversion, name, entry)),
    apps: record(entries.apps, (name, entry) => toApp(conversion, name, entry)),
    ...(top.logs === undefined ? {} : { logs: toLogs(top.logs, entries.hosts, folder) }),
  }
}

/** Without a prototype: an app may be called `constructor`, and a look-up of that name must not find a function. */
function record<T, U>(entries: Map<string, T>, convert: (name: string, entry: T) => U): Record<string, U> {
  const result: Record<string, U> = Object.create(null)
  for (const [name, entry] of entries) result[name] = convert(name, entry)
  return result
}

/** Entries without mistakes are complete; anything else here is a bug in the checks. */
function sure<T>(value: T | undefined): T {
  if (value === undefined) throw new TypeError('an inventory with a mistake in it was taken for a good one')
  return value
}

function secretOf({ secrets }: Conversion, symbol: symbol): Secret {
  const name = symbol.description ?? ''
  // With `skipSecrets` nothing was looked up: an empty value that carries the name.
  return secrets.get(name) ?? new Secret(name, '')
}

function toReplica(conversion: Conversion, name: string, entry: ReplicaEntry): Replica {
  if (isDirectory(entry))
    return {
      name,
      type: 'file',
      path: sure(entry.path),
      prefix: entry.prefix ?? '',
      mount: entry.mount === undefined ? null : toMount(entry.mount),
      ownership: 'conditional',
    }
  const region = entry.region ?? 'us-east-1'
  const { ownership } = entry
  return {
    name,
    type: 's3',
    endpoint: entry.endpoint ?? `https://s3.${region}.amazonaws.com`,
    region,
    bucket: sure(entry.bucket),
    prefix: entry.prefix ?? '',
    ca: entry.ca === undefined ? null : onOperator(conversion.folder, entry.ca),
    accessKeyId: secretOf(conversion, sure(entry['access-key-id'])),
    secretAccessKey: secretOf(conversion, sure(entry['secret-access-key'])),
    ownership: ownership === undefined ? 'conditional' : ownership === 'emulate' ? 'emulate' : { replica: ownership },
  }
}

/** udev's links by what a file system is called: the same on every host, and a path is what a mount unit wants of a device. */
function toMount(text: string): MountSource {
  const nfs = /^nfs:\/\/([^/]+)(\/.*)$/.exec(text)
  if (nfs) return { kind: 'nfs', share: `${nfs[1]}:${nfs[2]}` }
  const [, by, name] = /^(LABEL|UUID|PARTUUID)=(.*)$/.exec(text) ?? []
  return {
    kind: 'device',
    device: by === undefined ? text : `/dev/disk/by-${by.toLowerCase()}/${linkName(name ?? '')}`,
  }
}

/** As udev writes a label in the name of a link: `My\x20Passport` (encode_devnode_name in systemd's src/shared/device-nodes.c). */
function linkName(label: string): string {
  return label.replaceAll(
    /[^A-Za-z0-9#+\-.:=@_\u{80}-\u{10ffff}]/gu,
    (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
}

function toHost(conversion: Conversion, name: string, entry: HostEntry): Host {
  const defaults = conversion.entries.top.defaults
  const password = entry['sudo-password']
  return {
    name,
    address: entry.address ?? name,
    port: entry.port ?? defaults?.port ?? null,
    user: entry.user ?? defaults?.user ?? null,
    tags: entry.tags ?? [],
    sudoPassword: password === undefined ? null : secretOf(conversion, password),
    card: toCard(name, entry.card, defaults?.card, (symbol) => secretOf(conversion, symbol)),
  }
}

function toApp(conversion: Conversion, name: string, entry: AppEntry): App {
  const { folder, entries } = conversion
  const databases = entry.database === undefined ? (entry.databases ?? {}) : { main: entry.database }
  const paths = record(new Map(Object.entries(databases)), (_, path) => onHost(name, path))
  const hasDatabase = Object.keys(paths).length > 0
  return {
    name,
    hosts: entry.hosts ?? (entry.host === undefined ? [] : [entry.host]),
    instancePerHost: entry.hosts !== undefined,
    release: entry.service === undefined ? toRelease(folder, entry.release) : null,
    service: toService(folder, entry.service),
    packages: [...new Set(entry.packages)],
    port: entry.port ?? null,
    environment: record(new Map(Object.entries(entry.environment ?? {})), (_, value) =>
      typeof value === 'symbol' ? secretOf(conversion, value) : value,
    ),
    files: record(new Map(Object.entries(entry.files ?? {})), (_, file): AppFile => ({
      from: onOperator(folder, file.from),
      mode: file.mode ?? '0640',
      template: file.template ?? true,
    })),
    databases: paths,
    replica: hasDatabase ? (entry.replica ?? entries.top.defaults?.replica ?? null) : null,
    litestream: {
      syncIntervalSeconds: entry.litestream?.['sync-interval'] ?? 1,
      retentionSeconds: entry.litestream?.retention ?? 7 * day,
      snapshotIntervalSeconds: entry.litestream?.['snapshot-interval'] ?? day,
      metricsPort: entry.litestream?.metrics ?? null,
      switchToWal: entry.litestream?.wal === 'switch',
    },
    storage:
      typeof entry.storage === 'object'
        ? { kind: 'ephemeral', sizeBytes: entry.storage.ephemeral }
        : { kind: 'persistent' },
    whenReplicaUnreachable: entry['when-replica-unreachable'] ?? 'start',
    offlineLimitSeconds: entry['offline-limit'] ?? day,
    restart: entry.restart ?? 'auto',
    unprotected: entry.unprotected ?? [],
    was: entry.was ?? null,
    health: toHealth(entry.health),
    drain: toDrain(name, entry.drain),
    sandbox: { memoryDenyWriteExecute: entry.sandbox?.['deny-write-execute'] ?? false },
  }
}

function toRelease(folder: string, entry: AppEntry['release']): Release {
  const { from, command } = { from: sure(entry?.from), command: sure(entry?.command) }
  const sources = releaseSources(from, []).map(
    ({ source, architecture }) => [architecture ?? 'all', releaseSource(folder, source)] as const,
  )
  return {
    from: Object.fromEntries(sources),
    command,
    workingDirectory: entry?.['working-directory'] ?? 'state',
    keep: entry?.keep ?? 5,
  }
}

function toService(folder: string, entry: AppEntry['service']): Service | null {
  if (entry === undefined) return null
  return {
    unit: sure(entry.unit),
    package: entry.package ?? null,
    from: entry.from === undefined ? null : onOperator(folder, entry.from),
    user: entry.user ?? null,
    logsAs: entry['logs-as'] ?? [],
  }
}

function toDrain(name: string, entry: AppEntry['drain']): App['drain'] {
  if (entry?.file === undefined) return null
  return { file: onHost(name, sure(entry.file.path)), waitSeconds: entry.file.wait ?? 10 }
}

function toHealth(entry: AppEntry['health']): Health | null {
  if (!entry) return null
  const withinSeconds = entry.within ?? 30
  if (entry.http !== undefined) return { kind: 'http', url: entry.http, withinSeconds }
  if (entry.command !== undefined) return { kind: 'command', command: entry.command, withinSeconds }
  if (typeof entry.tcp === 'string') {
    const colon = entry.tcp.lastIndexOf(':')
    return {
      kind: 'tcp',
      host: entry.tcp.slice(0, colon).replace(/^\[|\]$/g, ''),
      port: Number(entry.tcp.slice(colon + 1)),
      withinSeconds,
    }
  }
  return { kind: 'tcp', host: '127.0.0.1', port: entry.tcp ?? 0, withinSeconds }
}
