import type { EventData } from './event-data.ts'
import type { ChangeSummary } from './events.ts'
import { formatChanges } from './format-changes.ts'
import { formatProblem, formatWarning } from './format-problem.ts'
import { formatFetched, formatNewHistory, formatRestored, formatSource } from './format-restore.ts'
import { formatRolled, formatSteps } from './format-rolled.ts'
import { formatLogLine } from './log-lines.ts'
import { liveText } from './live-screen.ts'
import { advance, frame, type TableState } from './live-table.ts'
import { plainLine } from './plain-lines.ts'
import { formatSummary, type HostDone } from './summary.ts'

/** Turns events into what is written. */
export interface Renderer {
  event(event: EventData): void
  /** A result of its own, e.g. the schema. */
  result(text: string): void
  /** Leaves the terminal to somebody else until `resume`. */
  pause(): void
  resume(): void
  finish(): void
}

export interface Look {
  write: { out: (text: string) => void; err: (text: string) => void }
  outColor: boolean
  outIsTerminal: boolean
  errColor: boolean
  columns: () => number
  rows: () => number
  diffs: boolean
  /** The command prints a result of its own: no summary, and in a pipe no progress. */
  quiet: boolean
}

/** For pipes and logs: progress line by line on stderr, results on stdout. */
export function plainRenderer(look: Look): Renderer {
  const results = resultsOf(look)
  let hosts: string[] = []
  return {
    event(event) {
      if (event.type === 'run-started') hosts = event.hosts
      if (event.type === 'log-line') look.write.out(`${formatLogLine(event, hosts, look.outColor)}\n`)
      const line = look.quiet ? null : plainLine(event)
      if (line !== null) look.write.err(`${line}\n`)
      tell(event, look)
      results.event(event)
    },
    result: (text) => {
      if (text !== '') look.write.out(`${text}\n`)
    },
    pause() {},
    resume() {},
    finish: () => results.finish(),
  }
}

/** For people at a terminal: a table with a line a host at the bottom, everything else above it. */
export function terminalRenderer(look: Look): Renderer {
  const live = liveText({ write: look.write.err })
  const state: TableState = new Map()
  const plain = plainRenderer(look)
  const results = resultsOf(look)
  let timer: NodeJS.Timeout | null = null
  // A table higher than the screen cannot be drawn over: its upper lines have scrolled away.
  let tooMany = false
  const draw = () => {
    tooMany ||= state.size >= look.rows()
    if (tooMany) stop()
    else live.show(frame(state, look.columns() - 1, look.errColor, performance.now()))
  }
  const stop = () => {
    if (timer) clearInterval(timer)
    timer = null
    live.clear()
  }
  const start = () => {
    if (timer || state.size === 0 || tooMany) return
    timer = setInterval(draw, 200).unref()
    draw()
  }
  /** Writes above the table. */
  const above = (say: () => void) => {
    live.clear()
    say()
    if (timer) draw()
  }
  return {
    event(event) {
      if (event.type === 'run-started') tooMany = event.hosts.length >= look.rows()
      if (tooMany) {
        plain.event(event)
        return
      }
      advance(state, event, performance.now())
      if (event.type === 'run-started') start()
      if (event.type === 'run-finished') {
        stop()
        state.clear()
      }
      if (speaks(event))
        above(() => {
          tell(event, look)
          results.event(event)
        })
      else {
        results.event(event)
        if (timer) draw()
      }
    },
    result: (text) => above(() => plain.result(text)),
    pause: stop,
    resume: start,
    finish() {
      stop()
      results.finish()
      plain.finish()
    },
  }
}

/** Whether an event puts something above the live table. */
function speaks(event: EventData): boolean {
  return [
    'restore-source',
    'restored',
    'fetched',
    'new-history',
    'app-rolled',
    'roll-steps',
    'warning',
    'note',
    'problem',
    'host-done',
    'run-finished',
  ].includes(event.type)
}

/** Warnings and problems, on stderr; what is, and was, restored, on stdout. */
function tell(event: EventData, look: Look): void {
  const text = { columns: look.columns(), color: look.errColor }
  if (event.type === 'problem') look.write.err(`${formatProblem(event.problem, text)}\n`)
  if (event.type === 'warning') look.write.err(`${formatWarning(event, text)}\n`)
  if (event.type === 'restore-source') look.write.out(`${formatSource(event, Date.now())}\n`)
  if (event.type === 'new-history') look.write.out(`${formatNewHistory(event, Date.now())}\n`)
  if (event.type === 'restored') look.write.out(`${formatRestored(event)}\n`)
  if (event.type === 'roll-steps') look.write.out(`${formatSteps(event, look.columns())}\n`)
  if (event.type === 'app-rolled') look.write.out(`${formatRolled(event)}\n`)
  if (event.type === 'fetched') look.write.out(`${formatFetched(event)}\n`)
}

/** Collects what hosts in parallel say, and prints it on stdout host by host, the summary last. */
function resultsOf(look: Look) {
  const changes = new Map<string, ChangeSummary[]>()
  const done: HostDone[] = []
  let order: string[] = []
  const print = (host: string) => {
    const own = changes.get(host) ?? []
    changes.delete(host)
    if (own.length > 0)
      look.write.out(
        `${formatChanges(host, own, { color: look.outColor, diffs: look.diffs, columns: look.columns(), wrapped: look.outIsTerminal })}\n`,
      )
  }
  return {
    event(event: EventData) {
      if (event.type === 'run-started') order = event.hosts
      if (event.type === 'change') changes.set(event.host, [...(changes.get(event.host) ?? []), event.change])
      if (event.type === 'host-done') {
        done.push(event)
        print(event.host)
      }
      if (event.type === 'run-finished' && done.length > 0 && !look.quiet) {
        const hosts = done.splice(0).sort((a, b) => order.indexOf(a.host) - order.indexOf(b.host))
        look.write.out(`${formatSummary(hosts, event.seconds, look.outColor)}\n`)
      }
    },
    /** What hosts had said when the run ended before they did. */
    finish() {
      for (const host of changes.keys()) print(host)
    },
  }
}
