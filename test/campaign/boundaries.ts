import { parseJournalLine } from '../../src/rollout/journal.ts'

/**
 * A moment at which a run may be disturbed: a line that the program has just written, to its events (`--json`) or to the
 * journal of its transaction on a host. A line ends what came before it and begins what comes after.
 */
export interface Boundary {
  /** The same in each run of a job: `apply:files.began`, `apply:made-12`, `run:upload`; a later one of a name has `#2`. */
  id: string
  /** Host that it happens on; null for a line of the run as a whole. */
  host: string | null
  /** Milliseconds after the line. 0 for the line itself; more for a moment within what it begins. */
  afterMs: number
}

/** A line that was seen, and when (milliseconds, any clock that only goes forward). */
export interface Mark {
  id: string
  host: string | null
  at: number
}

/** Gives a line's id; null for one that is no boundary. Counts, for the second of a name is another boundary. */
export type Namer = (line: string, host: string | null) => { id: string; host: string | null } | null

function counted(name: (line: string) => { id: string; host?: string } | null): Namer {
  const seen = new Map<string, number>()
  return (line, on) => {
    const named = name(line)
    if (named === null) return null
    const host = named.host ?? on
    const key = `${host} ${named.id}`
    const count = (seen.get(key) ?? 0) + 1
    seen.set(key, count)
    return { id: count === 1 ? named.id : `${named.id}#${count}`, host }
  }
}

/** For lines of a transaction's journal (templates/host/apply/apply.sh). */
export const journalNamer = (): Namer =>
  counted((text) => {
    const line = parseJournalLine(text)
    switch (line?.kind) {
      case 'step':
        return { id: `apply:${line.name}.began` }
      case 'made':
        return { id: `apply:made-${line.step}` }
      case 'healthy':
        return { id: `apply:healthy-${line.app}` }
      case 'problem':
        return { id: `apply:problem-${line.code}` }
      case 'end':
        return { id: 'apply:end' }
      default:
        return null
    }
  })

/** For lines of the event stream: what the operator's side does itself. What it only repeats of the journal is left out. */
export const eventNamer = (): Namer =>
  counted((text) => {
    if (!text.startsWith('{')) return null
    const event = JSON.parse(text) as { type: string; host?: string; step?: string; change?: { kind: string } }
    const on = event.host === undefined ? {} : { host: event.host }
    switch (event.type) {
      case 'run-started':
      case 'run-finished':
      case 'host-done':
        return { id: `run:${event.type}`, ...on }
      case 'host-step':
        return { id: `run:${event.step}`, ...on }
      case 'change':
        return event.change?.kind === 'owner' ? { id: 'run:owner', ...on } : null
      default:
        return null
    }
  })

/** Shorter than this there is nothing to meet in the middle: starting a fault takes some milliseconds itself. */
const worthMeetingMs = 250

/**
 * The boundaries of a run that was watched undisturbed: each of its lines, and where the next one is long in coming a moment
 * in between, by `share` (0 to 1, of the boundary's id) of the time that it took.
 */
export function boundariesOf(marks: readonly Mark[], share: (id: string) => number): Boundary[] {
  const repeated = new Set(marks.flatMap(({ id }) => /^apply:(.*)\.began/.exec(id)?.[1] ?? []))
  const own = marks
    .filter(({ id }) => !(id.startsWith('run:') && repeated.has(id.slice('run:'.length).replace(/#\d+$/, ''))))
    .sort((a, b) => a.at - b.at)
  return own.flatMap(({ id, host, at }, index) => {
    const line = { id, host, afterMs: 0 }
    const lasted = (own[index + 1]?.at ?? at) - at
    if (lasted < worthMeetingMs) return [line]
    const within = `${id}~within`
    return [line, { id: within, host, afterMs: Math.round(lasted * (0.1 + 0.8 * share(within))) }]
  })
}

/** The line that a boundary waits for. */
export const lineOf = (boundary: Pick<Boundary, 'id'>): string => boundary.id.replace(/~within$/, '')
