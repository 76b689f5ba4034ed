import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { Owner } from '../../src/replica/owner.ts'

/** What the product's jq program answers (templates/host/decide/main.jq). Fields beside the first four depend on `do`. */
export interface Decision {
  do: string
  code: string
  text: string
  next: string
  alert?: boolean
  litestream?: boolean
  unfence?: boolean
  lasting?: boolean
  discard?: boolean
  held?: boolean
  moved?: boolean
  path?: string
  source?: string
  etag?: string
  claim?: Claim | null
  put?: Owner | null
  tip?: Record<string, string> | null
  dbs?: Record<string, string>
  stay?: readonly string[]
  need?: Record<string, string>
  transition?: string
  keep?: unknown
  alerts?: { code: string; about: string; text: string; next: string }[]
  over?: string[]
}

/** `/var/lib/streamside/apps/<app>/claim`: the files here belong to this path. */
export interface Claim {
  path: string
  epoch: number
  id: string
  restored: Record<string, string>
  source: string | null
  proven: boolean
}

/** Facts as the hosts' programs send them: a question (`ask`) and what each of decide/*.jq names at its head. */
export type Facts = { ask: string } & Record<string, unknown>

export interface Verdicts {
  ask(facts: Facts): Promise<Decision>
  /** How many questions were answered so far. */
  readonly asked: number
  close(): void
}

/**
 * The product's own verdicts: decide.sh as the hosts run it, as long-lived processes. Questions of schedules that run side
 * by side are sent together. Rejects when the program dies: then the verdicts themselves are broken.
 */
export function openVerdicts(processes = 1): Verdicts {
  const judges = Array.from({ length: processes }, () => openJudge())
  let asked = 0
  return {
    ask: async (facts) => {
      const judge = judges[asked % judges.length]
      if (!judge) throw new RangeError('no process to ask')
      asked += 1
      return await judge.ask(facts)
    },
    get asked() {
      return asked
    },
    close: () => {
      for (const judge of judges) judge.close()
    },
  }
}

function openJudge() {
  const program = fileURLToPath(new URL('../../templates/host/decide.sh', import.meta.url))
  const child: ChildProcessByStdio<Writable, Readable, Readable> = spawn('sh', [program, 'json'], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const waiting: { resolve(decision: Decision): void; reject(error: Error): void; line: string }[] = []
  let complaint = ''
  let toSend: string[] = []
  let hasEnded = false
  child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()))
  createInterface({ input: child.stdout }).on('line', (line) => {
    const question = waiting.shift()
    const answer = JSON.parse(line) as Decision | { error: string }
    if ('error' in answer) question?.reject(new Error(`no verdict: ${answer.error}\nquestion: ${question.line}`))
    else question?.resolve(answer)
  })
  child.on('close', () => {
    hasEnded = true
    const first = waiting[0]
    if (first)
      first.reject(new Error(`decide.sh ended: ${complaint.trim()}\nfirst question without an answer: ${first.line}`))
    for (const other of waiting.slice(1)) other.reject(new Error('decide.sh ended'))
  })
  child.stdin.on('error', () => {})
  function send(): void {
    child.stdin.write(toSend.join(''))
    toSend = []
  }
  return {
    ask: (facts: Facts) =>
      new Promise<Decision>((resolve, reject) => {
        // after a question that it could not judge
        if (hasEnded) return reject(new Error('decide.sh ended before'))
        const line = JSON.stringify(facts)
        if (toSend.length === 0) setImmediate(send)
        toSend.push(`${line}\n`)
        waiting.push({ resolve, reject, line })
      }),
    close: () => child.stdin.end(),
  }
}
