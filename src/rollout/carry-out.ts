import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import type { SshConnection } from '../host/connection.ts'
import { runAsRoot } from '../host/root.ts'
import type { Host } from '../inventory/model.ts'
import type { Change } from '../plan/change.ts'
import { applyPayload } from '../plan/payload.ts'
import { Problem } from '../problem.ts'
import { hostProgram } from '../templates/render.ts'
import type { HeldTurns } from './app-turns.ts'
import { cutOff, locked, notStarted, transactionProblem } from './apply-problems.ts'
import type { RunContext } from './context.ts'
import { type JournalLine, parseJournalLine } from './journal.ts'
import { type Line, openAgain } from './line.ts'
import type { Looked } from './look.ts'
import { restoreProgress } from './restore-progress.ts'
import { rolledApps } from './rolled-apps.ts'

/** Seconds a transaction may take before its journal is given up on: packages over a slow line, a restore of gigabytes. */
const transactionDeadlineSeconds = 6 * 60 * 60

/** systemd's 90 s for a unit that does not stop, and some. */
const breakDeadlineSeconds = 120

/** What a transaction came to. */
export interface TransactionResult {
  problems: Problem[]
  /** How many of the plan's changes were made; of a transaction that was come back to, none is known. */
  made: number
  /** Status of apply.sh; null when the host was cut off in the middle. */
  status: number | null
  /** The connection it ended on: another than it began on when that one was lost. */
  connection: SshConnection
}

/**
 * Carries a plan out: one tar stream to the host, where the transaction runs in a unit of its own, and its journal back.
 * @param onFilesLaid called once when all files are in place and units are about to be started
 * @param turns of the apps that it restarts: without them it is not begun
 * @throws Problem `turn-lost` when that was so
 */
export async function carryOut(
  context: RunContext,
  host: Host,
  looked: Looked & Line,
  onFilesLaid: () => void,
  turns: HeldTurns | null,
): Promise<TransactionResult> {
  const id = `${new Date().toISOString().replaceAll(/[-:]|\..*/g, '')}-${randomBytes(4).toString('hex')}`
  const payload = applyPayload(looked.plan, context.who, looked.observed.clock.epochSeconds)
  const tellLaid = whenLaid(onFilesLaid)
  const made = new Set<Change>()
  const onLine = (line: JournalLine) => {
    tellLaid(line)
    if (line.kind !== 'made') return
    const change = looked.plan.changes[payload.changeOfStep.get(line.step) ?? -1]
    if (!change) return
    made.add(change)
    context.report({ type: 'change', host: host.name, change: change.summary })
  }
  context.report({ type: 'host-step', host: host.name, step: 'upload' })
  const { files, streams } = payload
  const result = await follow(context, host, looked, onLine, id, { files, streams, args: ['start', id] }, turns)
  result.made = made.size
  // Most likely it was damaged here, on its way into the cache or in it: what is not there is packed anew.
  if (result.problems.some(({ code }) => code === 'release-damaged'))
    for (const { step } of looked.plan.changes)
      if (step.verb === 'release' && step.member && 'path' in step.member) await rm(step.member.path, { force: true })
  return result
}

/**
 * Comes back to a transaction that is under way on a host, and waits for its end.
 * @param onFilesLaid as for `carryOut`
 */
export async function comeBack(
  context: RunContext,
  host: Host,
  line: Line,
  id: string,
  onFilesLaid: () => void,
): Promise<TransactionResult> {
  return follow(context, host, line, whenLaid(onFilesLaid), id, followPayload(id))
}

/** Calls `onFilesLaid` once, at the first line of a journal that says so. */
function whenLaid(onFilesLaid: () => void): (line: JournalLine) => void {
  let laid = false
  return (line) => {
    if (laid || line.kind !== 'step' || !['start', 'restart', 'health'].includes(line.name)) return
    laid = true
    onFilesLaid()
  }
}

/**
 * Ends a transaction on a host in the middle, as a power cut would: what is in place is whole, and the next plan goes on from it.
 * @returns false when it had come to its end by itself meanwhile
 */
