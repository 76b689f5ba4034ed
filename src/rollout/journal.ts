/** One line of a transaction's journal (templates/host/apply/apply.sh). */
export type JournalLine =
  | { kind: 'step'; name: string; detail: string }
  | { kind: 'made'; step: number }
  | { kind: 'healthy'; app: string; milliseconds: number }
  /** How far a gate is with a database that it restores. `whole`: bytes it will have; null when that is not known. */
  | { kind: 'progress'; app: string; database: string; checking: boolean; bytes: number; whole: number | null }
  /** A database was restored from the replica beside the app, and checked in full. */
  | { kind: 'proved'; app: string; database: string; txid: string; bytes: number; milliseconds: number }
  /** How the restart of an app by `update` or `restart` came out. `from`, `to`: releases; null: it has none. */
  | {
      kind: 'rolled'
      app: string
      outcome: RollOutcome
      from: string | null
      to: string | null
      /** From the stop until it was healthy; null when it was not. */
      downMilliseconds: number | null
      mode: 'restore' | 'prove'
    }
  | { kind: 'problem'; code: string; text: string }
  | { kind: 'end'; status: number | null }
  /** Another transaction is under way. */
  | { kind: 'busy'; id: string; who: string }
  /** The transaction stopped without an end: `who` has broken it; or its program died, as `why` has it; or, with neither, the host lost power. */
  | { kind: 'cut'; who: string; why: string }
  /** All has arrived, and the transaction is about to begin; before the journal. */
  | { kind: 'beginning' }
  /** The host knows of no such transaction. */
  | { kind: 'none' }

/** `rolled`: it runs as it should; `put-back`: what ran before does; `failed`: it is down, or not well. */
export const rollOutcomes = ['rolled', 'put-back', 'failed'] as const
export type RollOutcome = (typeof rollOutcomes)[number]

/** A release's digest as a host names it; null for `-`: there is none. */
export function releaseOf(text: string): string | null {
  return /^[0-9a-f]{64}$/.test(text) ? text : null
}

/** Reads a line; null for one of a kind that this version does not know. */
export function parseJournalLine(line: string): JournalLine | null {
  const [kind, first = '', second = '', ...rest] = line.split('\t')
  switch (kind) {
    case 'step':
      return { kind, name: first, detail: second }
    case 'made':
      return { kind, step: Number(first) }
    case 'healthy':
      return { kind, app: first, milliseconds: Number(second) }
    case 'progress': {
      const [doing = '', bytes = '', whole = ''] = rest
      return {
        kind,
        app: first,
        database: second,
        checking: doing === 'checking',
        bytes: Number(bytes) || 0,
        whole: /^\d+$/.test(whole) ? Number(whole) : null,
      }
    }
    case 'proved': {
      const [txid = '', bytes = '', took = ''] = rest
      return { kind, app: first, database: second, txid, bytes: Number(bytes) || 0, milliseconds: Number(took) || 0 }
    }
    case 'rolled': {
      const [from = '', to = '', down = '', mode = ''] = rest
      const known = rollOutcomes.find((outcome) => outcome === second)
      if (known === undefined) return null
      return {
        kind,
        app: first,
        outcome: known,
        from: releaseOf(from),
        to: releaseOf(to),
        downMilliseconds: /^\d+$/.test(down) ? Number(down) : null,
        mode: mode === 'restore' ? 'restore' : 'prove',
      }
    }
    case 'problem':
      return { kind, code: first, text: Buffer.from(second, 'base64').toString() }
    case 'end':
      return { kind, status: /^\d+$/.test(first) ? Number(first) : null }
    case 'busy':
      return { kind, id: first, who: second }
    case 'cut':
      return { kind, who: first, why: Buffer.from(second, 'base64').toString().trim() }
    case 'none':
    case 'beginning':
      return { kind }
    default:
      return null
  }
}
