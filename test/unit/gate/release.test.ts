import { afterAll, expect, test } from 'vitest'
import { openVerdicts } from '../../model/verdicts.ts'
import type { Case } from './case.ts'
import { answered, asked, claim, found, gone, here, oldPath, other, owner, path, tx } from './facts.ts'

const verdicts = openVerdicts()
afterAll(() => verdicts.close())

const sound = { held: true, why: '', tip: { main: tx(9) } }
const two = owner({ dbs: { main: { init: true }, log: { init: false } } })

const cases: Case[] = [
  [
    'is released once the replica is proven to hold it: nobody holds it, and its path ends where it was left',
    sound,
    {
      do: 'release',
      etag: '"1"',
      put: {
        ...owner(),
        write: '00000000-0000-4000-8000-000000000002',
        holder: null,
        past: [...owner().past, { path, host: 'pi', end: { main: tx(9) } }],
      },
    },
  ],
  [
    'ends at nothing with a database that it never made',
    { ...sound, owner: found(two), dbs: ['main', 'log'], local: { main: here(), log: gone } },
    { do: 'release', put: { past: [{}, { end: { main: tx(9), log: tx(0) } }] } },
  ],
  [
    'stays when a database that the replica holds has no file here: nothing says where it ends',
    { ...sound, local: { main: gone }, tip: { main: tx(7) }, clean: null },
    { do: 'refuse', code: 'not-proven', next: expect.stringContaining('start notes') },
  ],
  [
    'goes without its files when they were proven at the stop, as ephemeral storage is',
    { ...sound, local: { main: gone }, clean: { proved: true, settled: true, files: {} } },
    { do: 'release', put: { holder: null, past: [{}, { end: { main: tx(9) } }] } },
  ],
  [
    'stays while the replica is not proven to hold everything',
    { ...sound, held: false, why: 'main: at 9 here, at 8 in the replica' },
    { do: 'refuse', code: 'not-proven' },
  ],
  [
    'stays while one of its databases was not part of the proof',
    { ...sound, owner: found(two), dbs: ['main', 'log'], local: { main: here(), log: here() } },
    { do: 'refuse', code: 'not-proven' },
  ],
  [
    'stays while it is being restored',
    { ...sound, owner: found(owner({ from: { path: oldPath, dbs: { main: 'latest' } } })) },
    { do: 'refuse', code: 'restore-under-way' },
  ],
  [
    'stays while its files belong to another path than the truth',
    { ...sound, claim: claim({ path: oldPath }) },
    { do: 'refuse', code: 'restore-under-way' },
  ],
  ['stays while its owner object cannot be read', { ...sound, owner: answered(503) }, { do: 'refuse' }],
  ['stays when its owner object is garbage', { ...sound, owner: found('{}') }, { do: 'refuse', code: 'owner-garbage' }],
  ['goes when it was released before', { ...sound, owner: found(owner({ holder: null })) }, { do: 'gone' }],
  [
    'goes, and leaves the owner object alone, when another host holds it',
    { ...sound, owner: found(owner({ holder: { host: 'pi-attic', id: other } })) },
    { do: 'gone' },
  ],
  ['goes when it never started here', { ...sound, claim: null }, { do: 'gone' }],
]

test.each(cases)('an app that leaves %s', async (_, facts, decision) => {
  expect(await verdicts.ask(asked('release', facts))).toMatchObject(decision)
})
