import path from 'node:path'
import type { Secret } from './secret.ts'

/**
 * The inventory as the rest of the program sees it: defaults filled in, names checked, references resolved, relative
 * paths made absolute, durations in seconds, sizes in bytes. Plain data; the loader is the only one that makes it.
 */
export interface Inventory {
  site: string
  /** Absolute folder that relative paths in the inventory start from. */
  root: string
  /** Absolute paths of the files it was read from. */
  files: string[]
  ssh: {
    /** `ssh -F`: absolute path of an ssh_config file; null = the user's own. */
    config: string | null
    /** Absolute path of an additional known_hosts file, beside the user's own; new keys are written here. */
    knownHosts: string | null
  }
  litestream: {
    /** e.g. `0.5.17` */
    version: string
    /** A release folder's URL (…/releases/download/v0.5.17), or an absolute local directory of the same shape; null = upstream's. */
    from: string | null
  }
  replicas: Record<string, Replica>
  hosts: Record<string, Host>
  apps: Record<string, App>
  /** Absent: logging is left as it is found on the hosts. */
  logs?: Logs
}

export interface Logs {
  servers: LogServer[]
  transport: 'tcp' | 'tls'
  /** The user's own authority and, with NAME.pem and NAME.key for each host, the folder of their certificates; null = the site's own. */
  tls: { ca: string; folder: string | null } | null
  /** With TLS: read or made before hosts are looked at (rollout); absent before that. */
  certificates?: LogCertificates
  queue: 'durable' | 'light'
  /** The most that one server's queue takes on a host's disk, bytes. */
  queueBytes: number
  /** Where log servers of the inventory listen. */
  port: number
  /** Networks (CIDR) whose lines they take; null = what follows from their own address. */
  networks: string[] | null
  /** IP addresses by host. Loading fills in what the inventory says; the others are looked up before hosts are (rollout). */
  addresses: Record<string, string[]>
  share: { percent: number } | { bytes: number }
  keepDays: number
  journal: { storage: 'persistent' | 'volatile'; sizeBytes: number; syncSeconds: number }
}

export interface LogCertificates {
  /** PEM. */
  authority: string
  /** PEM, by host; none of a host that shows no certificate. */
  hosts: Record<string, { certificate: string; key: Secret }>
}

/** A host of the inventory, or anything else that speaks syslog over TCP. */
export type LogServer = { kind: 'host'; host: string } | { kind: 'address'; address: string; port: number }

export interface S3Replica {
  name: string
  type: 's3'
  /** With its scheme, no trailing slash. */
  endpoint: string
  region: string
  bucket: string
  /** Without leading or trailing slash; may be empty. */
  prefix: string
  /** Absolute path of a PEM file with the server's own certificate authority. */
  ca: string | null
  accessKeyId: Secret
  secretAccessKey: Secret
  /**
   * Who keeps the owner objects: `conditional` = this bucket enforces conditional writes; `emulate` = GET, compare, PUT,
   * GET again; `{ replica }` = they live on another replica of the inventory that does enforce them.
   */
  ownership: 'conditional' | 'emulate' | { replica: string }
}

/** A directory that something is mounted on. */
export interface FileReplica {
  name: string
  type: 'file'
  /** Where it is mounted on the hosts: absolute, no trailing slash. */
  path: string
  /** Folder within it, without leading or trailing slash; may be empty. */
  prefix: string
  /** What is mounted there; null = the user mounts it. */
  mount: MountSource | null
  /** link(2) is its compare-and-swap (ownership.md, "Where it is stored"). */
  ownership: 'conditional'
}

/** A share, `nas:/volume1/sqlite` as mount.nfs takes it, or the path of a device. */
export type MountSource = { kind: 'nfs'; share: string } | { kind: 'device'; device: string }

export type Replica = S3Replica | FileReplica

export type Architecture = 'amd64' | 'arm64' | 'armhf'

export interface Host {
  name: string
  address: string
  /** null = what ssh_config says (22 by default). */
  port: number | null
  user: string | null
  tags: string[]
  /** For hosts whose sudo asks; null = only `sudo -n` is tried. */
  sudoPassword: Secret | null
  card: Card
}

/** What `streamside card` writes on a new card of a host. */
export interface Card {
  hostname: string
  /** Public keys, or paths of files that hold some; null = those of the operator. */
  authorizedKeys: string[] | null
  /** null = what the image has. */
  timezone: string | null
  wifi: { ssid: string; password: Secret | null; country: string; hidden: boolean } | null
  /** A fixed address; null = DHCP. */
  network: { address: string; gateway: string; dns: string[] } | null
}

export type ReleaseSource =
  | { kind: 'url'; url: string; sha256: string }
  /** A directory, a .tar, .tar.gz/.tgz, .tar.xz, .tar.zst, .zip, or one binary. Absolute path. */
  | { kind: 'path'; path: string }

