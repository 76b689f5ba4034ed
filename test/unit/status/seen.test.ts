import { describe, expect, test } from 'vitest'
import { problemOf } from '../problem-of.ts'
import { parseLoose } from '../../../src/status/loose.ts'
import { acceptedPath, knownOf, unitsOf } from '../../../src/status/request.ts'
import { parseStatus } from '../../../src/status/seen.ts'
import { app } from './facts.ts'

const encoded = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64')
const answer = (...lines: string[]) => `${['streamside-status\t1', ...lines, 'end'].join('\n')}\n`

describe("a host's answer", () => {
  test('is read record by record', () => {
    const owner = {
      curl: 0,
      http: 200,
      date: 1000,
      body: JSON.stringify({
        epoch: 2,
        path: 'e0002-1',
        holder: { host: 'pi', id: 'x' },
        from: null,
        dbs: { main: { init: true }, log: { init: false }, x: 1 },
      }),
    }
    const text = answer(
      'show\tId=notes.service',
      'show\tActiveState=active',
      'show\tActiveEnterTimestampMonotonic=930000000',
      'show\tExecMainStartTimestampMonotonic=940000000',
      'show\t',
      'show\tId=oneshot.service',
      'show\tActiveState=active',
      'show\tActiveEnterTimestampMonotonic=930000000',
      'show\tExecMainStartTimestampMonotonic=0',
      'show\t',
      'show\tId=down.service',
      'show\tActiveState=inactive',
      'show\tExecMainStartTimestampMonotonic=940000000',
      'uptime\t1000',
      `alert\tnotes\t${encoded({ time: 't', code: 'split', text: 'two', next: 'keep' })}`,
      `alert\tnotes\t${encoded('not JSON')}`,
      `proof\tnotes\t${encoded({ time: 900, held: true, text: '', dbs: {} })}`,
      `unproven\tnotes\t${encoded('800\n')}`,
      `owner\tnotes\t1001\t${encoded(owner)}`,
      `verdict\tnotes\t${encoded({ do: 'prove', code: 'mine', text: '', next: '' })}`,
      `position\tnotes\tfirst\t${encoded('{"bytes":1,"l0":"0000000000000009","l0Time":5,"pending":true,"unsent":null}\n')}`,
      `remote\tnotes\tmain\t${encoded({ max: '0000000000000008', sent: '2026-11-21T11:19:03Z' })}\t${encoded('/var/lib/notes/a b.db')}`,
      `remote\tnotes\tlog\t${encoded({ error: 'no answer in time' })}`,
      `obstacle\tnotes\tread-only\t${encoded('/mnt/nas')}`,
      `obstacle\tother\tgone\t${encoded('/mnt/nas')}`,
      `failed\tother\t1\t${encoded('jq: not found')}`,
    )
    const found = parseStatus(text, ['notes', 'other'], 'pi')
    expect(found.health).toBeNull()
    expect(found.units.get('notes.service')?.activeState).toBe('active')
    expect([...found.upSeconds]).toEqual([
      ['notes.service', 60],
      ['oneshot.service', 70],
    ])
    expect(found.apps.get('notes')).toMatchObject({
      alerts: [{ code: 'split' }, { code: 'unreadable', text: 'not JSON' }],
      proof: { time: 900, held: true },
      unprovenSince: 800,
      owner: { askedAt: 1001, serverTime: 1000, body: { epoch: 2, holder: { host: 'pi' }, initialised: ['main'] } },
      first: [{ l0: '0000000000000009', pending: true }],
      last: [],
      obstacle: { kind: 'read-only', root: '/mnt/nas' },
      failed: null,
    })
    expect([...(found.apps.get('notes')?.paths ?? [])]).toEqual([['main', '/var/lib/notes/a b.db']])
    expect(found.apps.get('notes')?.remote.get('log')).toEqual({ error: 'no answer in time' })
    expect(found.apps.get('other')).toMatchObject({
      failed: 'jq: not found',
      owner: null,
      verdict: null,
      obstacle: null,
    })
  })

  test('that is not whole is none', async () => {
    for (const text of ['', 'streamside-status\t1\n', answer().replace('end\n', '')])
      expect(await problemOf(() => parseStatus(text, [], 'pi'))).toMatchObject({ code: 'status-garbled', host: 'pi' })
  })

  test('that an app has forged breaks nothing: what is not what it should be is not known', () => {
    const garbage = [
      'null',
      '[]',
      '{"l0":"../../x","pending":"yes","bytes":"9"}',
      '\u0000',
      '{"time":{},"held":1}',
      '{',
    ]
    for (const text of garbage) {
      const lines = ['claim', 'last-owner', 'proof', 'unproven', 'alert', 'verdict', 'loose'].map(
        (kind) => `${kind}\tnotes\t${encoded(text)}`,
      )
      const all = answer(
        ...lines,
        `owner\tnotes\tx\t${encoded(text)}`,
        `position\tnotes\tfirst\t${encoded(text)}`,
        `remote\tnotes\tmain\t${encoded(text)}`,
      )
      const found = parseStatus(all, ['notes'], 'pi').apps.get('notes')
      expect(found?.lastOwner).toBeNull()
      expect(found?.unprovenSince).toBeNull()
      for (const each of found?.first ?? [])
        expect(each).toEqual({ bytes: null, l0: null, l0Time: null, pending: null, unsent: null, unread: false })
      expect(found?.unheld).toMatchObject({ bytes: 0, partial: true })
    }
  })
})

