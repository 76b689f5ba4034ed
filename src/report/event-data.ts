import type { ExitCode, Problem } from '../problem.ts'
import type { RunEvent } from './events.ts'
import { redactAll, type Redact } from './redactor.ts'

/** A Problem as plain data: what the event stream holds of it. */
export interface ProblemData {
  code: string
  doing: string
  found: string
  next: string
  host?: string
  app?: string
  exit: ExitCode
}

/** An event as plain data, secrets taken out before anything can cut one in two. */
export type EventData = Exclude<RunEvent, { type: 'problem' }> | { type: 'problem'; problem: ProblemData }

export function eventData(event: RunEvent, redact: Redact): EventData {
  if (event.type === 'problem') return { type: 'problem', problem: redactAll(problemData(event.problem), redact) }
  return redactAll(event, redact)
}

export function problemData(problem: Problem | ProblemData): ProblemData {
  const { code, doing, found, next, host, app, exit } = problem
  return {
    code,
    doing,
    found,
    next,
    ...(host === undefined ? {} : { host }),
    ...(app === undefined ? {} : { app }),
    exit,
  }
}
