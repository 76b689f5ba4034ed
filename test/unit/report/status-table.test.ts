import { expect, test } from 'vitest'
import { Problem } from '../../../src/problem.ts'
import { formatStatus, type StatusRow } from '../../../src/report/status-table.ts'
import { textWidth } from '../../../src/report/text-width.ts'
import { hostStatus } from '../../../src/status/host-status.ts'
import { health, hostFacts, now, unit, units } from '../status/facts.ts'

const look = { columns: 80, color: false, all: false, now }
const row = (host: string, change: Parameters<typeof hostFacts>[0] = {}): StatusRow => ({
  host,
  found: hostStatus({ ...hostFacts(change), host }),
})
const away: StatusRow = {
  host: 'pi-away',
  found: new Problem({
    code: 'connection-refused',
    doing: 'connecting',
    found: '192.168.1.9 port 22 is up, but nothing listens for ssh there',
    next: 'x',
    exit: 3,
  }),
}

test('a line a host and a line an app, and no more when all is well', () => {
  expect(formatStatus([row('pi')], look).split('\n')).toEqual([
    'HOST / APP  STATE    STREAM  GATE  TIMER  REPLICA    AT  SENT  OWNER      UNHELD',
    'pi  disk 11 GB free  memory 977 MB  clock ok  drift no  alerts 0',
    '  notes     running  up      open  on     protected  9   49 s  this host  0',
    '',
    '1 host, all is well',
  ])
})

test('heat, power and card errors stand in the line of the host, what was and is no more below it', () => {
  const never = { now: false, sinceBoot: false }
  const power = { source: 'vcgencmd', frequencyCapped: never, throttled: never, softTemperatureLimit: never } as const
  const show = (change: Parameters<typeof health>[0]) => {
    const facts = hostFacts()
    const found = hostStatus({ ...facts, seen: { ...facts.seen, health: health(change) } })
    return formatStatus([{ host: 'pi', found }], { ...look, columns: 120 })
  }
  const temperature = { celsius: 48.3, sensor: 'cpu-thermal' }
  const past = show({ temperature, power: { ...power, underVoltage: { now: false, sinceBoot: true } } })
  expect(past).toMatch(/^pi .* alerts 0 {2}48 °C$/m)
  expect(past).toMatch(/^pi: the power supply has given too little voltage since boot.*\[under-voltage\]$/m)
  expect(past).toMatch(/^1 host, all is well$/m)
  const bad = show({
    power: { ...power, underVoltage: { now: true, sinceBoot: true } },
    ext4: [{ device: 'mmcblk0p2', path: '/', errors: 1, first: null, last: null }],
  })
  expect(bad).toMatch(/^pi .* alerts 0 {2}power low {2}card errors$/m)
  expect(bad).toMatch(/^1 host, 2 things are wrong$/m)
})

test('what is wrong stands below the table, with what to do', () => {
  const stopped = row('pi')
  const facts = hostFacts({
    drift: {
      known: true,
      changes: [
        { kind: 'unit', name: 'notes.service', action: 'start', reason: 'is inactive (dead)' },
        { kind: 'file', name: '/etc/systemd/system/notes.service', action: 'update', reason: 'mode 0600, not 0644' },
      ],
    },
  })
  stopped.found = hostStatus({
    ...facts,
    seen: { ...facts.seen, units: units({ 'notes.service': unit({ activeState: 'inactive', subState: 'dead' }) }) },
  })
  const text = formatStatus([stopped, away, { host: 'pi-late', found: null }], look)
  expect(text).toMatch(/^ {2}notes +stopped +up +- /m)
  expect(text).toMatch(
    /^pi notes: notes\.service was stopped \(inactive, success\) \[stopped\]\n {2}next: run streamside provision/m,
  )
  expect(text).toMatch(/^pi-away {2}unreachable: 192\.168\.1\.9 port 22 is up/m)
  expect(text).toMatch(/^pi-late {2}not asked$/m)
  // that the unit is not started is said of the app, and is no second fault
  expect(text).toMatch(/^pi {2}disk .* drift yes \(2\)/m)
  expect(text).toMatch(/^pi: 1 thing is not as declared: file \/etc\/systemd\/system\/notes\.service/m)
  expect(text).toMatch(/^3 hosts, 2 not seen, 2 things are wrong$/m)
  expect(text).toContain('app inactive (dead), litestream active (running), gate at\n  rest, timer')
})

