import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { type LabHost, rootOf } from '../lab/index.ts'
import { eventNamer, journalNamer, type Mark, type Namer } from './boundaries.ts'

/** Sees each line that a run writes, on both sides, as it is written. */
export interface Watch {
  /** Takes a line of the run's events. */
  event(line: string): void
  /** All that was seen, in order. */
  marks: Mark[]
  end(): void
}

/** Milliseconds between looks at the hosts' journals: each look costs a directory and one short file. */
const everyMs = 4

/**
 * Watches the journals of hosts where they lie, from outside: the operator sees a line some time after it was written, and
 * not at all once it has lost its connection. Transactions that are there already are not told of.
 */
export function watchRun(hosts: readonly LabHost[], onMark: (mark: Mark) => void): Watch {
  const marks: Mark[] = []
  const tell = (named: ReturnType<Namer>) => {
    if (named === null) return
    const mark = { ...named, at: performance.now() }
    marks.push(mark)
    onMark(mark)
  }
  const events = eventNamer()
  const journals = hosts.map((host) => watchJournals(host, tell))
  const timer = setInterval(() => {
    for (const look of journals) look()
  }, everyMs)
  return {
    marks,
    event: (line) => tell(events(line, null)),
    end: () => {
      clearInterval(timer)
      for (const look of journals) look()
    },
  }
}

function watchJournals(host: LabHost, tell: (named: ReturnType<Namer>) => void): () => void {
  const folder = path.join(rootOf(host), 'var/lib/streamside/transactions')
  const old = new Set(listOf(folder))
  const name = journalNamer()
  const read = new Map<string, number>()
  return () => {
    for (const id of listOf(folder)) {
      if (old.has(id)) continue
      const seen = read.get(id) ?? 0
      const text = textOf(path.join(folder, id, 'journal'))
      const whole = text.slice(seen, text.lastIndexOf('\n') + 1)
      read.set(id, seen + whole.length)
      for (const line of whole.split('\n').filter(Boolean)) tell(name(line, host.name))
    }
  }
}

/** Nothing while there is none yet, or while the host's card is not in. */
function orNothing<T>(nothing: T, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ESTALE'].includes((error as NodeJS.ErrnoException).code ?? '')) return nothing
    throw error
  }
}

const listOf = (folder: string): string[] => orNothing([], () => readdirSync(folder))
const textOf = (file: string): string => orNothing('', () => readFileSync(file, 'utf8'))
