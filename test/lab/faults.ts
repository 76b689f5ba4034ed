/** What the fault proxy can do to a request that it is told about. */
export type FaultAction =
  /** Reset the connection without an answer; the server never sees the request. */
  | { kind: 'refuse' }
  /** Take the request and never answer; the server never sees it. */
  | { kind: 'hang' }
  /** Pass it on, but let bodies through at this speed, both ways. */
  | { kind: 'slow'; bytesPerSecond: number }
  /** Wait, then pass it on. */
  | { kind: 'delay'; ms: number }
  /** Answer with this status and S3's XML error; the server never sees the request. */
  | { kind: 'status'; status: number }
  /** Let the server do the work, then reset the connection instead of answering. */
  | { kind: 'drop-answer' }
  /** Reset the connection at once, and give the whole request to the server only `ms` later: a PUT that lands late. */
  | { kind: 'late'; ms: number }
  /** Pass it on, but let the answer's Date be that many seconds later: a host whose clock is wrong sees the same. */
  | { kind: 'date'; seconds: number }

/** Which requests it happens to: all given conditions must hold. */
export interface Fault {
  /** Regular expression over the method, e.g. `PUT|DELETE`. Anchored at both ends. */
  method?: string
  /** Regular expression over path and query as sent, e.g. `/owner\.json$`. */
  path?: string
  /** Only requests from this IP address: one host cut off from the bucket. */
  from?: string
  /** How many requests it happens to before it is used up; without it, all. */
  count?: number
  do: FaultAction
}

/** One request, written when it has ended. */
export interface RequestRecord {
  /** Milliseconds since 1970, when its head had arrived. */
  at: number
  from: string
  method: string
  /** Path and query as sent. */
  path: string
  /** What the client was answered; null when the connection was reset or given up. */
  status: number | null
  /** Bytes of the request's body. */
  bytesIn: number
  /** Bytes of the answer's body. */
  bytesOut: number
  ms: number
  /** The fault that happened to it. */
  fault?: FaultAction['kind']
}

/** The first fault that fits a request and is not used up; counts it. */
export function takeFault(
  faults: Fault[],
  request: { method: string; path: string; from: string },
): FaultAction | null {
  const index = faults.findIndex(
    (fault) =>
      fault.count !== 0 &&
      (fault.method === undefined || new RegExp(`^(?:${fault.method})$`).test(request.method)) &&
      (fault.path === undefined || new RegExp(fault.path).test(request.path)) &&
      (fault.from === undefined || fault.from === request.from),
  )
  const fault = faults[index]
  if (fault === undefined) return null
  if (fault.count !== undefined) fault.count -= 1
  return fault.do
}

const codes: Record<number, string> = {
  403: 'AccessDenied',
  404: 'NoSuchKey',
  409: 'ConditionalRequestConflict',
  412: 'PreconditionFailed',
  500: 'InternalError',
  501: 'NotImplemented',
  503: 'SlowDown',
}

/** An error as S3 words it. */
export function errorBody(status: number, path: string): string {
  const code = codes[status] ?? 'InternalError'
  const resource = path.replace(/\?.*$/s, '').replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  return `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>injected by the lab's fault proxy</Message><Resource>${resource}</Resource><RequestId>lab</RequestId></Error>`
}

/** Throws unless this is a list of faults; for what arrives over the control socket or the command line. */
export function checkFaults(value: unknown): Fault[] {
  if (!Array.isArray(value)) throw new TypeError('faults are a list')
  for (const fault of value as Partial<Fault>[]) {
    const kind = fault?.do?.kind
    if (!['refuse', 'hang', 'slow', 'delay', 'status', 'drop-answer', 'late', 'date'].includes(kind ?? '')) {
      throw new TypeError(`no such fault: ${JSON.stringify(fault)}`)
    }
    // a wrong expression must fail here, not at the first request
    void new RegExp(fault.method ?? '')
    void new RegExp(fault.path ?? '')
  }
  return value as Fault[]
}
