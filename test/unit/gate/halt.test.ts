import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const leave = join(import.meta.dirname, '../../../templates/host/apply/leave.sh')

/**
 * Runs step_halt for an app that nothing is on record of, where the database lies. `states`: what systemd says of the app's unit, one
 * after the other, the last one from then on.
 * @returns what was done, and the exit of `fail`
 */
function halt(states: string[], subState = 'start-pre'): { said: string[]; status: number | null } {
  const { stdout, status } = spawnSync(
    'sh',
    [
      '-euc',
      `. "$1"
      n=$(mktemp); trap 'rm -f "$n"' EXIT; echo 0 >"$n"
      step() { :; }
      gone() { false; }
      note_halted() { :; }
      deleted_under() { :; }
      record() { echo "record $*"; }
      sleep() { echo sleep; }
      fail() { shift; echo "fail $*"; exit 16; }
      systemctl() {
        case "$*" in
          *litestream*) echo active ;;
          *ActiveState*) read -r at <"$n"; echo "$((at + 1))" >"$n"; printf '%s\\n' "$states" | sed -n "$((at + 1))p;\\$p" | head -n 1 ;;
          *SubState*) echo "$sub" ;;
          stop*) echo "$*" ;;
        esac
      }
      step_halt 1 no-such-app no-such-app.service "$1"`,
      'sh',
      leave,
    ],
    { encoding: 'utf8', env: { ...process.env, states: states.join('\n'), sub: subState } },
  )
  return { said: stdout.trim().split('\n'), status }
}

const without =
  'fail not-proven:no-such-app ' +
  `${leave}: it was stopped before it had proven anything since the boot, or the last proof was of before this stop`

test('an app is not stopped while it is being started, and one that has proven nothing is told of with a reason', () => {
  const { said, status } = halt(['activating', 'activating', 'active'])
  expect(said).toEqual(['sleep', 'sleep', 'stop no-such-app.service', without])
  expect(status).toBe(16)
})

test('an app that runs, or does not stay up, is waited for no longer', () => {
  expect(halt(['active']).said).toEqual(['stop no-such-app.service', without])
  expect(halt(['activating'], 'auto-restart').said).toEqual(['stop no-such-app.service', without])
})
