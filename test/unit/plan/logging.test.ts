import { describe, expect, test } from 'vitest'
import type { Resource } from '../../../src/desired/resources.ts'
import { runsFromDigest } from '../../../src/desired/runs-from.ts'
import { parseJournald, rsyslogComplaint, rsyslogUnread } from '../../../src/host/logging.ts'
import { planHost } from '../../../src/plan/plan.ts'
import { asWanted, hostState } from './hosts.ts'

const conf = '/etc/rsyslog.d/10-streamside.conf'
const journaldFile = '/etc/systemd/journald.conf.d/99-streamside.conf'
const file = (path: string, content: string): Resource => ({
  kind: 'file',
  path,
  mode: '0644',
  owner: 'root',
  group: 'root',
  content,
})
const rsyslog = {
  kind: 'unit',
  name: 'rsyslog.service',
  enabled: true,
  active: true,
  packaged: true,
  listens: 514,
  runsFrom: [conf],
} as const
const state = hostState(
  [],
  [
    file(conf, '# ours\n'),
    file(journaldFile, '[Journal]\nStorage=persistent\nSyncIntervalSec=60s\n'),
    { ...rsyslog, runsFrom: [conf] },
  ],
)
const digest = runsFromDigest({ ...rsyslog, runsFrom: [conf] }, state.resources)

describe('a package’s unit that runs from files of ours', () => {
  test('is settled when they change: restarted and looked at, with its digest and its port', () => {
    const observed = asWanted(state)
    observed.started.set('rsyslog.service', 'of another')
    expect(planHost(state, observed).changes).toEqual([
      {
        summary: expect.objectContaining({ action: 'restart', name: 'rsyslog.service' }),
        step: { verb: 'settle', fields: ['rsyslog.service', digest, '514'] },
      },
    ])
  })

  test('loses its record first when a file is laid anew, so that an interrupted run restarts it', () => {
    const observed = asWanted(state)
    observed.paths.delete(conf)
    expect(planHost(state, observed).attendant).toContainEqual({ verb: 'forget', fields: ['rsyslog.service'] })
  })

  test('keeps the drop-ins that others have laid over it', () => {
    const observed = asWanted(state)
    observed.overrides.set('rsyslog.service', ['/etc/systemd/system/rsyslog.service.d/mine.conf'])
    expect(planHost(state, observed).changes).toEqual([])
  })

  test('is restarted without them when they leave the inventory', () => {
    const observed = asWanted(state)
    const steps = planHost(hostState([], []), observed).changes.map(({ step }) => [step.verb, ...step.fields])
    expect(steps).toEqual([
      ['remove', conf, 'root'],
      ['remove', journaldFile, 'root'],
      ['settle', 'systemd-journald.service', '-', '-'],
      ['settle', 'rsyslog.service', '-', '-'],
    ])
  })
})

test('what rsyslog would refuse at its next start is told, in its own words', () => {
  const said =
    "rsyslogd: error during parsing file /etc/rsyslog.conf, on or before line 70: ruleset 'nowhere' cannot be found\n" +
    'without /etc/rsyslog.d/60-mine.conf the configuration is valid, see its line 3\n'
  const observed = { ...asWanted(state), ...rsyslogComplaint(Buffer.from(said).toString('base64')) }
  const [warning] = planHost(state, observed).warnings
  expect(warning?.code).toBe('rsyslog-invalid')
  expect(warning?.message).toMatch(/when it starts again: rsyslogd: error .*\n.* see its line 3$/)
  expect(planHost(state, { ...asWanted(state), ...rsyslogComplaint(undefined) }).warnings).toEqual([])
})

test('a rsyslog.conf that includes none of our snippets is refused, with the line that it lacks', () => {
  const [problem] = planHost(state, { ...asWanted(state), ...rsyslogUnread(conf) }).refused
  expect(problem?.code).toBe('rsyslog-not-included')
  expect(problem?.found).toContain(`/etc/rsyslog.conf does not include ${conf}: `)
  expect(problem?.next).toContain('include(file="/etc/rsyslog.d/*.conf")')
  expect(planHost(state, { ...asWanted(state), ...rsyslogUnread(undefined) }).refused).toEqual([])
})

describe('what the journal comes to', () => {
  const answer = (text: string) => parseJournald(Buffer.from(text).toString('base64'))

  test('is the last assignment of each key, with the file that it stands in', () => {
    const said = answer(
      '# /etc/systemd/journald.conf\n[Journal]\n#Storage=auto\n\n# /usr/lib/systemd/journald.conf.d/40-rpi.conf\n[Journal]\nStorage=volatile\n' +
        `\n# ${journaldFile}\n[Journal]\nStorage = persistent\n`,
    )
    expect(said).toEqual(new Map([['Storage', { value: 'persistent', file: journaldFile }]]))
    expect(parseJournald(undefined)).toBeNull()
  })

  test('is told when a drop-in after ours says something else, and one before ours is not', () => {
    const observed = asWanted(state)
    observed.journald = answer(
      `# /etc/systemd/journald.conf.d/10-early.conf\nSyncIntervalSec=5m\n# ${journaldFile}\nStorage=persistent\n# /run/systemd/journald.conf.d/zz.conf\nStorage=none\n`,
    )
    expect(planHost(state, observed).warnings).toEqual([
      expect.objectContaining({
        code: 'journald-overridden',
        message: expect.stringContaining('Storage=none from /run/systemd/journald.conf.d/zz.conf') as string,
      }),
    ])
  })
})
