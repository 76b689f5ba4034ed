import type { Files } from './disk.ts'
import type { Claim } from './verdicts.ts'

/** `/var/lib/streamside/apps/<app>`: every write is whole, synced and in order (state.sh). */
export interface State {
  claim: Claim | null
  tip: { path: string; dbs: Record<string, string> } | null
  clean: { proved: boolean; settled: boolean; files: Record<string, unknown>; taken?: Claim | null } | null
  started: Record<string, unknown> | null
  lastOwner: { read: number; owner: unknown } | null
  lastData: { read: number } | null
  failed: { digest: string; since: number; code: string; text: string; next: string } | null
  restoring: boolean
  fenced: boolean
  rescue: Record<string, Files> | null
}

export interface Folder {
  files: Record<string, Files>
  state: State
}

/** What moves when a card is moved, copied or put back. */
export interface Card {
  machineId: string
  /** The name of the app that its units are laid for; `files` and `state` are those of this name. */
  name: string
  /** The name that the app's user and folder have: another one while a rename is under way. */
  bearer: string
  /** /var/lib/<app> and /var/lib/streamside/apps/<app> of other names. */
  others: Record<string, Folder>
  /** /var/lib/streamside/manifest */
  manifest: string | null
  /** gate.json: databases of the inventory; null before provision. */
  dbs: readonly string[] | null
  files: Record<string, Files>
  state: State
}

export function newState(): State {
  return {
    claim: null,
    tip: null,
    clean: null,
    started: null,
    lastOwner: null,
    lastData: null,
    failed: null,
    restoring: false,
    fenced: false,
    rescue: null,
  }
}
