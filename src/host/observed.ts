/** What a probe saw of a host: facts only, no judgement. */
export interface Observed {
  os: { id: string; version: string; codename: string }
  /** Debian's name of the userland's architecture, e.g. `arm64`. */
  architecture: string
  /** systemd's major version. */
  systemd: number
  bootId: string
  hostname: string
  /** ownership.md: sha256 of machine-id, hardware serial and root disk, hex. */
  hostId: string
  clock: { epochSeconds: number; synchronized: boolean }
  memory: { totalKib: number; availableKib: number }
  disks: { target: string; sizeKib: number; availableKib: number; inodes: number; availableInodes: number }[]
  /** Mount points that are read-only. */
  readOnly: string[]
  /** Who listens on a port that an app here wants, and is not that app; on an address that is in its way. */
  listeners: Listener[]
  users: Map<string, { uid: number; gid: number; home: string; shell: string }>
  /** uids and gids in use. */
  takenIds: Set<number>
  /** Only packages that are installed in order. */
  packages: Map<string, string>
  paths: Map<string, ObservedPath>
  trees: Map<string, { stat: string; content: string | null }>
  /** The databases that were asked for and are there. */
  databases: Map<string, ObservedDatabase>
  /** By path of a database: the folder that it lies in, or is to lie in; those that are not there yet are left out. */
  databaseFolders: Map<string, { owner: string; group: string; mode: string }>
  /** Units of services that are adopted, or to be. */
  services: Map<string, ObservedService>
  /** The users of those units and of their databases. */
  serviceAccounts: Map<string, { uid: number; gid: number; group: string }>
  /** What apply recorded when it laid a tree. */
  signatures: Map<string, { stat: string; content: string; digest: string }>
  units: Map<string, ObservedUnit>
  /** Drop-ins of an adopted unit that count after ours, and say themselves under which condition it starts; others are left out. */
  afterOurs: Map<string, string[]>
  /** Drop-ins of a unit, whether systemd has read them or not; units without any are left out. */
  overrides: Map<string, string[]>
  /** The same in the folders of packages. */
  overridesElsewhere: Map<string, string[]>
  /** The record of a unit's last start since boot (record-start.sh): what it ran from. */
  started: Map<string, string>
  apps: Map<string, ObservedApp>
  /** Transactions that run, were cut off by a power cut or a kill, or ended when nobody followed them any more (told once). */
  transactions: ObservedTransaction[]
  /** What journald's configuration comes to, by key; null when it was not asked for. */
  journald: Map<string, JournaldSetting> | null
  /** Why rsyslog would refuse its configuration at its next start, in its own words; absent when it would not. */
  rsyslogComplaint?: string
  /** Snippets of ours that its configuration does not, or would not, include; absent when it includes all of them. */
  rsyslogUnread?: string[]
  /** Replicas in directories, by name. */
  replicas: Map<string, ObservedReplica>
  /** Files laid, or about to be, by transactions that ended before they could record them in the manifest. */
  laid: Set<string>
  /** The text of /var/lib/streamside/manifest. */
  manifest: string | null
}

export interface Listener {
  port: number
  /** null when it is gone, or in a namespace of its own. */
  pid: number | null
  command: string
  /** The systemd unit that it runs in: a service or a session's scope; empty when it is in none. */
  unit: string
}

/** The assignment of a key that counts, and the file that it stands in. */
export interface JournaldSetting {
  value: string
  file: string
}

export interface ObservedReplica {
  path: string
  /** Something is mounted there, or it has the mark of a replica. */
  isMounted: boolean
  /** Owner and mode (octal text) of the directory below what is mounted; null when that is not to be seen. */
  below: { owner: string; mode: string } | null
  /** The newest owner object in each folder of it, as it lies there: anybody may have written it. */
  owners: { instance: string; body: string }[]
}

export interface ObservedTransaction {
  /** Begins with the UTC time of its start, `YYYYMMDDTHHMMSS`. */
  id: string
  state: 'running' | 'interrupted' | 'ended'
  /** Somebody is following it just now. */
  attended: boolean
  /** Operator, machine and command. */
  who: string
}

export type ObservedPath =
  | { type: 'link'; target: string }
  | {
      type: 'file'
      mode: string
      owner: string
      group: string
      size: number
      /** `unread` when it could not be read, and when its app may not read it and it is not what was asked for. */
      sha256: string
      /** Only when it differs from what was asked for, and was to be shown. */
      content: Buffer | null
    }
  /** `mount`: a folder below a state directory that is another's than the app's, and on another mount. */
  | { type: 'directory' | 'mount' | 'other'; mode: string; owner: string; group: string }

export interface ObservedDatabase {
  bytes: number
  owner: string
  group: string
  /** In octal, as `stat -c %a` has it. */
  mode: string
  /** The same of its WAL, shared memory, journal and Litestream's folder, as far as they are there. */
  beside?: { owner: string; group: string; mode: string }[]
  /** Of a service's: how its header says that it is written; `none` before it is one. */
  journal?: 'wal' | 'rollback' | 'none'
}

/** What systemd says of a service's unit, by systemd's own names. */
export interface ObservedService {
  properties: Map<string, string>
  /** Settings of the unit's own files, without our drop-in's. */
  own: Map<string, string>
}

export interface ObservedUnit {
  loadState: string
  activeState: string
  subState: string
  unitFileState: string
  fragmentPath: string
  dropInPaths: string[]
  needsReload: boolean
  result: string
  /** systemd's id of its last start; empty when there was none. */
  invocation: string
}

export interface ObservedApp {
  /** A claim file is there: this host has written, or may write, to a path of the replica. */
  claimed: boolean
  /** The path that its files belong to, when this very machine has claimed it; null otherwise. */
  claimPath: string | null
  /** Why the gate holds the app back; null when it does not. */
  reason: GateReason | null
  releases: string[]
}

/** /var/lib/streamside/apps/<app>/reason, written by the gate. */
export interface GateReason {
  time: string
  code: string
  text: string
  next: string
}
