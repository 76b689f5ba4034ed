import { describe, expect, test } from 'vitest'
import { exitCodes } from '../../../src/problem.ts'
import { hostStatus } from '../../../src/status/host-status.ts'
import type { HostStatus } from '../../../src/status/status.ts'
import { app, hostFacts, position, tx, unit, units } from './facts.ts'

const codes = (status: HostStatus) =>
  [...status.wrong, ...status.apps.flatMap(({ wrong }) => wrong)].map(({ code }) => code)

describe('a claim that is gone', () => {
  const gone = {
    claim: null,
    verdict: { do: 'quiet', code: 'no-claim', text: 'nothing here to look after', next: '' },
    first: [],
    last: [],
    remote: new Map(),
  }

  test('is wrong beside an app that runs: a restart claims it anew', () => {
    const [found] = hostStatus(hostFacts({ app: gone })).apps
    expect(found?.replica?.protection).toBe('unknown')
    expect(found?.wrong).toMatchObject([
      {
        code: 'claim-gone',
        exit: exitCodes.unsound,
        text: expect.stringContaining('/var/lib/streamside/apps/notes/claim is gone or empty'),
        next: expect.stringMatching(/^streamside ssh pi sudo systemctl restart notes\.service: /),
      },
    ])
  })

  test('is mended by a restart that may put rows aside when nothing uploads them', () => {
    const dead = unit({ activeState: 'inactive', subState: 'dead' })
    const facts = hostFacts({ app: gone })
    facts.seen.units = units({ 'notes-litestream.service': dead })
    const wrong = hostStatus(facts).apps.flatMap((each) => each.wrong)
    expect(wrong.find(({ code }) => code === 'claim-gone')?.next).toMatch(/^copy the databases elsewhere/)
  })

  test.each([
    ['is being started for the first time', unit({ activeState: 'activating', subState: 'start-pre' }), 'starting'],
    ['is stopped', unit({ activeState: 'inactive', subState: 'dead' }), 'stopped'],
  ])('is nothing of an app that %s', (_, service, code) => {
    const facts = hostFacts({ app: gone })
    facts.seen.units = units({ 'notes.service': service })
    expect(codes(hostStatus(facts))).toEqual([code])
  })

  test('is nothing of a service that something else starts', () => {
    const service = { unit: 'x.socket.service', package: null, from: null, user: null, logsAs: [] }
    const facts = hostFacts({ apps: [app({ service })], app: gone })
    const idle = unit({ activeState: 'inactive', subState: 'dead', unitFileState: 'static' })
    facts.seen.units = units({ [service.unit]: idle })
    expect(hostStatus(facts).apps[0]).toMatchObject({ state: 'idle', wrong: [] })
  })
})

test('Litestream that has lost its place is a replica that is not sound, and a restart is not the first thing to do', () => {
  const status = hostStatus(hostFacts({ app: { last: [position({ l0: tx(3) })] } }))
  expect(status.apps[0]?.wrong).toMatchObject([
    {
      code: 'place-lost',
      exit: exitCodes.unsound,
      text: expect.stringContaining('lost its place'),
      next: expect.stringMatching(
        /^streamside provision --new-history notes: it goes on with the file here .* A restart alone puts the file into \.streamside-aside/,
      ),
    },
  ])
})

test('what the timer has told of a lost place is not told again', () => {
  const alert = { time: '', code: 'place-lost', text: 'main: it is halted', next: 'put it back' }
  const status = hostStatus(hostFacts({ app: { last: [position({ l0: tx(3) })], alerts: [alert] } }))
  expect(status.apps[0]?.wrong).toMatchObject([{ code: 'place-lost', text: 'main: it is halted' }])
})

describe('a database that is not there', () => {
  const none = position({ bytes: null, l0: null, l0Time: null, pending: null })
  const absent = { first: [none], last: [none], remote: new Map([['main', { max: null, sent: null }]]) }
  const after = (seconds: number, change: Parameters<typeof hostFacts>[0] = {}) => {
    const facts = hostFacts({ ...change, app: absent })
    facts.seen.upSeconds = new Map([['notes.service', seconds]])
    return hostStatus(facts)
  }

  test('is a note at first, and wrong once the app has run for ten minutes', () => {
    const early = after(30)
    expect(codes(early)).toEqual([])
    expect(early.notes).toEqual([
      {
        code: 'database-absent',
        text: 'notes: there is no file /var/lib/notes/data/notes.db yet, and its app has run for 30 s',
      },
    ])
    const late = after(600)
    expect(late.notes).toEqual([])
    expect(late.apps[0]?.wrong).toMatchObject([
      {
        code: 'database-absent',
        exit: exitCodes.failed,
        next: expect.stringMatching(/MainPID notes\.service.* unprotected: \[data\/notes\.db\] {2}under notes$/),
      },
    ])
  })

  test('is what the inventory may have mended already, which provision carries over', () => {
    const moved = app({ databases: { main: '/var/lib/notes/real.db' } })
    expect(after(600, { apps: [moved] }).apps[0]?.wrong[0]?.next).toMatch(/^run streamside provision/)
  })

  test('is neither where the inventory knows it', () => {
    const status = after(600, { apps: [app({ unprotected: ['data/notes.db'] })] })
    expect([...codes(status), ...status.notes]).toEqual([])
  })
})

test('a database that the host has by another name yet waits for provision', () => {
  const status = hostStatus(hostFacts({ apps: [app({ databases: { data: '/var/lib/notes/data/notes.db' } })] }))
  expect(status.apps[0]?.wrong).toMatchObject([
    { code: 'replica-unknown', text: expect.not.stringContaining('mine'), next: 'run streamside provision' },
  ])
})

test('an app whose new path is not proven yet is said to wait for that, which may be a server that takes nothing', () => {
  const facts = hostFacts({})
  const seen = facts.seen.apps.get('notes')
  const body = seen?.owner?.body
  if (!seen?.owner || !body) throw new Error('the facts have no owner object')
  seen.owner = { ...seen.owner, body: { ...body, from: { local: body.holder?.id, dbs: { main: tx(3) } } } }
  facts.seen.units = units({ 'notes.service': unit({ activeState: 'activating', subState: 'start-pre' }) })
  const [found] = hostStatus(facts).apps
  expect(found?.reason?.text).toMatch(
    /is being started \(start-pre\): its gate .* proves that under \S+ before the app starts$/,
  )
})
