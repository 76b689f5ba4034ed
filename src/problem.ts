/**
 * Exit codes of the command line (docs/exit-codes): one place, so that a script can rely on them.
 */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  unreachable: 3,
  putBack: 4,
  locked: 5,
  unsound: 6,
  pending: 7,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** What every expected failure says: what was being done, where, what was found, what to do next. */
export interface ProblemDetails {
  /** A stable name in kebab-case, e.g. `host-key-changed`; part of the NDJSON interface. */
  code: string
  /** What was being done, as a clause: `connecting to pi-attic`. */
  doing: string
  /** What was found, in the words of whoever said it; never a secret. */
  found: string
  /** What the reader can do next. */
  next: string
  /** The host's inventory name, when it happened on or towards one. */
  host?: string
  /** The app's inventory name. */
  app?: string
  /** Exit code of the run when this is the worst that happened. Default 1. */
  exit?: ExitCode
  cause?: unknown
}

/**
 * An expected failure: a value with a code, not a string to be matched. Anything else that is thrown is a bug and keeps
 * its stack trace; on a host it is that host's failure alone (rollout/fleet.ts).
 */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly code: string
  readonly doing: string
  readonly found: string
  readonly next: string
  readonly host: string | undefined
  readonly app: string | undefined
  readonly exit: ExitCode

  constructor(details: ProblemDetails) {
    super(`${details.doing}: ${details.found}`, { cause: details.cause })
    this.code = details.code
    this.doing = details.doing
    this.found = details.found
    this.next = details.next
    this.host = details.host
    this.app = details.app
    this.exit = details.exit ?? exitCodes.failed
  }
}

/** What was found about a release or a bucket, say, is found for a host and an app: which ones, people want to know. */
export function concerning(problem: Problem, host: string, app?: string): Problem {
  const of = problem.app ?? app
  if (problem.host !== undefined && problem.app === of) return problem
  const { code, doing, found, next, exit, cause } = problem
  return new Problem({
    code,
    doing,
    found,
    next,
    exit,
    cause,
    host: problem.host ?? host,
    ...(of === undefined ? {} : { app: of }),
  })
}

/**
 * The exit code of a run in which several things went wrong: a replica that is not sound outranks everything, then what
 * was put back, then a failure, then a host that was not reached.
 */
export function worstExit(codes: Iterable<ExitCode>): ExitCode {
  const rank: ExitCode[] = [
    exitCodes.usage,
    exitCodes.unsound,
    exitCodes.putBack,
    exitCodes.failed,
    exitCodes.locked,
    exitCodes.unreachable,
    exitCodes.pending,
  ]
  const seen = new Set(codes)
  return rank.find((code) => seen.has(code)) ?? exitCodes.done
}
