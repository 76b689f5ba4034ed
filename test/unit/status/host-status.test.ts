import { describe, expect, test } from 'vitest'
import { exitCodes, Problem, worstExit } from '../../../src/problem.ts'
import { hostStatus } from '../../../src/status/host-status.ts'
import type { HostFacts } from '../../../src/status/host-status.ts'
import type { HostStatus } from '../../../src/status/status.ts'
import { app, fileSystem, health, hostFacts, me, now, unit, units } from './facts.ts'

const codes = (status: HostStatus) =>
  [...status.wrong, ...status.apps.flatMap(({ wrong }) => wrong)].map(({ code }) => code)
const withUnits = (change: Parameters<typeof units>[0], more: Partial<HostFacts['seen']> = {}): HostFacts => {
  const facts = hostFacts()
  return { ...facts, seen: { ...facts.seen, units: units(change), ...more } }
}
const withReason = (facts: HostFacts, code: string): HostFacts => {
  const reason = { time: '', code, text: 'why', next: 'what' }
  facts.observed.apps.set('notes', { claimed: true, reason, releases: [] } as never)
  return facts
}

test('nothing is wrong with a host on which all is well', () => {
  expect(codes(hostStatus(hostFacts()))).toEqual([])
})

describe('the state of an app', () => {
  const starting = unit({ activeState: 'activating', subState: 'start-pre' })
  const again = unit({ activeState: 'activating', subState: 'auto-restart', result: 'exit-code' })
  test.each([
    ['running', unit(), false],
    ['starting', starting, false],
    ['waiting', starting, true],
    ['waiting', again, true],
    ['failed', again, false],
    ['failed', unit({ activeState: 'inactive', subState: 'dead-before-auto-restart', result: 'exit-code' }), false],
    ['failed', unit({ activeState: 'activating', subState: 'auto-restart-queued', result: 'signal' }), false],
    ['failed', unit({ activeState: 'inactive', subState: 'dead', result: 'exit-code' }), false],
    ['failed', unit({ activeState: 'failed', subState: 'failed', result: 'exit-code' }), false],
    ['stopped', unit({ activeState: 'inactive', subState: 'dead' }), false],
    // it was waiting when somebody stopped it
    ['stopped', unit({ activeState: 'inactive', subState: 'dead' }), true],
    ['stopped', unit({ loadState: 'masked', activeState: 'inactive', subState: 'dead' }), false],
    ['absent', unit({ loadState: 'not-found', activeState: 'inactive', subState: 'dead' }), false],
  ] as const)('is %s', (state, service, refused) => {
    const facts = withUnits({ 'notes.service': service })
    const [found] = hostStatus(refused ? withReason(facts, 'replica-timeout') : facts).apps
    expect(found?.state).toBe(state)
    if (state === 'running') expect(found?.reason).toBeNull()
    else expect(found?.reason).toMatchObject({ text: expect.stringMatching(/\S/), next: expect.stringMatching(/\S/) })
    expect((found?.wrong.length ?? 0) > 0).toBe(state !== 'running')
  })
})

describe('an app that is not on the host', () => {
  const held = (id: string) => ({
    askedAt: now,
    http: 200,
    serverTime: now,
    body: { epoch: 1, path: 'e0001-0000000a', holder: { host: 'pi', id }, from: null, initialised: [] },
  })
  const absent = unit({ loadState: 'not-found', activeState: 'inactive', subState: 'dead' })
  test.each([
    [
      'names both ways where nothing is known',
      { owner: null, lastOwner: null },
      /^run streamside provision, or .*restore pi if/,
    ],
    [
      'is restored where another machine of this name holds it',
      { owner: held('b'.repeat(64)) },
      /^run streamside restore pi,/,
    ],
    ['is provisioned where this machine holds it', { owner: held(me) }, /^run streamside provision$/],
  ])('%s', (_, seen, next) => {
    const facts = hostFacts({ app: seen })
    facts.seen.units = units({ 'notes.service': absent })
    expect(hostStatus(facts).apps[0]?.reason).toMatchObject({ code: 'absent', next: expect.stringMatching(next) })
  })
})

