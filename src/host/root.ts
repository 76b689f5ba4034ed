import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import type { Secret } from '../inventory/secret.ts'
import { Problem } from '../problem.ts'
import { shellWords } from '../templates/quote.ts'
import type { Connection, ExecResult } from './connection.ts'
import { countdown } from './countdown.ts'
import { launcher, marks } from './launcher.ts'
import { payload, type PayloadFile, type PayloadStream } from './payload.ts'
import { rootProblem, type RootTalk } from './root-problems.ts'

export interface RootRun {
  /** As a clause, for messages: `probing pi-attic`. */
  doing?: string
  /** What the program finds in its directory, itself among them. */
  files: PayloadFile[]
  streams?: PayloadStream[]
  /** Where the fresh directory (0700, root) is made. Below /run it is removed at the end; else it is the program's. */
  workIn: '/run/streamside' | '/var/lib/streamside/incoming'
  /** Name of the sh program in `files` that is run, in that directory, with stdin from /dev/null. */
  program: string
  args?: string[]
  /** For a sudo that asks; null = none is known. */
  sudoPassword: Secret | null
  /** Asks a person for it when `sudoPassword` is null; absent without a terminal. */
  askPassword?: () => Promise<Secret>
  /** Upload included, a person's answer not counted. The program itself is ended on the host when it takes longer. */
  deadlineSeconds: number
  /** Called with each whole line of the program's stdout. */
  onLine?: (line: string) => void
  /** As for `Connection.exec`. */
  onlyLines?: boolean
  /** Gives the channel up when it aborts; its reason is thrown. */
  signal?: AbortSignal
}

/** What a person has answered and sudo has taken: nobody is asked twice on one connection. */
const answered = new WeakMap<Connection, Secret>()

/**
 * Runs a program as root on the host, in ONE exec: a launcher becomes root (as it is, by `sudo -n`, or by sudo with a
 * password), the files come as a tar on the same channel's stdin, and the answer holds what the program alone printed.
 * The password is written only when sudo itself has asked for it, and nothing but sudo can read it then.
 *
 * Throws Problems: `sudo-password-needed`, `sudo-password-wrong`, `no-sudo`, `no-shell`, `unpack-failed`, `file-changed`,
 * `file-unreadable`, and those of `Connection.exec`. A program that fails is a result.
 */
export async function runAsRoot(connection: Connection, run: RootRun): Promise<ExecResult> {
  const { host } = connection
  const doing = run.doing ?? `running ${run.program} on ${host}`
  const mark = marks(`streamside-${randomBytes(12).toString('hex')}`)
  const talk: RootTalk = { stderr: '', asked: 0, answered: false, root: false, started: false }
  const limit = countdown(
    run.deadlineSeconds,
    () =>
      new Problem({
        code: 'deadline',
        doing,
        found: `no end of it after ${run.deadlineSeconds} s`,
        next: `look at ${host} (load, disk, a stuck mount), then run it again`,
        host,
      }),
  )
  const heard = createNotice()
  let tail = ''
  let answer = run.sudoPassword ?? answered.get(connection) ?? null

  /** Our half of the conversation: what is written to the channel's stdin, and when. */
  async function* conversation(): AsyncGenerator<Uint8Array> {
    if (!(await heard.until(() => talk.root || talk.asked > 0))) return
    if (!talk.root) {
      if (answer === null && run.askPassword) answer = await limit.paused(run.askPassword)
      if (answer === null) return
      talk.answered = true
      yield Buffer.from(`${answer.reveal()}\n`)
      // Asked once more: it was the wrong one. The end of input spares the account the other tries.
      if (!(await heard.until(() => talk.root || talk.asked > 1)) || !talk.root) return
      answered.set(connection, answer)
    }
    yield* payload([...run.files, { name: '.run', content: startProgram(run) }], run.streams ?? [])
  }

  try {
    const result = await connection.exec(launcher(mark.nonce, run.workIn, run.deadlineSeconds), {
      doing,
      input: Readable.from(conversation(), { objectMode: false }),
      deadlineSeconds: Infinity,
      onlyLines: run.onlyLines,
      signal: run.signal ? AbortSignal.any([limit.signal, run.signal]) : limit.signal,
      onLine(line) {
        if (talk.started) run.onLine?.(line)
        else if (line === mark.root) talk.root = true
        else if (line === mark.started) talk.started = true
        heard.tell()
      },
      onStderr(text) {
        talk.stderr += text
        // in what is new: to look through all of it at each piece takes minutes where somebody prints without an end
        const heardNow = tail + text
        talk.asked += heardNow.split(mark.password).length - 1
        tail = heardNow.slice(1 - mark.password.length)
        heard.tell()
      },
    })
    if (!talk.started) throw rootProblem(talk, result, { doing, host, mark })
    return {
      code: result.code,
      stdout: after(result.stdout, mark.started),
      stderr: after(result.stderr, mark.started),
    }
  } finally {
    limit.stop()
    heard.end()
  }
}

/** dash alone reads this file, so that arguments need no quoting that every login shell agrees on. */
function startProgram(run: RootRun): string {
  return `exec sh ${shellWords(`./${run.program}`, ...(run.args ?? []))}\n`
}

/** What stands after the line `mark`: before it a login shell, sudo and tar may have said anything. */
function after(text: string, mark: string): string {
  const at = text.indexOf(`${mark}\n`)
  return at < 0 ? '' : text.slice(at + mark.length + 1)
}

/** Wakes one waiter when something was heard. */
function createNotice() {
  let wake = () => {}
  let ended = false
  return {
    tell: () => wake(),
    /** True once `reached()` holds; false when the conversation is over without it. */
    async until(reached: () => boolean): Promise<boolean> {
      while (!reached()) {
        if (ended) return false
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
      return true
    },
    end() {
      ended = true
      wake()
    },
  }
}