export async function breakOff(
  context: RunContext,
  host: Host,
  connection: SshConnection,
  id: string,
): Promise<boolean> {
  const answer = await runAsRoot(connection, {
    doing: `ending the transaction ${id} on ${host.name}`,
    files: followPayload(id).files,
    workIn: '/run/streamside',
    program: 'run',
    args: ['break', id, context.who],
    sudoPassword: host.sudoPassword,
    ...(context.askSudoPassword ? { askPassword: () => context.askSudoPassword!(host.name) } : {}),
    deadlineSeconds: breakDeadlineSeconds,
  })
  const said = answer.stdout.trim()
  if (answer.code !== 0 || (said !== 'broken' && said !== 'ended'))
    throw new Problem({
      code: 'lock-not-broken',
      doing: `ending the transaction ${id} on ${host.name}`,
      found: answer.stderr.trim() || `the host answered ${JSON.stringify(said)}, status ${answer.code}`,
      next: `see  systemctl status streamside-apply-${id}  there, and whether its disk is full or read-only (df)`,
      host: host.name,
    })
  return said === 'broken'
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
  turns: HeldTurns | null = null,
): Promise<TransactionResult> {
  const result: TransactionResult = { problems: [], made: 0, status: null, connection: line.connection }
  // Coming back prints the journal from its beginning: lines that were seen already are skipped.
  let seen = 0
  const progress = restoreProgress()
  const told = rolledApps()
  let run = begin
  for (;;) {
    let count = 0
    let none = false
    let cut: { who: string; why: string } | null = null
    let ended = false
    let refused: Problem | null = null
    if (run === begin && turns?.lost.aborted === true) await turns.renew(result.connection)
    const sending = run === begin ? givenUpWhen(turns?.lost ?? null) : null
    try {
      const answer = await runAsRoot(result.connection, {
        doing: `provisioning ${host.name}`,
        files: run.files,
        streams: run.streams,
        workIn: run.args[0] === 'start' ? '/var/lib/streamside/incoming' : '/run/streamside',
        program: 'run',
        args: run.args,
        sudoPassword: host.sudoPassword,
        ...(context.askSudoPassword ? { askPassword: () => context.askSudoPassword!(host.name) } : {}),
        deadlineSeconds: transactionDeadlineSeconds,
        ...(sending ? { signal: sending.signal } : {}),
        onLine: (text) => {
          const line = parseJournalLine(text)
          if (line?.kind === 'beginning') {
            sending?.begun()
            return
          }
          if (line?.kind === 'busy') refused = locked(host, line)
          if (line?.kind === 'cut') cut = line
          if (line?.kind === 'none') none = true
          count += 1
          if (!line || count <= seen) return
          seen = count
          if (line.kind === 'step')
            context.report({ type: 'host-step', host: host.name, step: line.name, detail: line.detail })
          if (line.kind === 'progress')
            context.report({ type: 'restore-progress', host: host.name, ...progress(line, performance.now()) })
          if (line.kind === 'healthy')
            context.report({ type: 'app-healthy', host: host.name, app: line.app, seconds: line.milliseconds / 1000 })
          const rolled = told(line)
          if (rolled) context.report({ type: 'app-rolled', host: host.name, ...rolled })
          if (line.kind === 'problem') result.problems.push(transactionProblem(host.name, line.code, line.text))
          if (line.kind === 'end') {
            ended = true
            result.status = line.status
          }
          onLine(line)
        },
      })
      if (ended) return result
      // The line broke in the middle of the upload: nothing of it is left there, so it is sent again.
      if (none && run !== begin) {
        run = begin
        continue
      }
      throw refused ?? (cut === null ? notStarted(host, answer.stderr) : cutOff(host, id, cut))
    } catch (error) {
      if (error instanceof Problem && error.code === 'turn-lost') {
        context.report({
          type: 'warning',
          host: host.name,
          code: 'turn-lost',
          message: `${error.found}; what was being sent is given up`,
          next: 'taking the turn again, and beginning anew',
        })
        run = followPayload(id)
        continue
      }
      if (!(error instanceof Problem) || error.code !== 'connection-lost') throw error
      context.report({
        type: 'warning',
        host: host.name,
        code: 'connection-lost',
        message: 'the connection was lost; the host goes on by itself',
        next: 'connecting again to follow it',
      })
      await result.connection.close()
      result.connection = await openAgain(host, line, context.stopping)
      run = followPayload(id)
    } finally {
      sending?.begun()
    }
  }
}

/** Gives up, with the reason of `lost`, what has not begun when that aborts. */
function givenUpWhen(lost: AbortSignal | null): { signal: AbortSignal; begun: () => void } {
  const over = new AbortController()
  const giveUp = () => over.abort(lost?.reason)
  lost?.addEventListener('abort', giveUp, { once: true })
  return { signal: over.signal, begun: () => lost?.removeEventListener('abort', giveUp) }
}
