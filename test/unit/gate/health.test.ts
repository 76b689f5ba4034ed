import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'

const units = path.join(import.meta.dirname, '../../../templates/host/apply/units.sh')

/** What step_health records of an app that is in this state when its time is over; `before`: what a step before it has left said. */
function unhealthy(state: string, before: string): string {
  const payload = mkdtempSync(path.join(tmpdir(), 'streamside-health-'))
  onTestFinished(() => rmSync(payload, { recursive: true }))
  writeFileSync(path.join(payload, 'said'), before)
  const { stdout, stderr } = spawnSync(
    'dash',
    [
      '-euc',
      `. "$1"
      step() { :; }
      renewed() { :; }
      state_of() { echo "$state"; }
      healthy() { echo 'no answer on 8080' >&2; false; }
      record() { printf '%s' "$3" | base64 -d; }
      journalctl() { echo 'bad luck'; }
      step_health 1 no-such-app no-such-app.service 0 tcp 127.0.0.1 8080`,
      'sh',
      units,
    ],
    { encoding: 'utf8', env: { ...process.env, payload, state } },
  )
  expect(stderr).toBe('')
  return stdout
}

test('an app that was never up is told with its own words, and not with what an earlier step heard of others', () => {
  expect(
    unhealthy('activating/auto-restart', 'other.service: Command /opt/other/current/serve is not executable'),
  ).toBe('no-such-app.service is activating/auto-restart after 0 s\nbad luck')
})

test('one that was up is told with what its check said', () => {
  expect(unhealthy('active/running', 'other.service: Command /opt/other/current/serve is not executable')).toContain(
    '; its health check said: no answer on 8080',
  )
})
