import { spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { createQuestions } from '../../../src/report/questions.ts'

/** A keyboard that types what it is told, once somebody listens. */
function keyboard(...keys: string[]) {
  const modes: boolean[] = []
  return {
    modes,
    setRawMode: (raw: boolean) => modes.push(raw),
    resume() {},
    pause() {},
    on(_: 'data', listener: (chunk: Buffer) => void) {
      // Until the line is over, as a person would.
      queueMicrotask(() => {
        for (let key = keys.shift(); key !== undefined; key = keys.shift()) {
          listener(Buffer.from(key))
          if (['\r', '\n', '\u0003'].some((end) => key.includes(end))) break
        }
      })
    },
    off() {},
  }
}

function asked(...keys: string[]) {
  const stopping = new AbortController()
  let shown = ''
  let interrupts = 0
  let at = 0
  let most = 0
  const reporter = {
    async suspended<T>(work: () => Promise<T>): Promise<T> {
      at += 1
      most = Math.max(most, at)
      try {
        return await work()
      } finally {
        at -= 1
      }
    },
  }
  const keys_ = keyboard(...keys)
  const questions = createQuestions(
    keys_,
    { write: (text) => (shown += text) },
    reporter,
    stopping.signal,
    () => (interrupts += 1),
  )
  return { questions, stopping, modes: keys_.modes, shown: () => shown, interrupts: () => interrupts, most: () => most }
}

describe('a question', () => {
  test.each([
    ['yes\r', true],
    ['Y\n', true],
    ['no\r', false],
    ['\r', false],
    ['yesss\r', false],
  ])('answered with %j is %s', async (keys, answer) => {
    expect(await asked(keys).questions.confirm('Trust it?')).toBe(answer)
  })

  test('shows what is typed, takes back what is erased, and leaves the terminal as it was', async () => {
    const { questions, shown, modes } = asked('n', '\u007f', '\u001b[A', 'y', '\r')
    expect(await questions.confirm('Trust \u001b[2Jit?')).toBe(true)
    expect(shown()).toBe('Trust ␛[2Jit? (yes/no) n\b \by\n')
    expect(modes).toEqual([true, false])
  })

  test('for a secret shows nothing of it', async () => {
    const { questions, shown } = asked('pä', 'ss', '\u007f', 's w\r')
    const secret = await questions.secret('Passphrase: ')
    expect(secret.reveal()).toBe('päss w')
    expect(shown()).toBe('Passphrase: \n')
  })

  test('whose character comes in two pieces is read whole', async () => {
    const bytes = Buffer.from('ä\r')
    let listener: (chunk: Buffer) => void = () => {}
    const halves = {
      setRawMode() {},
      resume: () => queueMicrotask(() => [bytes.subarray(0, 1), bytes.subarray(1)].forEach((half) => listener(half))),
      pause() {},
      on: (_: 'data', take: (chunk: Buffer) => void) => (listener = take),
      off() {},
    }
    const reporter = { suspended: <T>(work: () => Promise<T>) => work() }
    const questions = createQuestions(halves, { write: () => {} }, reporter, new AbortController().signal, () => {})
    expect((await questions.secret('x')).reveal()).toBe('ä')
  })

  test('is asked alone, however many hosts have one', async () => {
    const { questions, most } = asked('yes\r', 'no\r', 'secret\r')
    const answers = await Promise.all([questions.confirm('a'), questions.confirm('b'), questions.secret('c')])
    expect(answers.map((answer) => (typeof answer === 'boolean' ? answer : answer.reveal()))).toEqual([
      true,
      false,
      'secret',
    ])
    expect(most()).toBe(1)
  })

  test('that is refused with Ctrl-C interrupts the run, and the next one is asked all the same', async () => {
    const { questions, interrupts, modes } = asked('y', '\u0003', 'yes\r')
    const [first, second] = await Promise.allSettled([questions.confirm('a'), questions.confirm('b')])
    expect(first).toMatchObject({ status: 'rejected', reason: { code: 'interrupted' } })
    expect(second).toEqual({ status: 'fulfilled', value: true })
    expect(interrupts()).toBe(1)
    expect(modes).toEqual([true, false, true, false])
  })

  test('that nobody answers ends with the run: on a signal, and when the terminal is gone', async () => {
    const { questions, stopping, modes } = asked('y')
    const first = questions.confirm('a')
    const second = questions.secret('b')
    setImmediate(() => stopping.abort())
    const ends = await Promise.allSettled([first, second])
    expect(ends).toMatchObject([
      { status: 'rejected', reason: { code: 'interrupted' } },
      { status: 'rejected', reason: { code: 'interrupted' } },
    ])
    expect(modes).toEqual([true, false])
  })

  test('is on the screen no sooner than the keyboard is ours, or a Ctrl-C at once would be a signal', async () => {
    const order: string[] = []
    const reporter = { suspended: <T>(work: () => Promise<T>) => work() }
    const keys = { ...keyboard('yes\r'), setRawMode: (raw: boolean) => order.push(raw ? 'raw' : 'as it was') }
    const screen = { write: (text: string) => order.push(text.trim()) }
    await createQuestions(keys, screen, reporter, new AbortController().signal, () => {}).confirm('Trust it?')
    expect(order.slice(0, 2)).toEqual(['raw', 'Trust it? (yes/no)'])
  })

  test('works on a real terminal, with the live table making room', () => {
    const root = `${import.meta.dirname}/../../..`
    const program = `
      import { createReporter } from '${root}/src/report/reporter.ts'
      import { createQuestions } from '${root}/src/report/questions.ts'
      const reporter = createReporter({ mode: 'terminal', stdout: process.stdout, stderr: process.stderr })
      const questions = createQuestions(process.stdin, process.stderr, reporter, new AbortController().signal)
      reporter.report({ type: 'run-started', command: 'provision', hosts: ['pi'] })
      reporter.report({ type: 'host-step', host: 'pi', step: 'connect' })
      const secret = await questions.secret('Passphrase: ')
      reporter.report({ type: 'run-finished', exit: 0, seconds: 1 })
      reporter.finish()
      console.log('answered ' + secret.reveal().length)`
    // script(1) gives it a terminal of its own.
    const answer = spawnSync(
      'script',
      ['-qec', `'${process.execPath}' --input-type=module -e "$PROGRAM"`, '/dev/null'],
      {
        input: 'open sesame\r',
        encoding: 'utf8',
        env: { ...process.env, PROGRAM: program },
        timeout: 20_000,
      },
    )
    expect(answer.stdout).toContain('pi  connect')
    expect(answer.stdout).toContain('Passphrase: \r\n')
    expect(answer.stdout).toContain('answered 11')
    expect(answer.stdout.replace(/^[^]*Passphrase/, '')).not.toContain('sesame')
  })
})