test.each(['full', 'read-only', 'denied'] as const)(
  'a replica that is %s is wrong before anything waits for it',
  (kind) => {
    const status = hostStatus(hostFacts({ app: { obstacle: { kind, root: '/mnt/nas' } } }))
    expect(status.apps[0]?.replica?.protection).toBe('protected')
    expect(status.apps[0]?.wrong).toMatchObject([
      {
        code: `replica-${kind}`,
        exit: exitCodes.failed,
        text: expect.stringContaining('/mnt/nas'),
        next: expect.stringMatching(/\S/),
      },
    ])
  },
)

test.each([
  ['owner-gone', exitCodes.unsound],
  ['chain-broken', exitCodes.unsound],
  ['other-holder', exitCodes.failed],
])('a verdict of %s ends with %i', (code, exit) => {
  const status = hostStatus(hostFacts({ app: { verdict: { do: 'tell', code, text: 'it is so', next: 'do that' } } }))
  expect(status.apps[0]?.wrong).toMatchObject([{ code, exit, text: expect.stringMatching(/^it is so/) }])
  expect(worstExit(status.apps[0]?.wrong.map((each) => each.exit) ?? [])).toBe(exit)
})

test('of a Litestream that is halted it is told once why, and nobody is sent to start it', () => {
  const lost = 'main: Litestream has lost its place: at 2 here, and 8 was proven to be in the replica'
  const told = (text: string) => ({
    time: '2026-11-21T12:00:00Z',
    code: 'place-lost',
    text,
    next: 'put its folder back',
  })
  const facts = hostFacts({ app: { alerts: [told(lost), told(`${lost}: it is halted`)] } })
  facts.seen.units = units({
    'notes-litestream.service': unit({ activeState: 'activating', subState: 'auto-restart' }),
  })
  expect(codes(hostStatus(facts)).filter((code) => /place|litestream/.test(code))).toEqual(['place-lost'])
})

test('a standing alert is wrong, and told once when the gate says the same', () => {
  const alert = { time: '', code: 'split', text: 'why', next: 'what' }
  expect(codes(hostStatus(hostFacts({ app: { alerts: [alert] } })))).toEqual(['split'])
  const facts = withReason(
    withUnits({ 'notes.service': unit({ activeState: 'activating', subState: 'start-pre' }) }),
    'split',
  )
  facts.seen.apps.get('notes')?.alerts.push(alert)
  expect(codes(hostStatus(facts))).toEqual(['split'])
})

test('units beside the app count, Litestream not while the gate holds both back', () => {
  const dead = unit({ activeState: 'inactive', subState: 'dead' })
  expect(codes(hostStatus(withUnits({ 'notes-litestream.service': dead, 'notes-check.timer': dead })))).toEqual([
    'litestream-down',
    'timer-off',
  ])
  const waiting = withUnits({
    'notes-litestream.service': dead,
    'notes.service': unit({ activeState: 'activating', subState: 'start-pre' }),
  })
  expect(codes(hostStatus(withReason(waiting, 'offline-limit')))).toEqual(['offline-limit'])
})

describe('the owner', () => {
  test('is what was read now, or else what was read last, and says so', () => {
    expect(hostStatus(hostFacts()).apps[0]?.owner).toMatchObject({
      read: true,
      thisHost: true,
      holder: 'pi',
      lastRead: null,
    })
    const away = {
      owner: { askedAt: now, http: 0, serverTime: null, body: null },
      verdict: { do: 'tell', code: 'replica-timeout', text: 'no answer', next: '' },
    }
    expect(hostStatus(hostFacts({ app: away })).apps[0]?.owner).toMatchObject({
      read: false,
      reason: 'no answer',
      thisHost: true,
      lastRead: now - 600,
    })
  })

  test('on another machine of the same name is not this host', () => {
    const facts = hostFacts({ observed: { hostId: 'b'.repeat(64) } })
    expect(hostStatus(facts).apps[0]?.owner).toMatchObject({ thisHost: false, holder: 'pi' })
  })
})