test('what several apps of a host have in common is said once, and counts once', () => {
  const facts = hostFacts({
    app: { verdict: { do: 'tell', code: 'replica-unreachable', text: 'S3 is away', next: 'do' } },
  })
  const [app] = facts.apps
  const own = facts.seen.apps.get('notes')!
  const apps = new Map([
    ['notes', own],
    ['other', { ...own, lastOwner: { ...own.lastOwner!, read: now - 900 }, owner: null }],
  ])
  const units = new Map(
    [...facts.seen.units].flatMap(([name, seen]) => [
      [name, seen] as const,
      [name.replace('notes', 'other'), seen] as const,
    ]),
  )
  const found = hostStatus({
    ...facts,
    apps: [app!, { ...app!, name: 'other' }],
    seen: { ...facts.seen, apps, units },
  })
  const text = formatStatus([{ host: 'pi', found }], look)
  expect(text.match(/S3 is away/g)).toHaveLength(1)
  expect(text).toMatch(/^pi notes, other: S3 is away \[replica-unreachable\]$/m)
  expect(text).toMatch(/^pi other: units .*(\n {2}.*)*owner object\s+last read 20\d\d-/m)
  expect(text).toMatch(/^1 host, 1 thing is wrong$/m)
})

test('no line is longer than the terminal, with 50 hosts and names that want to be', () => {
  const rows = Array.from({ length: 50 }, (_, n) => {
    const facts = hostFacts({
      app: {
        unheld: {
          bytes: 9e11,
          files: 9,
          paths: [{ path: 'a b '.repeat(90), bytes: 9e11, files: 9 }],
          accepted: [{ path: 'c d '.repeat(90), bytes: 1, files: 1 }],
          asideBytes: 5,
          partial: true,
          denied: null,
        },
      },
    })
    const [app] = facts.apps
    const name = `an-app-with-a-rather-long-name-${n}`
    const found = hostStatus({
      ...facts,
      host: `host-${n}`,
      apps: [{ ...app!, name }],
      seen: { ...facts.seen, apps: new Map([[name, facts.seen.apps.get('notes')!]]) },
    })
    return { host: `host-${n}`, found }
  })
  for (const columns of [80, 60, 132]) {
    const text = formatStatus([...rows, away], { ...look, columns, all: true })
    for (const line of text.split('\n')) expect(textWidth(line), line).toBeLessThanOrEqual(columns)
    for (let n = 0; n < 50; n += 1) expect(text).toMatch(new RegExp(`^host-${n} `, 'm'))
  }
})

test('names and words from a host are shown, never obeyed', () => {
  const evil = '\u001b[2J\r\n\u202e"x"'
  const text = formatStatus(
    [
      row('pi', {
        app: {
          alerts: [{ time: evil, code: evil, text: evil, next: evil }],
          unheld: {
            bytes: 1,
            files: 1,
            paths: [{ path: evil, bytes: 1, files: 1 }],
            accepted: [{ path: evil, bytes: 1, files: 1 }],
            asideBytes: 0,
            partial: false,
            denied: null,
          },
          verdict: { do: 'tell', code: evil, text: evil, next: evil },
        },
      }),
    ],
    look,
  )
  for (const char of ['\u001b', '\r', '\u202e']) expect(text).not.toContain(char)
  expect(text).toContain('␛[2J')
})

test('colours come only when they are asked for', () => {
  expect(formatStatus([row('pi')], look)).not.toContain('\u001b')
  expect(formatStatus([row('pi')], { ...look, color: true })).toContain('\u001b[')
})