export interface Release {
  /** Per architecture, or one for all. */
  from: { all: ReleaseSource } | Partial<Record<Architecture, ReleaseSource>>
  /**
   * argv, verbatim. A relative argv[0] with a slash is relative to the release folder; one without a slash is looked up in
   * PATH. In the inventory a string is split as a shell splits words, nothing is expanded; a list is taken as it is.
   */
  command: string[]
  /** Where the app is started: its state directory (default) or the release folder. */
  workingDirectory: 'state' | 'release'
  /** Releases kept on the host. */
  keep: number
}

/** A unit that is not of streamside's making, adopted by a drop-in. */
export interface Service {
  /** With `.service`. */
  unit: string
  /** The Debian package that brings it. */
  package: string | null
  /** Absolute path on the operator's machine of a unit file of the user's. */
  from: string | null
  /** The user that its databases belong to; null = found out on the host. */
  user: string | null
  /** Names that its lines in the log bear, beside the unit's own. */
  logsAs: string[]
}

export interface AppFile {
  /** Absolute path on the operator's machine. */
  from: string
  /** Octal text, e.g. `0640`. */
  mode: string
  /** false = copied as it is; true (default) = rendered with Handlebars. */
  template: boolean
}

export type Health =
  | { kind: 'http'; url: string; withinSeconds: number }
  | { kind: 'tcp'; host: string; port: number; withinSeconds: number }
  | { kind: 'command'; command: string[]; withinSeconds: number }

export interface App {
  name: string
  /** One host (`host:`) or several (`hosts:`), inventory names. */
  hosts: string[]
  /** True for `hosts:`: the instance is then called `name@host` in the replica, else `name`. */
  instancePerHost: boolean
  /** null for an app that is a service. */
  release: Release | null
  /** null for an app that is a release. */
  service: Service | null
  packages: string[]
  port: number | null
  environment: Record<string, string | Secret>
  /** Keyed by the path on the host: relative to the state directory, or absolute below /etc/<app>/ or the state directory. */
  files: Record<string, AppFile>
  /** Absolute paths on the host (relative ones in the inventory start at /var/lib/<app>), keyed by the database's name. */
  databases: Record<string, string>
  /** Inventory name of the replica; null only when there is no database. */
  replica: string | null
  litestream: {
    syncIntervalSeconds: number
    /** At least 7 days. */
    retentionSeconds: number
    snapshotIntervalSeconds: number
    /** Loopback port of the metrics; null = the program chooses one and keeps it. */
    metricsPort: number | null
    /** A service's databases may be switched to WAL mode. */
    switchToWal: boolean
  }
  storage: { kind: 'persistent' } | { kind: 'ephemeral'; sizeBytes: number }
  whenReplicaUnreachable: 'start' | 'wait'
  offlineLimitSeconds: number
  restart: 'restore' | 'prove' | 'auto'
  unprotected: string[]
  /** The name it had before; its data go with it. */
  was: string | null
  health: Health | null
  /** A file, its absolute path on the host, that takes the app out of service for so long before it is stopped. */
  drain: { file: string; waitSeconds: number } | null
  sandbox: {
    /** systemd's MemoryDenyWriteExecute=; off by default, it breaks JITs (Node, Java). */
    memoryDenyWriteExecute: boolean
  }
}

/** The name an app's data have in the replica: `name` for `host:`, `name@host` for each of `hosts:` (ownership.md). */
export function instanceName(app: Pick<App, 'name' | 'instancePerHost'>, host: string): string {
  return app.instancePerHost ? `${app.name}@${host}` : app.name
}

/** The unit that an app is run by. */
export function unitOf(app: { name: string; service: Pick<Service, 'unit'> | null }): string {
  return app.service?.unit ?? `${app.name}.service`
}

/**
 * Names that a service's lines in the log bear: the unit's, for most programs are called as their unit is, and those that the
 * inventory has. Not the unit's name of a template's instance, which no program is called by.
 */
export function loggedAs({ unit, logsAs }: Pick<Service, 'unit' | 'logsAs'>): string[] {
  return [...new Set([...(unit.includes('@') ? [] : [unit.replace(/\.service$/, '')]), ...logsAs])]
}

/** The app's state directory on the host. */
export function stateDirectory(app: string): string {
  return `/var/lib/${app}`
}

/** The folder whose bytes `status` counts; null when that is nobody's to look through (a service that says nothing of it). */
export function countedFolder(
  app: Pick<App, 'name' | 'databases' | 'unprotected'> & { service: Pick<Service, 'unit'> | null },
): string | null {
  if (app.service === null) return stateDirectory(app.name)
  const [file] = Object.values(app.databases)
  if (file === undefined) return null
  const folder = path.posix.dirname(file)
  // that one of its databases may not be there says nothing of what lies beside them
  const beside = app.unprotected.filter((each) => !Object.values(app.databases).includes(path.posix.join(folder, each)))
  return beside.length > 0 ? folder : null
}
