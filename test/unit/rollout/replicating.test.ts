import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

const program = new URL('../../../templates/host/apply/replicating.sh', import.meta.url).pathname

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'streamside-replicating-'))
})

afterEach(() => rmSync(folder, { recursive: true }))

const litestream = (MESSAGE: unknown) => ({ _PID: '7', SYSLOG_IDENTIFIER: 'litestream', MESSAGE })
const systemd = (MESSAGE: string) => ({ _PID: '1', SYSLOG_IDENTIFIER: 'systemd', MESSAGE })

/** What is told when the journal of the unit has these entries. */
function told(entries: { MESSAGE: unknown }[], state = 'activating/auto-restart'): string {
  const lines = (of: unknown[]) => of.map((one) => `${one as string}\n`).join('')
  writeFileSync(join(folder, 'json'), lines(entries.map((entry) => JSON.stringify(entry))))
  writeFileSync(join(folder, 'cat'), lines(entries.map(({ MESSAGE }) => MESSAGE)))
  const script = `
    set -eu
    state_of() { echo ${state}; }
    journalctl() { for last; do :; done; cat ./"\${last#--output=}"; }
    . ${program}
    litestream_said notes | or_silence`
  return execFileSync('sh', ['-c', script], { cwd: folder, encoding: 'utf8' })
}

describe('of an app that is not replicated', () => {
  test('the words of the check before Litestream are told, not those that systemd says behind them', () => {
    const words = 'notes.db is closed to its own user by its mode: chmod u+rwX'
    expect(
      told([
        litestream('one'),
        litestream('two'),
        litestream('three'),
        litestream(words),
        systemd('Control process exited, code=exited, status=1/FAILURE'),
        systemd("Failed with result 'exit-code'."),
        systemd('Failed to start notes-litestream.service.'),
      ]),
    ).toBe(`two\nthree\n${words}\n`)
  })

  test("systemd's are told where there are no others, and it does not run", () => {
    const words = 'Failed to load environment files: No such file or directory'
    expect(told([systemd(words)])).toBe(`${words}\n`)
    expect(told([systemd('Started notes-litestream.service.')], 'active/running')).toMatch(
      /^Litestream has named no reason/,
    )
  })

  test('bytes that are no text do not hide the rest', () => {
    expect(told([litestream('before'), litestream([104, 105]), litestream(null)])).toBe('before\nhi\n')
  })

  test('what is repeated is told once, and what is no reason not at all', () => {
    const level = (level: string, msg: string) => litestream(JSON.stringify({ time: 't', level, msg }))
    expect(
      told([
        litestream('closed'),
        systemd('Failed'),
        litestream('closed'),
        level('ERROR', 'no'),
        level('INFO', 'begun'),
      ]),
    ).toBe('closed\n{"time":"t","level":"ERROR","msg":"no"}\n')
    expect(told([level('INFO', 'begun'), level('DEBUG', 'more')], 'active/running')).toMatch(/^Litestream has named no/)
  })

  test('silence is told in words', () => {
    expect(told([])).toBe(
      'Litestream has named no reason for a minute: the server of the replica may take requests and not answer\n',
    )
  })
})
