import type { ReleaseEntry } from '../artifacts/release-entry.ts'
import type { Secret } from '../inventory/secret.ts'

/**
 * What a host should look like, as data. The plan compares each with what the probe saw; apply carries the difference
 * out. Identity is `kind` plus `name` or `path`.
 */
export type Resource =
  | PackageResource
  | UserResource
  | DirectoryResource
  | FileResource
  | LinkResource
  | ReleaseResource
  | BinaryResource
  | UnitResource

export interface PackageResource {
  kind: 'package'
  name: string
}

/** A system user with a group of the same name and no login. */
export interface UserResource {
  kind: 'user'
  name: string
  home: string
  uid: number
  gid: number
}

export interface DirectoryResource {
  kind: 'directory'
  path: string
  /** Octal text, four digits: `0750`. */
  mode: string
  owner: string
  group: string
  /** As for files. Default root. */
  as?: string
  /** Made when it is missing; one that is there is somebody's and stays as it is. */
  onlyMade?: boolean
  /** With `onlyMade`: once streamside has made it, it is its own, and kept as it is wanted. */
  ownOnceMade?: boolean
  /** Made along with what lies in it, so that it is never missed by itself: its owner and mode are looked at where it is. */
  implied?: boolean
  /** Somebody may have put it elsewhere, and a link in its place. */
  mayBeLink?: boolean
}

/** A folder of root's that comes with what lies in it: whoever else may write to it could put something else in there. */
export function impliedFolder(path: string, mode: string, more: { mayBeLink?: true } = {}): DirectoryResource {
  return { kind: 'directory', path, mode, owner: 'root', group: 'root', implied: true, ...more }
}

export interface FileResource {
  kind: 'file'
  path: string
  mode: string
  owner: string
  group: string
  content: string | Buffer
  /** Holds these; like `opaque`, for what it held before is as secret, and is known to nobody here. */
  secrets?: Secret[]
  /** A program or a record of our own, shown as such: nobody needs to read a diff of it. */
  ours?: 'program' | 'record'
  /** Never shown in a diff at all, only `changed`. */
  opaque?: boolean
  /** Checked on the host before it is renamed into place. */
  validate?: 'unit' | 'drop-in' | 'sh' | 'json' | 'rsyslog' | 'journald'
  /** The user that writes it: an app's own for what lies in folders that the app controls. Default root. */
  as?: string
}

export interface LinkResource {
  kind: 'link'
  path: string
  target: string
}

/** A release folder /opt/<app>/releases/<digest>: its content is `digest`, so an existing one is never written again. */
export interface ReleaseResource {
  kind: 'release'
  app: string
  digest: string
  path: string
  /** Absolute path of the tar (uncompressed) on the operator's machine whose members are the release's files. */
  tar: string
  /** Bytes it takes when unpacked, about. */
  bytes: number
  /** What it holds: compared on the host with what has arrived. */
  entries: readonly ReleaseEntry[]
  keep: number
}

/** A big file that ships from the operator's cache: checked by sha256 on both sides, by stat signature afterwards. */
export interface BinaryResource {
  kind: 'binary'
  path: string
  mode: string
  sha256: string
  /** Absolute path on the operator's machine. */
  from: string
}

export interface UnitResource {
  kind: 'unit'
  /** With its suffix. */
  name: string
  enabled: boolean
  /** Should be running (services, timers). Gates are oneshot and never `active` (`resting`). */
  active: boolean
  /**
   * Paths (files, links, releases, binaries) whose digests make up what the unit runs from: it is restarted when their
   * digest differs from the one recorded at its last start.
   */
  runsFrom: string[]
  app?: string
  /** Somebody else's unit: other people's drop-ins over it are none of ours. */
  adopted?: true
  /** Nothing is wrong when it is not up: something else starts it when it is needed, or it ends by itself. */
  onDemand?: true
  /**
   * A package's unit, which runs from files of ours. Others' drop-ins over it stay; what it was started from is recorded by the
   * transaction that restarts it, which puts the old files back when it does not come up.
   */
  packaged?: true
  /** TCP port that a packaged unit must listen on to count as started. */
  listens?: number
}

/**
 * A unit of ours that others start (a gate, what a timer is for): never enabled or started by us, and known to the comparison so
 * that what somebody lays over it is seen.
 */
export function resting(name: string, app?: string): UnitResource {
  return { kind: 'unit', name, enabled: false, active: false, runsFrom: [], ...(app === undefined ? {} : { app }) }
}
