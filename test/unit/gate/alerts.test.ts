import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

// state.sh: how a host tells people. `logger` is a stand-in that writes down what the journal would get.

const program = path.resolve(import.meta.dirname, '../../../templates/host/state.sh')
let folder: string
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'streamside-alerts-'))
  for (const name of ['bin', 'state', 'run']) mkdirSync(path.join(folder, name))
  journal('cat >/dev/null; printf "%s\\n" "$6" >>"$JOURNAL"')
})
afterEach(() => rmSync(folder, { recursive: true }))

function journal(script: string): void {
  writeFileSync(path.join(folder, 'bin/logger'), `#!/bin/sh\n${script}\n`)
  chmodSync(path.join(folder, 'bin/logger'), 0o755)
}

/** Runs lines of shell as a host program would, with `set -eu`; what it said, and how it ended. */
function run(script: string): { code: number | null; said: string } {
  const answer = spawnSync(
    'dash',
    ['-euc', `app=notes host=pi; . "$1"; state=$2/state run=$2/run; ${script}`, 'sh', program, folder],
    {
      encoding: 'utf8',
      env: { PATH: `${folder}/bin:${process.env['PATH']}`, JOURNAL: `${folder}/journal` },
    },
  )
  return { code: answer.status, said: answer.stderr }
}

const told = (): Record<string, string>[] => {
  try {
    return readFileSync(path.join(folder, 'journal'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, string>)
  } catch {
    return []
  }
}
const split = 'alert check split "two \\"histories\\"" "compare them" e0001-aa'

describe('an alert', () => {
  test('is one journal line a reason, however often it is raised', () => {
    for (let round = 0; round < 3; round++) expect(run(split)).toEqual({ code: 0, said: '' })
    expect(told()).toEqual([
      expect.objectContaining({
        host: 'pi',
        app: 'notes',
        code: 'split',
        text: 'two "histories"',
        next: 'compare them',
      }),
    ])
  })

  test('is told again after it was over', () => {
    run(split)
    run('alert_over check-split-e0001-aa')
    run(split)
    run('alerts_over check')
    run(split)
    expect(told()).toHaveLength(3)
  })

  test('that was raised in this run is not over at its end', () => {
    expect(run(`${split}; alerts_over check`).code).toBe(0)
    expect(readdirSync(path.join(folder, 'state/alerts'))).toEqual(['check-split-e0001-aa'])
  })

  test('does not end the program when the journal is down, and is told once it is up', () => {
    journal('exit 1')
    expect(run(`${split}; echo went on >&2`)).toEqual({ code: 0, said: expect.stringMatching(/told again[^]*went on/) })
    journal('printf "%s\\n" "$6" >>"$JOURNAL"')
    run(split)
    run(split)
    expect(told()).toHaveLength(1)
  })

  test('comes once, and does not end the program, where nothing can be written', () => {
    rmSync(path.join(folder, 'state'), { recursive: true })
    writeFileSync(path.join(folder, 'state'), 'no folder: as good as a card that is read-only')
    for (let round = 0; round < 3; round++) expect(run(`${split}; echo went on >&2`).said).toBe('went on\n')
    expect(told()).toHaveLength(1)
    rmSync(path.join(folder, 'run'), { recursive: true })
    expect(run(`${split}; echo went on >&2`)).toEqual({ code: 0, said: expect.stringMatching(/went on\n$/) })
  })
})

test('what a host remembers stays whole when there is no room for what is new, also where a failure is looked at', () => {
  expect(run('remember claim \'{"path":"e0001"}\'').code).toBe(0)
  const full = run("ulimit -f 0; trap '' XFSZ; remember claim '{\"path\":\"e0002\"}' || echo 'told of it' >&2")
  expect(full.said).toContain('told of it')
  expect(run('[ "$(remembered claim)" = \'{"path":"e0001"}\' ]').code).toBe(0)
})
