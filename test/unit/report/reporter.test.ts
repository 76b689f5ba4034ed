import { spawn, spawnSync } from 'node:child_process'
import { PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { Secret } from '../../../src/inventory/secret.ts'
import { Problem } from '../../../src/problem.ts'
import type { RunEvent } from '../../../src/report/events.ts'
import { createReporter, reporterMode, type ReporterOptions } from '../../../src/report/reporter.ts'
import { wantsColor } from '../../../src/report/colour.ts'

const problem = new Problem({
  code: 'a-code',
  doing: 'probing pi',
  found: 'nothing',
  next: 'look',
  host: 'pi',
  exit: 3,
})
const run: RunEvent[] = [
  { type: 'run-started', command: 'provision', hosts: ['attic', 'pi'] },
  { type: 'host-step', host: 'attic', step: 'probe', detail: 'one exec' },
  {
    type: 'change',
    host: 'attic',
    change: { kind: 'package', name: 'jq', action: 'install', reason: 'not installed' },
  },
  { type: 'problem', problem },
  { type: 'warning', host: 'attic', code: 'clock', message: 'its clock is 7 min off', next: 'enable timesyncd' },
  { type: 'app-healthy', host: 'attic', app: 'gotify', seconds: 1.2 },
  { type: 'host-done', host: 'attic', outcome: 'changed', changes: 1, execs: 2, seconds: 4.25 },
  { type: 'host-done', host: 'pi', outcome: 'unreachable', changes: 0, execs: 0, seconds: 10 },
  { type: 'run-finished', exit: 3, seconds: 10.4 },
]

/** A reporter whose output is kept. */
function recorded(options: Partial<ReporterOptions> = {}) {
  const written = { out: '', err: '' }
  const listeners: ((error: Error) => void)[] = []
  const reporter = createReporter({
    mode: 'plain',
    stdout: { write: (text) => (written.out += text), on: (_, listener) => listeners.push(listener) },
    stderr: { write: (text) => (written.err += text), on: () => {}, columns: 60, rows: 20 },
    color: false,
    ...options,
  })
  return { reporter, written, fail: (error: Error) => listeners.forEach((listener) => listener(error)) }
}

const finished = (options: Partial<ReporterOptions>, events = run) => {
  const { reporter, written } = recorded(options)
  for (const event of events) reporter.report(event)
  reporter.finish()
  return written
}

describe('in a pipe', () => {
  test('progress is one line an event on stderr, results are on stdout', () => {
    const { out, err } = finished({ mode: 'plain' })
    expect(err).toBe(`attic  probe  one exec
error: probing pi [a-code]
  nothing
  next: look
warning: attic: its clock is 7 min off [clock]
  next: enable timesyncd
attic  healthy  gotify after 1.2 s
attic  changed  4.3 s
pi  unreachable  10 s
`)
    expect(out).toBe(`attic
  install package   jq  not installed
attic  changed         1 change   2 execs  4.3 s
pi     unreachable    0 changes   0 execs  10 s
2 hosts in 10 s
`)
  })

  test('what a host had said is not lost when the run ends before it does', () => {
    expect(finished({ mode: 'plain' }, run.slice(0, 3)).out).toContain('install package   jq')
  })

  test('changes of hosts that run side by side are not mixed', () => {
    const change = (host: string, name: string): RunEvent => ({
      type: 'change',
      host,
      change: { kind: 'file', name, action: 'create', reason: 'new' },
    })
    const done = (host: string): RunEvent => ({
      type: 'host-done',
      host,
      outcome: 'changed',
      changes: 2,
      execs: 1,
      seconds: 1,
    })
    const { out } = finished({}, [
      change('a', '/1'),
      change('b', '/2'),
      change('a', '/3'),
      done('b'),
      change('a', '/4'),
      done('a'),
    ])
    expect(out.match(/^\w|\/\d/gm)?.join(' ')).toBe('b /2 a /1 /3 /4')
  })
})

describe('as events', () => {
  const lines = (written: { out: string }) =>
    written.out
      .trim()
      .split('\n')
      .map((line): unknown => JSON.parse(line))

  test('each is one line on stdout, with the version of the schema and the time; stderr is silent', () => {
    const written = finished({ mode: 'json' })
    expect(written.err).toBe('')
    const events = lines(written)
    expect(events).toHaveLength(run.length)
    for (const event of events)
      expect(event).toMatchObject({ v: 1, time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string })
    expect(events[3]).toMatchObject({
      type: 'problem',
      problem: { code: 'a-code', doing: 'probing pi', found: 'nothing', next: 'look', host: 'pi', exit: 3 },
    })
    expect(events[6]).toMatchObject({ type: 'host-done', host: 'attic', execs: 2, changes: 1 })
  })

  test('stay readable when a secret is a word of ours, or full of quotes', () => {
    const { reporter, written } = recorded({ mode: 'json' })
    reporter.hide([new Secret('a', 'type'), new Secret('b', 'say "hi", \\ then'), new Secret('c', '","v"')])
    reporter.report({ type: 'note', message: 'the type is say "hi", \\ then' })
    expect(lines(written)).toEqual([expect.objectContaining({ v: 1, type: 'note', message: 'the *** is ***' })])
  })
})

describe('on a terminal', () => {
  test('a table is drawn on stderr, problems stand above it, and the summary is all that stays', () => {
    const { out, err } = finished({ mode: 'terminal' })
    expect(err).toContain('attic  probe        ')
    expect(err).toContain('error: probing pi [a-code]')
    expect(err.endsWith('\u001b[J')).toBe(true)
    expect(out).toContain('attic  changed ')
  })

  test('with more hosts than rows there are plain lines instead', () => {
    const stderr = { rows: 2, columns: 80, on: () => {} }
    let err = ''
    finished({ mode: 'terminal', stderr: { ...stderr, write: (text) => (err += text) } })
    expect(err).not.toContain('\u001b')
    expect(err).toContain('attic  probe  one exec\n')
  })

  test('what is said during a question is printed after it', async () => {
    const { reporter, written } = recorded({ mode: 'terminal' })
    reporter.report(run[0] as RunEvent)
    const answer = await reporter.suspended(async () => {
      const before = written.err
      reporter.report({ type: 'problem', problem })
      reporter.print('a result')
      await new Promise((resolve) => setTimeout(resolve, 300))
      expect(written.err).toBe(before)
      expect(written.out).toBe('')
      return 'yes'
    })
    expect(answer).toBe('yes')
    expect(written.err).toContain('error: probing pi')
    expect(written.out).toBe('a result\n')
    reporter.finish()
  })
})

describe('whatever the mode', () => {
  test.each(['plain', 'terminal', 'json'] as const)('no secret is printed (%s)', (mode) => {
    const secret = 'hunter2 "x" $y'
    const { reporter, written } = recorded({ mode, columns: 30 })
    reporter.hide([new Secret('s', secret)])
    reporter.report({ type: 'run-started', command: 'provision', hosts: ['pi'] })
    // Long enough for the table to cut it in the middle: half a secret is a secret.
    reporter.report({ type: 'host-step', host: 'pi', step: 'probe', detail: `says ${secret}` })
    reporter.report({ type: 'note', message: `note ${secret}` })
    reporter.report({ type: 'warning', code: 'w', message: `${secret}!`, next: secret })
    reporter.report({
      type: 'problem',
      problem: new Problem({ code: 'c', doing: `d ${secret}`, found: `f ${secret}`, next: `n ${secret}`, host: 'pi' }),
    })
    reporter.report({
      type: 'change',
      host: 'pi',
      change: { kind: 'file', name: `/x ${secret}`, action: 'create', reason: secret, diff: `+${secret}\n` },
    })
    reporter.report({ type: 'host-done', host: 'pi', outcome: 'failed', changes: 1, execs: 1, seconds: 1 })
    if (mode !== 'json') reporter.print(`result ${secret}`)
    reporter.finish()
    expect(written.out + written.err).not.toMatch(/hunter2|\$y/)
    expect(written.out + written.err).toContain('***')
  })

  test('a reader that goes away ends nothing but the output', () => {
    const { reporter, written, fail } = recorded({ mode: 'json' })
    reporter.report(run[0] as RunEvent)
    fail(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))
    const before = written.out
    reporter.report(run[1] as RunEvent)
    expect(written.out).toBe(before)
    expect(() => fail(Object.assign(new Error('no space'), { code: 'ENOSPC' }))).toThrow('no space')
  })

  const program = `
    import { createReporter } from '${import.meta.dirname}/../../../src/report/reporter.ts'
    const { report, finish } = createReporter({ mode: 'json', stdout: process.stdout, stderr: process.stderr })
    for (let i = 0; i < 20000; i++) report({ type: 'note', message: 'line ' + i })
    finish()
    process.on('exit', (code) => process.stderr.write('ended with ' + code))`

  test('a real pipe that is closed early is a quiet end', () => {
    const command = `'${process.execPath}' --input-type=module -e "$PROGRAM" | head -n 1`
    const answer = spawnSync('sh', ['-c', command], { encoding: 'utf8', env: { ...process.env, PROGRAM: program } })
    expect(answer.stdout.split('\n')).toHaveLength(2)
    expect(answer.stderr).toBe('ended with 0')
  })

  test('a slow reader gets every line', async () => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    await new Promise((resolve) => setTimeout(resolve, 500))
    let text = ''
    for await (const chunk of child.stdout) text += String(chunk)
    expect(text.trim().split('\n')).toHaveLength(20000)
  })
})

