import { randomBytes } from 'node:crypto'
import type { SshConnection } from '../host/connection.ts'
import { runAsRoot } from '../host/root.ts'
import type { Host } from '../inventory/model.ts'
import { applyPayload } from '../plan/payload.ts'
import { exitCodes, Problem } from '../problem.ts'
import { hostProgram } from '../templates/render.ts'
import { transactionProblem } from './apply-problems.ts'
import type { RunContext } from './context.ts'
import { type JournalLine, parseJournalLine } from './journal.ts'
import type { Looked } from './look.ts'

/** Seconds a transaction may take before its journal is given up on: packages over a slow line, a restore of gigabytes. */
const transactionDeadlineSeconds = 6 * 60 * 60

/** Times a lost connection is made again to come back to a transaction; the host goes on meanwhile. */
const reconnects = 5

/** What a transaction came to. */
export interface TransactionResult {
  problems: Problem[]
  /** Status of apply.sh; null when the host was cut off in the middle. */
  status: number | null
  /** The connection it ended on: another than it began on when that one was lost. */
  connection: SshConnection
}

/** The line to a host, and how to open it again. */
export interface Line {
  connection: SshConnection
  open: () => Promise<SshConnection>
}

/**
 * Carries a plan out: one tar stream to the host, where the transaction runs in a unit of its own, and its journal back.
 * @param onFilesLaid called once when all files are in place and units are about to be started
 */
export async function carryOut(
  context: RunContext,
  host: Host,
  looked: Looked & Line,
  onFilesLaid: () => void,
): Promise<TransactionResult> {
  const id = `${new Date().toISOString().replaceAll(/[-:]|\..*/g, '')}-${randomBytes(4).toString('hex')}`
  const payload = applyPayload(looked.plan, context.who)
  let laid = false
  const onLine = (line: JournalLine) => {
    if (!laid && line.kind === 'step' && ['start', 'restart', 'health'].includes(line.name)) {
      laid = true
      onFilesLaid()
    }
    if (line.kind !== 'done') return
    const change = looked.plan.changes[payload.changeOfStep.get(line.step) ?? -1]
    if (change) context.report({ type: 'change', host: host.name, change: change.summary })
  }
  context.report({ type: 'host-step', host: host.name, step: 'upload' })
  const { files, streams } = payload
  return follow(context, host, looked, onLine, id, { files, streams, args: ['start', id] })
}

/** Comes back to a transaction that is under way on a host, and waits for its end. */
export async function comeBack(context: RunContext, host: Host, line: Line, id: string): Promise<TransactionResult> {
  return follow(context, host, line, () => {}, id, followPayload(id))
}

interface Run {
  files: { name: string; content: string | Buffer }[]
  streams: { name: string; path: string }[]
  args: string[]
}

function followPayload(id: string): Run {
  return { files: [{ name: 'run', content: hostProgram('apply/run') }], streams: [], args: ['follow', id] }
}

async function follow(
  context: RunContext,
  host: Host,
  line: Line,
  onLine: (line: JournalLine) => void,
  id: string,
  begin: Run,
): Promise<TransactionResult> {
  const result: TransactionResult = { problems: [], status: null, connection: line.connection }
  // Coming back prints the journal from its beginning: lines that were seen already are skipped.
  let seen = 0
  for (let attempt = 0; ; attempt += 1) {
    let count = 0
    let cut = false
    let ended = false
    let refused: Problem | null = null
    const run = attempt === 0 ? begin : followPayload(id)
    try {
      const answer = await runAsRoot(result.connection, {
        files: run.files,
        streams: run.streams,
        workIn: run.args[0] === 'start' ? '/var/lib/streamside/incoming' : '/run/streamside',
        program: 'run',
        args: run.args,
        sudoPassword: host.sudoPassword,
        ...(context.askSudoPassword ? { askPassword: () => context.askSudoPassword!(host.name) } : {}),
        deadlineSeconds: transactionDeadlineSeconds,
        onLine: (text) => {
          const line = parseJournalLine(text)
          if (line?.kind === 'busy') refused = busy(host, line.id, line.who)
          if (line?.kind === 'cut') cut = true
          count += 1
          if (!line || count <= seen) return
          seen = count
          if (line.kind === 'step')
            context.report({ type: 'host-step', host: host.name, step: line.name, detail: line.detail })
          if (line.kind === 'healthy')
            context.report({ type: 'app-healthy', host: host.name, app: line.app, seconds: line.milliseconds / 1000 })
          if (line.kind === 'problem') result.problems.push(transactionProblem(host.name, line.code, line.text))
          if (line.kind === 'end') {
            ended = true
            result.status = line.status
          }
          onLine(line)
        },
      })
      if (ended) return result
      throw refused ?? (cut ? cutOff(host, id) : notStarted(host, answer.stderr))
    } catch (error) {
      const lost = error instanceof Problem && error.code === 'connection-lost'
      if (!lost || attempt === reconnects) throw error
      context.report({
        type: 'warning',
        host: host.name,
        code: 'connection-lost',
        message: 'the connection was lost; the host goes on by itself',
        next: 'connecting again to follow it',
      })
      await result.connection.close()
      result.connection = await line.open()
    }
  }
}

function busy(host: Host, id: string, who: string): Problem {
  return new Problem({
    code: 'locked',
    doing: `provisioning ${host.name}`,
    found: `the transaction ${id} of ${who} is under way there`,
    next: 'wait until it has ended, then run this again',
    host: host.name,
    exit: exitCodes.locked,
  })
}

function cutOff(host: Host, id: string): Problem {
  return new Problem({
    code: 'transaction-cut',
    doing: `provisioning ${host.name}`,
    found: `the transaction ${id} stopped without an end: the host lost power or restarted in the middle of it`,
    next: 'run provision again: no half-written file is in place, and it goes on from what it finds',
    host: host.name,
  })
}

function notStarted(host: Host, stderr: string): Problem {
  return new Problem({
    code: 'transaction-not-started',
    doing: `starting the transaction on ${host.name}`,
    found: stderr.trim() || 'the host said nothing',
    next: 'see `df` and `systemctl --failed` on the host, then run provision again',
    host: host.name,
  })
}
