import { describe, expect, test } from 'vitest'
import { protectionOf } from '../../../src/status/protection.ts'
import type { SeenApp } from '../../../src/status/seen.ts'
import { app, now, position, seen, tx } from './facts.ts'

const judge = (change: Partial<SeenApp>, running = true) => protectionOf(app(), seen(change), running)
const sent = (max: string | null) => new Map([['main', { max, sent: null }]])

describe('an app is protected', () => {
  test('when the bucket holds what is here', () => {
    expect(judge({})).toMatchObject({ protection: 'protected', lastUpload: now - 49, lastProof: now - 30, since: null })
  })

  test('when the bucket holds what was here at the first look, whatever came since', () => {
    const later = position({ l0: tx(12), pending: true })
    expect(judge({ first: [position({ pending: true })], last: [later], remote: sent(tx(10)) })?.protection).toBe(
      'protected',
    )
  })

  test('when it has no database yet', () => {
    const none = position({ bytes: null, l0: null, l0Time: null, pending: null })
    expect(judge({ first: [none], last: [none], remote: sent(null) })?.protection).toBe('protected')
  })
})

test('a database that the host knows by another name is told in words, and the others by their own', () => {
  const two = app({ databases: { data: '/var/lib/notes/a.db', log: '/var/lib/notes/b.db' } })
  const waits = position({ unsent: now - 3 })
  const remote = new Map([...sent(tx(9)), ['log', { max: tx(8), sent: null }]])
  const found = protectionOf(two, seen({ first: [position(), waits], last: [position(), waits], remote }), true)
  expect(found?.text).toBe('data: the host was set up for main, log, and knows no database data yet')
  expect(found?.databases.map(({ protection }) => protection)).toEqual(['unknown', 'behind'])
  // in another order than the host has them
  const turned = app({ databases: { log: '/var/lib/notes/b.db', main: '/var/lib/notes/a.db' } })
  const other = protectionOf(turned, seen({ first: [position(), waits], last: [position(), waits], remote }), true)
  expect(other?.databases.map(({ protection }) => protection)).toEqual(['behind', 'protected'])
})

test('files that the app’s user cannot read are not known to be in the replica', () => {
  const closed = position({ bytes: null, l0: null, l0Time: null, pending: null, unread: true })
  expect(judge({ first: [closed], last: [closed], remote: sent(tx(9)) })).toMatchObject({
    protection: 'unknown',
    text: expect.stringContaining('cannot be read'),
  })
})

describe('what the bucket lacks', () => {
  test('is on its way for as long as an upload takes, and its age is that of the oldest file that waits', () => {
    const waits = position({ unsent: now - 7 })
    expect(judge({ first: [waits], last: [waits], remote: sent(tx(8)) })).toMatchObject({
      protection: 'behind',
      since: now - 7,
      text: expect.stringContaining('7.0 s behind: at 0000000000000009 here, at 0000000000000008'),
    })
  })

  test('is unprotected after a minute beyond the sync interval', () => {
    const waits = position({ unsent: now - 62 })
    expect(judge({ first: [waits], last: [waits], remote: sent(tx(8)) })).toMatchObject({
      protection: 'unprotected',
      text: expect.stringMatching(/^unprotected since 2026-11-21 .* UTC \(1 min 02 s\)/),
    })
    const slow = app({ litestream: { ...app().litestream, syncIntervalSeconds: 60 } })
    expect(protectionOf(slow, seen({ first: [waits], last: [waits], remote: sent(tx(8)) }), true)?.protection).toBe(
      'behind',
    )
  })

  test('is unprotected at once when Litestream does not run', () => {
    const waits = position({ pending: true })
    const found = judge({ first: [waits], last: [waits] }, false)
    expect(found).toMatchObject({ protection: 'unprotected', text: expect.stringContaining('Litestream does not run') })
  })

  test('in the WAL alone is younger than the last file of Litestream, and than the last proof', () => {
    const waits = position({ pending: true, l0Time: now - 9000 })
    expect(judge({ first: [waits], last: [waits] })?.since).toBe(now - 30)
    expect(judge({ first: [waits], last: [waits], proof: { time: now - 30, held: false, text: '' } })?.since).toBe(
      now - 9000,
    )
  })

  test.each([
    ['full', /in the replica; there is no room left in \/mnt\/nas$/],
    ['read-only', /in the replica; \/mnt\/nas is mounted read-only$/],
    ['denied', /in the replica; the app's user may not write to \/mnt\/nas$/],
  ] as const)('is on its way to nowhere when a directory is %s', (kind, says) => {
    const waits = position({ unsent: now - 7 })
    const obstacle = { kind, root: '/mnt/nas' }
    expect(judge({ first: [waits], last: [waits], remote: sent(tx(8)), obstacle })).toMatchObject({
      protection: 'unprotected',
      text: expect.stringMatching(says),
    })
  })

  test('was never uploaded at all', () => {
    const waits = position({ l0: null, l0Time: null, pending: null })
    expect(judge({ first: [waits], last: [waits], remote: sent(null) })).toMatchObject({
      protection: 'unprotected',
      text: 'nothing of it has ever been uploaded',
    })
  })
})

describe('unknown', () => {
  test.each([
    [
      'the replica could not be asked',
      { remote: new Map([['main', { error: 'no answer in time' }]]) },
      /could not be asked: no answer in time; last proven/,
    ],
    [
      'the owner object could not be read',
      {
        first: [],
        last: [],
        remote: new Map(),
        verdict: { do: 'tell', code: 'replica-timeout', text: 'it does not answer in time', next: '' },
      },
      /^it does not answer in time; last proven/,
    ],
    [
      'and not proven for long',
      { remote: new Map([['main', { error: 'x' }]]), unprovenSince: now - 700 },
      /not proven since 2026-11-21/,
    ],
    ['the WAL is gone', { first: [position({ pending: null })] }, /its WAL is gone/],
    [
      'nothing of ours is on the host',
      { owner: null, verdict: null, first: [], last: [], remote: new Map() },
      /no gate of this app/,
    ],
    [
      'its programs failed there',
      { failed: 'jq: not found', verdict: null, owner: null },
      /could not answer: jq: not found/,
    ],
  ] as [string, Partial<SeenApp>, RegExp][])('when %s', (_, change, says) => {
    expect(judge(change)).toMatchObject({ protection: 'unknown', text: expect.stringMatching(says) })
  })
})

test('of several databases the worst one speaks', () => {
  const two = app({ databases: { main: '/var/lib/notes/a.db', log: '/var/lib/notes/b.db' } })
  const waits = position({ unsent: now - 3 })
  const found = protectionOf(
    two,
    seen({
      first: [position(), waits],
      last: [position(), waits],
      remote: new Map([...sent(tx(9)), ['log', { max: tx(8), sent: null }]]),
    }),
    true,
  )
  expect(found).toMatchObject({ protection: 'behind', text: expect.stringMatching(/^log: 3\.0 s behind/) })
  expect(found?.databases.map(({ protection }) => protection)).toEqual(['protected', 'behind'])
})

test('an app without databases has no replica', () => {
  expect(protectionOf(app({ databases: {} }), seen(), false)).toBeNull()
})