describe('the host', () => {
  test('has a clock, against the server of the replica, else against this machine', () => {
    expect(hostStatus(hostFacts()).clock).toEqual({ offsetSeconds: 0, against: 'replica', synchronised: true })
    const none = { owner: null, verdict: null }
    const clock = (epochSeconds: number) => ({ clock: { epochSeconds, synchronized: false } })
    expect(hostStatus(hostFacts({ app: none, observed: clock(now + 1) })).clock).toEqual({
      offsetSeconds: 0,
      against: 'operator',
      synchronised: false,
    })
    expect(hostStatus(hostFacts({ app: none, observed: clock(now - 401) })).clock.offsetSeconds).toBe(-400)
    expect(codes(hostStatus(hostFacts({ app: none, observed: clock(now - 401) })))).toContain('clock')
  })

  test('has little room when a restore would not fit, and none on a card that is read-only', () => {
    const disk = { target: '/', sizeKib: 1e6, availableKib: 90_000, inodes: 1e6, availableInodes: 1e6 }
    expect(codes(hostStatus(hostFacts({ observed: { disks: [disk] } })))).toEqual(['disk-low'])
    const facts = withUnits({}, { health: health({ fileSystems: [fileSystem({ readOnly: true })] }) })
    expect(codes(hostStatus(facts))).toEqual(['read-only'])
  })

  test('has something in the way of a change, which hides nothing else that has drifted', () => {
    const changes = [{ kind: 'file', name: '/etc/x', action: 'update', reason: 'mode' }]
    const refused = new Problem({
      code: 'in-the-way',
      doing: 'writing /srv/x',
      found: 'a pipe is there',
      next: 'move it',
    })
    const status = hostStatus(hostFacts({ drift: { known: true, changes }, refused: [refused] }))
    expect(status.wrong.slice(1)).toEqual([
      { code: 'in-the-way', text: 'writing /srv/x: a pipe is there', next: 'move it', exit: exitCodes.failed },
    ])
    expect(codes(status)).toEqual(['drift', 'in-the-way'])
    expect(status.drift).toMatchObject({ known: true, changes })
  })

  test('has drifted, or it is not known whether it has', () => {
    const changes = [{ kind: 'file', name: '/etc/x', action: 'update', reason: 'mode' }]
    expect(codes(hostStatus(hostFacts({ drift: { known: true, changes } })))).toEqual(['drift'])
    expect(codes(hostStatus(hostFacts({ drift: { known: false, reason: 'no release' } })))).toEqual(['drift-unknown'])
  })
})

test('bytes that no replica holds are wrong, accepted ones are not', () => {
  const none = { bytes: 0, files: 0, paths: [], accepted: [], asideBytes: 0, partial: false, denied: null }
  const image = { path: 'images', bytes: 5000, files: 2 }
  expect(codes(hostStatus(hostFacts({ app: { unheld: { ...none, accepted: [image] } } })))).toEqual([])
  const status = hostStatus(hostFacts({ app: { unheld: { ...none, bytes: 5000, files: 2, paths: [image] } } }))
  expect(status.apps[0]?.wrong).toMatchObject([{ code: 'unheld', text: expect.stringContaining('images (4.9 KB)') }])
  expect(codes(hostStatus(hostFacts({ app: { unheld: { ...none, partial: true } } })))).toEqual(['unheld-unknown'])
})

test('an app without databases is judged by its unit and its files alone', () => {
  const facts = hostFacts({
    apps: [app({ databases: {} })],
    app: { owner: null, verdict: null, claim: null, first: [], last: [] },
  })
  const [found] = hostStatus(facts).apps
  expect(found).toMatchObject({
    replica: null,
    owner: null,
    units: { litestream: null, gate: null, timer: null },
    wrong: [],
  })
})
