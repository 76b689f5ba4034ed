import { Secret } from '../inventory/secret.ts'
import { Problem } from '../problem.ts'
import { harmless } from './harmless.ts'
import type { Reporter } from './reporter.ts'

/** What is needed of process.stdin when it is a terminal. */
export interface Keyboard {
  setRawMode(raw: boolean): unknown
  resume(): unknown
  pause(): unknown
  on(event: 'data', listener: (chunk: Buffer) => void): unknown
  off(event: 'data', listener: (chunk: Buffer) => void): unknown
}

/** Asks the person at the terminal, one question at a time, however many hosts have one. */
export interface Questions {
  /** True for yes; anything but `yes` or `y` is a no. */
  confirm(question: string): Promise<boolean>
  /** A password or passphrase; nothing is shown while it is typed. */
  secret(prompt: string): Promise<Secret>
}

/**
 * Questions on a terminal: the live table makes room for each. Make them only when stdin and stderr are terminals.
 * Throws Problem `interrupted` when the person presses Ctrl-C or Ctrl-D instead of answering, and once `stopping` is aborted:
 * a run that is to end must not wait for somebody who may have left.
 */
export function createQuestions(
  keyboard: Keyboard,
  screen: { write(text: string): unknown },
  reporter: Pick<Reporter, 'suspended'>,
  stopping: AbortSignal,
  /** What Ctrl-C does besides: in raw mode the terminal no longer raises the signal itself. */
  interrupt: () => void = () => process.kill(process.pid, 'SIGINT'),
): Questions {
  const read = (prompt: string, shown: boolean) => readLine({ keyboard, screen, stopping, interrupt }, prompt, shown)
  let last: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(ask: () => Promise<T>): Promise<T> => {
    const turn = last.then(() => {
      if (stopping.aborted) throw interrupted()
      return reporter.suspended(ask)
    })
    last = turn.catch(() => {}) // the one who asked hears of it; the next question is asked all the same
    return turn
  }
  return {
    confirm: (question) =>
      inTurn(async () => {
        const answer = await read(`${harmless(question)} (yes/no) `, true)
        return /^y(es)?$/i.test(answer.trim())
      }),
    secret: (prompt) => inTurn(async () => new Secret(prompt, await read(harmless(prompt), false))),
  }
}

/** Questions on this process's terminal; null when stdin or stderr is none. Throws nothing. */
export function terminalQuestions(reporter: Pick<Reporter, 'suspended'>, stopping: AbortSignal): Questions | null {
  const { stdin, stderr } = process
  return stdin.isTTY && stderr.isTTY ? createQuestions(stdin, stderr, reporter, stopping) : null
}

const enter = new Set(['\r', '\n'])
const stop = new Set(['\u0003', '\u0004'])
const erase = new Set(['\u007f', '\b'])

interface Terminal {
  keyboard: Keyboard
  screen: { write(text: string): unknown }
  stopping: AbortSignal
  interrupt: () => void
}

/** Reads one line in raw mode, so that nothing but us decides what is shown of it. */
function readLine(
  { keyboard, screen, stopping, interrupt }: Terminal,
  prompt: string,
  shown: boolean,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const typed: string[] = []
    const decoder = new TextDecoder()
    const end = (settle: () => void) => {
      stopping.removeEventListener('abort', giveUp)
      keyboard.off('data', take)
      keyboard.setRawMode(false)
      keyboard.pause()
      screen.write('\n')
      settle()
    }
    const giveUp = () => end(() => reject(interrupted()))
    const take = (chunk: Buffer) => {
      // An arrow key comes as one chunk that begins with an escape: it types nothing.
      const text = decoder.decode(chunk, { stream: true })
      if (text.startsWith('\u001b')) return
      for (const char of text) {
        if (enter.has(char)) {
          end(() => resolve(typed.join('')))
          return
        }
        if (stop.has(char)) {
          end(() => reject(interrupted()))
          if (char === '\u0003') interrupt()
          return
        }
        if (erase.has(char)) {
          if (typed.pop() !== undefined && shown) screen.write('\b \b')
        } else if (char >= ' ') {
          typed.push(char)
          if (shown) screen.write(char)
        }
      }
    }
    stopping.addEventListener('abort', giveUp, { once: true })
    // Before the prompt: who answers it at once must not meet a terminal that still echoes, and makes a signal of Ctrl-C.
    keyboard.setRawMode(true)
    screen.write(prompt)
    keyboard.on('data', take)
    keyboard.resume()
  })
}

/** What is thrown when a question stays unanswered. */
export function interrupted(): Problem {
  return new Problem({
    code: 'interrupted',
    doing: 'waiting for an answer',
    found: 'the question was not answered',
    next: 'run it again and answer, or give the answer beforehand (--accept-new, --prune, ssh-add, sudo-password in the inventory)',
  })
}