test('the mode and the colours fit the streams', () => {
  const terminal = Object.assign(new PassThrough(), { isTTY: true })
  const pipe = Object.assign(new PassThrough(), { isTTY: false })
  expect(reporterMode(true, terminal, {})).toBe('json')
  expect(reporterMode(false, terminal, {})).toBe('terminal')
  expect(reporterMode(false, terminal, { TERM: 'dumb' })).toBe('plain')
  expect(reporterMode(false, pipe, {})).toBe('plain')
  expect([wantsColor(terminal, {}), wantsColor(terminal, { NO_COLOR: '1' }), wantsColor(pipe, {})]).toEqual([
    true,
    false,
    false,
  ])
  expect(wantsColor(pipe, { FORCE_COLOR: '1' })).toBe(true)
})

test('a secret that is a word of ours damages no code, in whatever mode', () => {
  for (const mode of ['plain', 'terminal', 'json'] as const) {
    const { reporter, written } = recorded({ mode, columns: 80 })
    reporter.hide([new Secret('sudo', 'wrong'), new Secret('other', 'next')])
    reporter.report({
      type: 'problem',
      problem: new Problem({
        code: 'sudo-password-wrong',
        doing: 'becoming root on pi-attic',
        found: 'sudo takes no "wrong" as the password',
        next: 'mend it',
      }),
    })
    reporter.finish()
    const said = written.out + written.err
    expect(said).toContain('sudo-password-wrong')
    expect(said).toContain('next')
    expect(said.replaceAll('sudo-password-wrong', '')).not.toContain('wrong')
  }
})
