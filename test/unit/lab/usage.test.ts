import { execFileSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { advice } from '../../lab/advice.ts'
import { asksForHelp, unknownCommand, usage } from '../../lab/usage.ts'

const cli = new URL('../../lab/cli.ts', import.meta.url).pathname
/** Runs scripts/lab's program; an instance of that name is never up. */
const lab = (...args: string[]) =>
  execFileSync(process.execPath, ['--disable-warning=ExperimentalWarning', cli, ...args], {
    encoding: 'utf8',
    env: { ...process.env, STREAMSIDE_LAB: 'no-such-lab-is-up' },
  })

describe('scripts/lab', () => {
  test.each(['up', 'down', 'status', 'ssh', 'wipe', 'power-cut', 'power-off', 'reboot', 'boot', 's3', 'env'])(
    '%s --help says what it does, and does nothing',
    (command) => {
      const said = lab(command, '--help')
      expect(said).toMatch(new RegExp(`^usage: scripts/lab ${command}`))
      expect(said).toBe(`${usage(command)}\n`)
      expect(usage()).toContain(`\n  ${command}`)
    },
  )

  test('what a host is asked is the host’s business', () => {
    expect(asksForHelp('ssh', ['pi-attic', 'ls', '--help'])).toBe(false)
    expect(asksForHelp('ssh', ['--help'])).toBe(true)
  })

  test('a mistyped command is told the nearest', () => {
    expect(unknownCommand('statsu')).toMatch(/^lab: no such command: statsu; did you mean status\?\n/)
    expect(unknownCommand('s3 frezee')).toMatch(/^lab: no such command: s3 frezee; did you mean s3 freeze\?\n/)
    expect(unknownCommand('')).toMatch(/^lab: no such command: \(none\)\n/)
  })

  test('a command that takes no argument refuses one', () => {
    expect(() => lab('down', 'pi-attic')).toThrow(/down takes no argument, not pi-attic/)
  })
})

describe('what the demo advises at its end', () => {
  const named = {
    name: 'mine',
    isDefault: false,
    inventory: '/src/streamside/.lab/mine/lab.yaml',
    endpoint: 'http://10.83.7.1:9000',
    checkout: '/src/streamside',
    cwd: '/src/streamside',
  }

  test('names the instance in each command of the lab, and the file that this instance goes by', () => {
    const said = advice(named)
    const commands = said.match(/\S*scripts\/lab/g) ?? []
    expect(commands.length).toBeGreaterThan(4)
    expect(said.match(/STREAMSIDE_LAB=mine scripts\/lab/g)).toHaveLength(commands.length)
    expect(said).toContain('scripts/streamside plan --inventory .lab/mine/lab.yaml')
    expect(said).not.toContain('inventory/lab.yaml')
  })

  test('leaves the usual instance unnamed', () => {
    expect(advice({ ...named, name: 'lab', isDefault: true })).not.toContain('STREAMSIDE_LAB')
  })

  test('works from the folder that the demo was started in', () => {
    const said = advice({ ...named, cwd: '/root' })
    expect(said).toContain('STREAMSIDE_LAB=mine /src/streamside/scripts/lab down')
    expect(said).toContain('/src/streamside/scripts/streamside plan --inventory /src/streamside/.lab/mine/lab.yaml')
  })
})
