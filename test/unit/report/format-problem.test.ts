import { describe, expect, test } from 'vitest'
import { Problem } from '../../../src/problem.ts'
import { formatProblem, formatWarning } from '../../../src/report/format-problem.ts'
import { textWidth } from '../../../src/report/text-width.ts'

const plain = { columns: 80, color: false }
const details = {
  code: 'connection-refused',
  doing: 'connecting to pi-attic',
  found: '192.168.1.21 port 22 is up, but nothing listens for ssh there',
  next: 'see whether pi-attic is still booting and whether sshd runs on port 22 (systemctl status ssh)',
  host: 'pi-attic',
}

describe('a problem', () => {
  test('says what was being done, what was found and what to do next', () => {
    expect(formatProblem(new Problem(details), plain)).toBe(
      `error: connecting to pi-attic [connection-refused]
  192.168.1.21 port 22 is up, but nothing listens for ssh there
  next: see whether pi-attic is still booting and whether sshd runs on
        port 22 (systemctl status ssh)`,
    )
  })

  test('names host and app where its words do not', () => {
    const problem = new Problem({ ...details, doing: 'checking its health', app: 'gotify' })
    expect(formatProblem(problem, plain).split('\n')[0]).toBe(
      'error: checking its health (pi-attic, gotify) [connection-refused]',
    )
  })

  test('fits narrow terminals, and stays readable on wide ones', () => {
    const widths = (columns: number) =>
      formatProblem(new Problem(details), { columns, color: false }).split('\n').map(textWidth)
    expect(Math.max(...widths(40))).toBeLessThanOrEqual(40)
    expect(Math.max(...widths(300))).toBeLessThanOrEqual(80)
  })

  test('does not let a host steer the terminal', () => {
    const text = formatProblem(new Problem({ ...details, found: 'sudo says\n\u001b[2Jgone' }), plain)
    expect(text).toContain('\n  sudo says\n  ␛[2Jgone\n')
  })

  test('is red on a terminal, first line only', () => {
    const lines = formatProblem(new Problem(details), { columns: 80, color: true }).split('\n')
    expect(lines[0]).toContain('\u001b[31m')
    expect(lines.slice(1).join('')).not.toContain('\u001b')
  })
})

test('a warning says where, what, and what to do', () => {
  const warning = {
    code: 'size',
    message: 'SIZE is below three times the database',
    next: 'give it 300M',
    app: 'gotify',
  }
  expect(formatWarning(warning, plain)).toBe(
    'warning: gotify: SIZE is below three times the database [size]\n  next: give it 300M',
  )
})
