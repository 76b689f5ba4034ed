import type { ExitCode, Problem } from '../problem.ts'
import type { HostStatus } from '../status/status.ts'

/** Version of the NDJSON event stream (`--json`): raised when a field changes its meaning or goes. */
export const eventSchemaVersion = 1

export type HostOutcome = 'unchanged' | 'changed' | 'pending' | 'failed' | 'unreachable' | 'locked' | 'sound' | 'wrong'

/** Everything a run says while it goes on. Handlers return data, one place renders it. Never holds a secret. */
export type RunEvent =
  | { type: 'run-started'; command: string; hosts: string[] }
  /** A host has begun a step (`connect`, `probe`, `plan`, `upload`, `packages`, `files`, `units`, `restart`, `health` …). */
  | { type: 'host-step'; host: string; step: string; detail?: string }
  /** A change that is to be, or was, made: the same value that `plan` prints. */
  | { type: 'change'; host: string; change: ChangeSummary }
  /** What `status` found on a host. */
  | { type: 'host-status'; host: string; status: HostStatus }
  /** A line of a host's journal (`logs`). */
  | { type: 'log-line'; host: string; line: string }
  | { type: 'app-healthy'; host: string; app: string; seconds: number }
  | { type: 'warning'; host?: string; app?: string; code: string; message: string; next?: string }
  /** Progress of the operator's own machine: a download, a release being packed. */
  | { type: 'note'; message: string }
  | { type: 'problem'; problem: Problem }
  | { type: 'host-done'; host: string; outcome: HostOutcome; changes: number; execs: number; seconds: number }
  | { type: 'run-finished'; exit: ExitCode; seconds: number }

export interface ChangeSummary {
  /** `file`, `package`, `user`, `directory`, `link`, `release`, `binary`, `unit`, `restart`, `owner` … */
  kind: string
  /** What it is done to: a path, a package, a unit. */
  name: string
  action: 'create' | 'update' | 'remove' | 'install' | 'start' | 'restart' | 'enable' | 'stop' | 'check'
  reason: string
  /** Unified diff of a text file, secrets masked. */
  diff?: string
}

/** Takes events as they happen; must not throw and must not block. */
export type Report = (event: RunEvent) => void