describe('the bytes of a state directory', () => {
  test('come by kind, names as they are', () => {
    const text =
      'total\t12\t3\npath\t10\t2\ta\\nb\\tc\\\\d\npath\t2\t1\té "x"\naccepted\t5\t1\timages\naccepted\t1\t1\t\naside\t7\t1\t\nwhole\n'
    expect(parseLoose(text)).toEqual({
      bytes: 12,
      files: 3,
      paths: [
        { path: 'a\nb\tc\\d', bytes: 10, files: 2 },
        { path: 'é "x"', bytes: 2, files: 1 },
      ],
      accepted: [
        { path: 'images', bytes: 5, files: 1 },
        { path: '.', bytes: 1, files: 1 },
      ],
      asideBytes: 7,
      partial: false,
      denied: null,
    })
  })

  test.each([['total\t1\t1\n'], ['cut\ntotal\t1\t1\nwhole\n'], ['']])('are partial when %j is all there is', (text) => {
    expect(parseLoose(text).partial).toBe(true)
  })
})

test('what is known of a state directory is written for the host, relative to it', () => {
  const known = app({
    databases: { main: '/var/lib/notes/data/a\nb.db', far: '/srv/far.db' },
    files: { 'config.yml': {}, '/var/lib/notes/x/y': {}, '/etc/notes/z': {} } as never,
    unprotected: ['./images/', 'a//b', '.'],
  })
  expect(knownOf(known)).toBe(
    'db\tdata/a\\nb.db\nfile\tconfig.yml\nfile\tx/y\naccepted\timages\naccepted\ta/b\naccepted\t\n',
  )
  expect(acceptedPath('././x/')).toBe('x')
  expect(unitsOf(known)).toEqual([
    'notes.service',
    'notes-litestream.service',
    'notes-gate.service',
    'notes-check.timer',
  ])
  expect(unitsOf(app({ databases: {} }))).toEqual(['notes.service'])
})

describe("of a service's folder", () => {
  const service = { unit: 'x.service', package: null, from: null, user: null, logsAs: [] }
  test('nothing is known unless the inventory names what in it is accepted', () => {
    expect(knownOf(app({ service }))).toBe('elsewhere\t-\n')
    const databases = { main: '/var/lib/pihole/a.db', more: '/var/lib/pihole/b.db' }
    const known = app({ service, databases, unprotected: ['cache', 'lists/'] })
    const absent = app({ service, databases, unprotected: ['./b.db'] })
    expect(knownOf(absent)).toBe('elsewhere\t-\n')
    expect(knownOf(known)).toBe('folder\t/var/lib/pihole\ndb\ta.db\ndb\tb.db\naccepted\tcache\naccepted\tlists\n')
  })
})
