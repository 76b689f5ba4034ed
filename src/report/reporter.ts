import type { Secret } from '../inventory/secret.ts'
import { wantsColor } from './colour.ts'
import { eventData, type EventData } from './event-data.ts'
import { eventSchemaVersion, type Report } from './events.ts'
import { createRedactor, type Redact } from './redactor.ts'
import { plainRenderer, terminalRenderer, type Renderer } from './renderers.ts'
import { columnsOf } from './text-width.ts'

/** What is needed of process.stdout and process.stderr. */
export interface Output {
  isTTY?: boolean
  columns?: number
  rows?: number
  write(text: string): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
}

export type ReporterMode = 'terminal' | 'plain' | 'json'

export interface ReporterOptions {
  mode: ReporterMode
  /** Results: changes, summaries, or the event stream. */
  stdout: Output
  /** Everything else: progress, warnings, problems. */
  stderr: Output
  /** Default: decided for each stream (`wantsColor`). */
  color?: boolean
  /** Default: each stream's own, else 80. */
  columns?: number
  /** Print the unified diffs of changed files. Default true. */
  diffs?: boolean
  /** The command prints a result of its own: no summary, and in a pipe no progress. Default false. */
  quiet?: boolean
}

export interface Reporter {
  report: Report
  /** Takes these values out of everything that is printed from now on. */
  hide(secrets: Iterable<Secret>): void
  /** Prints a result to stdout, above what is live. Not for `json` mode, whose stdout holds events only. */
  print(text: string): void
  /** Runs `work` with the terminal to itself: what is said meanwhile is printed afterwards. */
  suspended<T>(work: () => Promise<T>): Promise<T>
  /** Prints what is still held back and stops; safe to call twice. */
  finish(): void
}

/** The mode that fits: `--json`, else a live table when stderr is a terminal that can move its cursor. */
export function reporterMode(
  json: boolean,
  stderr: Output,
  environment: NodeJS.ProcessEnv = process.env,
): ReporterMode {
  if (json) return 'json'
  return stderr.isTTY && environment['TERM'] !== 'dumb' && !environment['CI'] ? 'terminal' : 'plain'
}

/**
 * The one place that prints: events become a live table, plain lines or NDJSON. Secrets are taken out of every text
 * before it is laid out, control characters are made harmless, and a reader who has gone away (EPIPE) is no error.
 */
export function createReporter(options: ReporterOptions): Reporter {
  const secrets = new Set<Secret>()
  let redact: Redact = (text) => text
  const writeOut = writer(options.stdout)
  const writeErr = writer(options.stderr)
  // Each text in the events is redacted before it comes to a renderer. Another pass over what that has made of it could only
  // break its JSON, or a code or label of ours that a secret happens to be a part of.
  const renderer =
    options.mode === 'json' ? jsonRenderer(writeOut) : textRenderer(options, { out: writeOut, err: writeErr })
  let suspensions = 0
  const held: (() => void)[] = []
  const whenFree = (say: () => void) => {
    if (suspensions > 0) held.push(say)
    else say()
  }
  return {
    report(event) {
      const data = eventData(event, redact)
      whenFree(() => renderer.event(data))
    },
    hide(more) {
      for (const secret of more) secrets.add(secret)
      redact = createRedactor(secrets)
    },
    print(text) {
      const safe = redact(text)
      whenFree(() => renderer.result(safe))
    },
    async suspended(work) {
      if (suspensions === 0) renderer.pause()
      suspensions += 1
      try {
        return await work()
      } finally {
        suspensions -= 1
        if (suspensions === 0) {
          for (const say of held.splice(0)) say()
          renderer.resume()
        }
      }
    },
    finish() {
      for (const say of held.splice(0)) say()
      renderer.finish()
    },
  }
}

interface Writers {
  out: (text: string) => void
  err: (text: string) => void
}

function textRenderer(options: ReporterOptions, write: Writers): Renderer {
  const { stdout, stderr } = options
  const look = {
    write,
    outColor: options.color ?? wantsColor(stdout),
    errColor: options.color ?? wantsColor(stderr),
    columns: () => options.columns ?? columnsOf(stderr),
    outIsTerminal: stdout.isTTY === true,
    rows: () => stderr.rows ?? 24,
    diffs: options.diffs ?? true,
    quiet: options.quiet ?? false,
  }
  return options.mode === 'terminal' ? terminalRenderer(look) : plainRenderer(look)
}

/** One line of the event stream (docs/events.md). */
export function eventLine(event: object): string {
  return `${JSON.stringify({ v: eventSchemaVersion, time: new Date().toISOString(), ...event })}\n`
}

/** NDJSON: one event a line, with the version of the schema and the time. */
function jsonRenderer(write: (text: string) => void): Renderer {
  return {
    event(event: EventData) {
      write(eventLine(event))
    },
    result() {},
    pause() {},
    resume() {},
    finish() {},
  }
}

function writer(output: Output): (text: string) => void {
  let gone = false
  output.on('error', (error) => {
    // `streamside plan | head`: the reader has what it wanted. EIO: the terminal was closed.
    if ('code' in error && (error.code === 'EPIPE' || error.code === 'EIO')) gone = true
    else throw error
  })
  return (text) => {
    if (!gone) output.write(text)
  }
}
