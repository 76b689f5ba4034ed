import { expect } from 'vitest'
import { answered, claim, found, gone, oldPath, other, owner, path, tx } from './facts.ts'
import type { Case } from './case.ts'

const released = owner({ holder: null })
const elsewhere = owner({ holder: { host: 'pi-attic', id: other } })
const moving = owner({ from: { path: oldPath, dbs: { main: 'latest' } } })
const unclaimed = { claim: null, local: { main: gone } }

/** Steps 0 and 1 of the gate, and the clock. */
export const ownerCases: Record<string, Case[]> = {
  'step 0, before anything else': [
    [
      'a fenced host does not start while another one holds the app',
      { fenced: true, owner: found(elsewhere) },
      { do: 'fence', code: 'other-holder' },
    ],
    ['a fenced host starts when it holds the app again', { fenced: true }, { do: 'start', unfence: true }],
    [
      'an interrupted restore starts over',
      { restoring: true, claim: claim({ path: oldPath, epoch: 1 }), owner: found(moving) },
      { do: 'source', source: oldPath, dbs: { main: 'latest' } },
    ],
    [
      'an interrupted restore of ephemeral storage starts over from the same path',
      { restoring: true },
      { do: 'source', source: path, path },
    ],
  ],
  'step 1, the owner object': [
    [
      'is waited for at the first launch',
      { ...unclaimed, owner: answered(404, 'NoSuchKey'), waited: 3 },
      { do: 'again' },
    ],
    [
      'is not waited for for ever',
      { ...unclaimed, owner: answered(404, 'NoSuchKey'), waited: 20 },
      { do: 'refuse', code: 'no-owner' },
    ],
    [
      'that is gone is never made again',
      { owner: answered(404, 'NoSuchKey') },
      { do: 'refuse', code: 'owner-gone', alert: true },
    ],
    [
      'in a bucket that is gone is told apart',
      { owner: answered(404, 'NoSuchBucket') },
      { do: 'refuse', code: 'bucket-gone', alert: true },
    ],
    ['that is garbage is refused', { owner: found('<html>') }, { do: 'refuse', code: 'owner-garbage', alert: true }],
    [
      'whose source is no path, but a program, is garbage',
      { owner: found(owner({ from: { path: 'x|;1e id >&2;#', dbs: { main: 'latest' } } })) },
      { do: 'refuse', code: 'owner-garbage' },
    ],
    [
      'whose past leads out of the folder is garbage',
      { owner: found(owner({ past: [{ path: '../../etc/passwd', host: 'pi', end: null }] })) },
      { do: 'refuse', code: 'owner-garbage' },
    ],
    [
      'whose path has a line break at its end is garbage',
      { owner: found(owner({ path: `${path}\n` })) },
      { do: 'refuse', code: 'owner-garbage' },
    ],
    [
      'that lacks what belongs to it is garbage',
      { owner: found({ ...owner(), dbs: {} }) },
      { do: 'refuse', code: 'owner-garbage' },
    ],
    [
      'of a later version is refused',
      { owner: found({ ...owner(), v: 2, news: true }) },
      { do: 'refuse', code: 'owner-too-new', alert: true },
    ],
    [
      'with a lower epoch than the files were claimed in was rolled back',
      { claim: claim({ epoch: 3 }) },
      { do: 'refuse', code: 'rolled-back', alert: true },
    ],
    [
      'that orders a restore which was proven already was rolled back',
      { owner: found(moving) },
      { do: 'refuse', code: 'rolled-back' },
    ],
    [
      'that does not know the path of the files here means two histories',
      { claim: claim({ path: 'e0001-00000bad', epoch: 1 }) },
      { do: 'refuse', code: 'split', alert: true },
    ],
    ['that nobody holds is refused', { owner: found(released) }, { do: 'refuse', code: 'released' }],
    [
      'that another host holds fences files of our own',
      { owner: found(elsewhere) },
      { do: 'fence', text: expect.stringContaining('pi-attic') },
    ],
    [
      'that another host holds is waited for when nothing of ours is here',
      { ...unclaimed, owner: found(elsewhere) },
      { do: 'refuse', code: 'other-holder' },
    ],
    ['that does not name a database yet is waited for', { dbs: ['main', 'archive'], waited: 0 }, { do: 'again' }],
    [
      'that never names a database is refused',
      { dbs: ['main', 'archive'] },
      { do: 'refuse', code: 'database-unknown' },
    ],
    [
      'that orders the latest of a path which this host had gone on from is a bucket that was rolled back',
      {
        owner: found(
          owner({
            epoch: 4,
            path: 'e0004-0000000d',
            from: { path: oldPath, dbs: { main: 'latest' } },
            past: [
              { path: oldPath, host: 'pi', end: null },
              { path, host: 'pi', end: null },
            ],
          }),
        ),
      },
      { do: 'refuse', code: 'rolled-back', text: expect.stringContaining(path) },
    ],
    [
      'that orders a chosen point of such a path is a choice',
      {
        owner: found(
          owner({
            epoch: 4,
            path: 'e0004-0000000d',
            from: { path: oldPath, dbs: { main: tx(3) } },
            past: [
              { path: oldPath, host: 'pi', end: null },
              { path, host: 'pi', end: null },
            ],
          }),
        ),
      },
      { do: 'source', source: oldPath, dbs: { main: tx(3) } },
    ],
    [
      'that orders a restore of a database which the inventory has no more is not carried out in part',
      {
        owner: found(owner({ from: { path: oldPath, dbs: { main: 'latest', log: 'latest' } } })),
        claim: claim({ path: oldPath, epoch: 1 }),
      },
      { do: 'refuse', code: 'database-left' },
    ],
  ],
  'the clock': [
    [
      'wrong by more than 5 min does not keep an app from its own files, but Litestream from them',
      { now: 1400 },
      { do: 'start', code: 'clock-start', litestream: false },
    ],
    [
      'wrong, nothing is restored and nothing claimed',
      { now: 1400, local: { main: gone } },
      { do: 'refuse', code: 'clock' },
    ],
    [
      'that is not set yet is waited for',
      { now: 1400, local: { main: gone }, synchronised: false, waited: 5 },
      { do: 'again' },
    ],
    [
      'so wrong that S3 refuses is told as that',
      { ...unclaimed, now: 9000, owner: answered(403, 'RequestTimeTooSkewed') },
      { do: 'refuse', code: 'clock', text: expect.stringContaining('133 min ahead') },
    ],
  ],
}
