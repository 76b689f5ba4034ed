/** One line of a transaction's journal (templates/host/apply/apply.sh). */
export type JournalLine =
  | { kind: 'step'; name: string; detail: string }
  | { kind: 'made'; step: number }
  | { kind: 'healthy'; app: string; milliseconds: number }
  /** How far a gate is with a database that it restores. `whole`: bytes it will have; null when that is not known. */
  | { kind: 'progress'; app: string; database: string; checking: boolean; bytes: number; whole: number | null }
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
