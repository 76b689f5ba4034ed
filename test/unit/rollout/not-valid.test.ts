import { expect, test } from 'vitest'
import { transactionProblem } from '../../../src/rollout/apply-problems.ts'

const next = (said: string) => transactionProblem('pi', 'not-valid', `rsyslogd -N1 said: ${said}`).next

test("a snippet of the user's own is to be mended on its host, and each is named once", () => {
  const bad = (file: string) =>
    `error during parsing file ${file}, on or before line 1: warnings occurred in file '${file}' around line 1\n`
  expect(next(bad('/etc/rsyslog.d/70-bad.conf'))).toMatch(
    /old files stand; \/etc\/rsyslog\.d\/70-bad\.conf on pi is none of streamside's: mend that there/,
  )
  const both = `${bad('/etc/rsyslog.d/60.conf')}${bad('/etc/rsyslog.d/70.conf')}`
  expect(next(`${both}${both}could not interpret master config file '/etc/rsyslog.conf'.`)).toMatch(
    /; \/etc\/rsyslog\.d\/60\.conf and \/etc\/rsyslog\.d\/70\.conf on pi are none/,
  )
  expect(next(bad('/etc/rsyslog.conf'))).toMatch(/; \/etc\/rsyslog\.conf on pi is none/)
})

test('the snippet that was found out is the one to mend, and not the file in which rsyslogd noticed', () => {
  const said =
    "error during parsing file /etc/rsyslog.d/70-good.conf, on or before line 1: syntax error on token '{'\n" +
    'without /etc/rsyslog.d/60-my own.conf the configuration is valid, see its line 3\n'
  expect(next(said)).toMatch(/; \/etc\/rsyslog\.d\/60-my own\.conf on pi is none of streamside's: mend that there/)
})

test('what streamside lays itself follows from the inventory', () => {
  for (const file of ['/etc/rsyslog.d/05-streamside-server.conf', '/etc/rsyslog.d/streamside/hosts.json'])
    expect(next(`could not open ${file}, nor /etc/rsyslog.conf`)).toMatch(
      /; mend the inventory and run provision again$/,
    )
})
