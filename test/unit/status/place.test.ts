import { describe, expect, test } from 'vitest'
import { protectionOf } from '../../../src/status/protection.ts'
import type { SeenApp } from '../../../src/status/seen.ts'
import { app, now, position, seen, tx } from './facts.ts'

const judge = (change: Partial<SeenApp>) => protectionOf(app(), seen(change), true)
const sent = (max: string | null) => new Map([['main', { max, sent: null }]])

describe('Litestream has lost its place', () => {
  const serving = { serving: true, upSeconds: 3600 }
  const lost = (change: Partial<SeenApp>) => protectionOf(app(), seen(change), true, serving)
  const finding = { code: 'place-lost', wrong: true, path: '/var/lib/notes/data/notes.db' }

  test('when the replica is ahead even of what lies here after it was asked', () => {
    const found = lost({ first: [position({ l0: tx(2) })], last: [position({ l0: tx(3) })], remote: sent(tx(9)) })
    expect(found).toMatchObject({
      protection: 'unprotected',
      text: expect.stringMatching(/^at 0{15}3 here, at 0{15}9 in the replica, which is ahead: .* lost its place/),
      databases: [{ finding }],
    })
  })

  test('and not when it is ahead of the first look alone: the app wrote meanwhile', () => {
    const found = lost({ first: [position({ l0: tx(8) })], last: [position({ l0: tx(9) })], remote: sent(tx(9)) })
    expect(found).toMatchObject({ protection: 'protected', databases: [{ finding: null }] })
  })

  test('of an app that is down, its files may as well be older: no finding of its own', () => {
    const found = judge({ last: [position({ l0: tx(3) })], remote: sent(tx(9)) })
    expect(found).toMatchObject({
      protection: 'unprotected',
      text: expect.stringMatching(/or the files here are older$/),
      databases: [{ finding: null }],
    })
  })

  describe('by the last proof', () => {
    const text = `log: no answer in time; main: at ${tx(2)} here, at ${tx(12)} in the replica`
    const proof = { time: now - 30, held: false, text }
    const away = new Map([['main', { error: 'no answer in time' }]])

    test('when the replica cannot be asked now, or Litestream has no folder here', () => {
      expect(lost({ proof, remote: away })?.databases[0]).toMatchObject({
        protection: 'unprotected',
        text: expect.stringMatching(/^at 0{15}2 here, at 0{15}c in the replica/),
        finding,
      })
      const none = position({ l0: null, l0Time: null, pending: null })
      expect(lost({ proof, first: [none], last: [none] })?.databases[0]).toMatchObject({ finding })
    })

    test('that knows it by what was proven before', () => {
      const said = `main: Litestream has lost its place: at ${tx(0)} here, and ${tx(12)} was proven to be in the replica`
      expect(lost({ proof: { ...proof, text: said }, remote: away })?.databases[0]).toMatchObject({ finding })
    })

    test.each([
      ['that is older than what was written last', { ...proof, time: now - 51 }],
      ['of another database', { ...proof, text: text.replace('main', 'more') }],
      ['that was behind', { ...proof, text: `main: at ${tx(12)} here, at ${tx(2)} in the replica` }],
      ['whose place has been reached here', { ...proof, text: text.replace(tx(12), tx(9)) }],
      ['that held', { ...proof, held: true }],
    ])('not by one %s', (_, other) => {
      expect(lost({ proof: other, remote: away })).toMatchObject({
        protection: 'unknown',
        databases: [{ finding: null }],
      })
    })
  })
})

describe('a database that is not there', () => {
  const none = position({ bytes: null, l0: null, l0Time: null, pending: null })
  const absent = (upSeconds: number | null, change: Partial<SeenApp> = {}, of = app()) =>
    protectionOf(of, seen({ first: [none], last: [none], remote: sent(null), ...change }), true, {
      serving: true,
      upSeconds,
    })

  test('may still come at first, and after ten minutes the app keeps it elsewhere', () => {
    for (const early of [null, 0, 599])
      expect(absent(early)).toMatchObject({
        protection: 'protected',
        databases: [{ finding: { code: 'database-absent', wrong: false } }],
      })
    expect(absent(600)).toMatchObject({
      protection: 'unknown',
      text: 'there is no file /var/lib/notes/data/notes.db, and its app has run for 10 min 00 s',
      databases: [{ finding: { code: 'database-absent', wrong: true } }],
    })
  })

  test('is named by the path that the host was set up with', () => {
    const paths = new Map([['main', '/srv/old.db']])
    expect(absent(600, { paths })?.text).toContain('no file /srv/old.db,')
  })

  test('is accepted by its own name, and not by a folder above it', () => {
    expect(absent(600, {}, app({ unprotected: ['./data/notes.db'] }))).toMatchObject({
      protection: 'protected',
      databases: [{ finding: null }],
    })
    expect(absent(600, {}, app({ unprotected: ['data', '.'] }))?.protection).toBe('unknown')
  })

  test('and was in the replica once is unprotected, whoever runs', () => {
    const { owner } = seen()
    const body = owner?.body ? { ...owner.body, initialised: ['main'] } : null
    const gone = { owner: owner && { ...owner, body } }
    expect(absent(0, gone)?.protection).toBe('unprotected')
    expect(judge({ first: [none], last: [none], remote: sent(null), ...gone })?.protection).toBe('unprotected')
  })
})
