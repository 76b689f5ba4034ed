import { expect } from 'vitest'
import { claim, fileId, found, gone, here, me, noAnswer, oldPath, owner, path, tx } from './facts.ts'
import type { Case } from './case.ts'

const unclaimed = { claim: null, local: { main: gone } }
const cutOff = here({ short: true })
const neverUploaded = { remote: { main: { max: null } }, owner: found(owner({ dbs: { main: { init: false } } })) }
const old = { main: here({ l0: tx(8) }) }

/** Steps 2 and 3: the path is proven, and this host holds it. */
const init = { main: { init: true }, log: { init: true } }
const both = {
  dbs: ['main', 'log'],
  owner: found(owner({ dbs: init })),
  remote: { main: { max: tx(9) }, log: { max: tx(9) } },
}

export const filesCases: Record<string, Case[]> = {
  'step 2, files here': [
    ['as new as the replica start', {}, { do: 'start', code: 'own-files', litestream: true }],
    ['newer than the replica start', { remote: { main: { max: tx(7) } } }, { do: 'start' }],
    [
      'older than the replica are claimed anew',
      { local: old },
      { do: 'claim', code: 'stale-files', text: expect.stringContaining(tx(9)) },
    ],
    [
      'older than what was proven once are claimed anew, although the replica has lost its newest objects too',
      { local: old, remote: { main: { max: tx(8) } }, mark: { body: '{"seq":4,"dbs":{"main":"' + tx(9) + '"}}' } },
      { do: 'claim', code: 'stale-files', text: expect.stringContaining('proven') },
    ],
    [
      'newer than what was proven start, although the replica has lost its newest objects',
      { remote: { main: { max: tx(7) } }, mark: { body: '{"seq":4,"dbs":{"main":"' + tx(9) + '"}}' } },
      { do: 'start' },
    ],
    [
      'wait while what was proven cannot be read',
      { mark: { error: ' 503 SlowDown' } },
      { do: 'refuse', code: 'replica-error' },
    ],
    [
      'wait while tip.json is not what streamside wrote',
      { mark: { body: '{"dbs":{"main":"nine"}}' } },
      { do: 'refuse', code: 'tip-garbage', alert: true },
    ],
    [
      'whose WAL has lost its end are claimed anew',
      { local: { main: here({ wal: 'behind' }) } },
      { do: 'claim', code: 'stale-files' },
    ],
    [
      'whose WAL is of another history are claimed anew',
      { local: { main: here({ wal: 'foreign' }) } },
      { do: 'claim' },
    ],
    [
      'that took the place of others while the app ran are claimed anew, when nobody has proven what they hold',
      {
        local: { main: here({ wal: 'missing' }) },
        started: { main: { l0: tx(9), id: { ...fileId, inode: fileId.inode + 1 } } },
        clean: { proved: false, settled: true, files: { main: { id: fileId } } },
      },
      { do: 'claim', code: 'stale-files', text: expect.stringContaining('replaced under the running app') },
    ],
    [
      'that took the place of others while the app ran start, when the replica was proven to hold them',
      {
        local: { main: here({ wal: 'missing' }) },
        started: { main: { l0: tx(9), id: { ...fileId, inode: fileId.inode + 1 } } },
        clean: { proved: true, settled: false, files: { main: { id: fileId } } },
      },
      { do: 'start' },
    ],
    [
      'without a WAL and not stopped in order are claimed anew',
      { local: { main: here({ wal: 'missing' }) } },
      { do: 'claim' },
    ],
    [
      'that a card has cut off are claimed anew, whatever their WAL covers',
      { local: { main: cutOff } },
      { do: 'claim', code: 'stale-files', text: expect.stringContaining('shorter than its header says') },
    ],
    [
      'cut off after an orderly stop are claimed anew, whatever was noted then',
      {
        local: { main: cutOff },
        clean: { proved: true, settled: true, files: { main: { id: fileId, walId: '8 4152 900' } } },
      },
      { do: 'claim', text: expect.stringContaining('failing card') },
    ],
    [
      'cut off since a start that nothing was uploaded after are claimed anew',
      { local: { main: cutOff }, started: { main: { l0: tx(9), id: fileId } } },
      { do: 'claim', text: expect.stringContaining('shorter') },
    ],
    [
      'cut off do not start while the replica is away',
      { local: { main: cutOff }, owner: noAnswer(7, 'refused') },
      { do: 'refuse', code: 'replica-unreachable', text: expect.stringContaining('main: it is shorter') },
    ],
    [
      'cut off and never uploaded are refused',
      { local: { main: cutOff }, ...neverUploaded },
      { do: 'refuse', code: 'file-short', alert: true, next: expect.stringContaining('intact copy') },
    ],
    [
      'cut off, never uploaded and not known are not taken',
      { local: { main: cutOff }, ...neverUploaded, claim: null },
      { do: 'refuse', code: 'file-short' },
    ],
    [
      'cut off and never uploaded hold up the others, of which one would be restored',
      {
        dbs: ['main', 'other'],
        local: { main: here({ wal: 'behind' }), other: cutOff },
        remote: { main: { max: tx(9) }, other: { max: null } },
        owner: found(owner({ dbs: { main: { init: true }, other: { init: false } } })),
      },
      { do: 'refuse', code: 'file-short', text: expect.stringMatching(/^other: /) },
    ],
    [
      'cut off and never uploaded do not become a new history',
      {
        local: { main: cutOff },
        claim: claim({ proven: false }),
        remote: { main: { max: null } },
        owner: found(owner({ from: { local: me, dbs: { main: tx(9) } } })),
      },
      { do: 'refuse', code: 'file-short' },
    ],
    ['that went on without Litestream start', { local: { main: here({ wal: 'ahead' }) } }, { do: 'start' }],
    [
      'without a WAL after an orderly stop start',
      {
        local: { main: here({ wal: 'missing' }) },
        clean: { proved: true, settled: false, files: { main: { id: fileId } } },
      },
      { do: 'start' },
    ],
    [
      'put back after an orderly stop are claimed anew',
      { clean: { proved: true, settled: false, files: { main: { id: { ...fileId, inode: 1 } } } } },
      { do: 'claim', text: expect.stringContaining('replaced') },
    ],
    [
      'copied over in place are claimed anew',
      { clean: { proved: true, settled: false, files: { main: { id: { ...fileId, counter: 4 } } } } },
      { do: 'claim' },
    ],
    [
      'swapped since a start that nothing was noted after are claimed anew, whatever their WAL covers',
      { started: { main: { l0: tx(7), id: { ...fileId, inode: 1 } } } },
      { do: 'claim', text: expect.stringContaining('replaced') },
    ],
    [
      'of an older count than at their last start are claimed anew',
      { started: { main: { l0: tx(7), id: { ...fileId, counter: 4 } } } },
      { do: 'claim', text: expect.stringContaining('replaced') },
    ],
    [
      'that a machine without a clock has written to start',
      { started: { main: { l0: tx(7), id: { ...fileId, mtime: 99_999 } } } },
      { do: 'start' },
    ],
    [
      'changed while nobody of ours ran are claimed anew',
      {
        clean: { proved: true, settled: true, files: { main: { id: { ...fileId, mtime: 800 }, walId: '8 4152 900' } } },
      },
      { do: 'claim' },
    ],
    [
      'written to by Litestream after the stop start',
      { clean: { proved: true, settled: false, files: { main: { id: { ...fileId, mtime: 800 }, walId: '1' } } } },
      { do: 'start' },
    ],
    [
      'that ran without Litestream since their start lost nothing that was uploaded',
      { local: { main: here({ wal: 'foreign' }) }, started: { main: { l0: tx(9), id: fileId } } },
      { do: 'start' },
    ],
    [
      'under which Litestream has uploaded since their start are judged by their WAL',
      { local: { main: here({ wal: 'foreign' }) }, started: { main: { l0: tx(8), id: fileId } } },
      { do: 'claim' },
    ],
    [
      'whose replica was emptied are refused',
      { remote: { main: { max: null } } },
      { do: 'refuse', code: 'replica-lost', alert: true, next: expect.stringContaining('--new-history') },
    ],
    [
      'of an earlier path of this host are claimed anew',
      { claim: claim({ path: oldPath, epoch: 1 }) },
      { do: 'claim', code: 'stale-files' },
    ],
    ['that nothing is known of are claimed anew when the replica holds the app', { claim: null }, { do: 'claim' }],
    [
      'that have never been in a replica are taken',
      { claim: null, remote: { main: { max: null } }, owner: found(owner({ dbs: { main: { init: false } } })) },
      { do: 'start', code: 'adopted', claim: { path } },
    ],
  ],
  'step 3, no files here': [
    [
      'and none in the replica is the first launch',
      { ...unclaimed, remote: { main: { max: null } }, owner: found(owner({ dbs: { main: { init: false } } })) },
      { do: 'start', code: 'first-launch', claim: { path, epoch: 2, id: me, proven: true } },
    ],
    [
      'of what was in the replica once is refused',
      { ...unclaimed, remote: { main: { max: null } } },
      { do: 'refuse', code: 'replica-lost', next: expect.stringContaining('empty database') },
    ],
    [
      'is claimed under a new path',
      { local: { main: gone } },
      {
        do: 'claim',
        code: 'no-files',
        put: { epoch: 3, path: 'e0003-0badcafe', from: { path, dbs: { main: 'latest' } }, holder: { id: me } },
      },
    ],
    [
      'is restored with the others of the app, and people are told of those that were whole',
      { ...both, local: { main: gone, log: here({ l0: tx(12) }) } },
      {
        do: 'claim',
        code: 'no-files',
        text: 'main: no file here; restored with it: log, whose files here are kept in .streamside-aside beside it',
        put: { from: { path, dbs: { main: 'latest', log: 'latest' } } },
      },
    ],
    [
      'of ephemeral storage after a proven stop is restored under the same path',
      { local: { main: gone }, policy: { ephemeral: true }, clean: { proved: true } },
      { do: 'source', source: path, path },
    ],
    [
      'of ephemeral storage that somebody has written to since its proven stop is put aside, and not emptied',
      {
        policy: { ephemeral: true },
        clean: { proved: true, settled: true, files: { main: { id: { ...fileId, mtime: 800 }, walId: '8 4152 900' } } },
      },
      { do: 'claim', code: 'stale-files' },
    ],
    [
      'of ephemeral storage, which are put aside, are not emptied by the order that follows either',
      {
        owner: found(
          owner({
            path: 'e0003-0000000c',
            epoch: 3,
            past: [{ path, host: 'pi', end: null }],
            from: { path, dbs: { main: 'latest' } },
          }),
        ),
        remote: { main: { max: null } },
        policy: { ephemeral: true },
        clean: { proved: true, settled: true, files: { main: { id: { ...fileId, mtime: 800 }, walId: '8 4152 900' } } },
      },
      { do: 'source', discard: false },
    ],
    [
      'of ephemeral storage after a crash is claimed',
      { local: { main: gone }, policy: { ephemeral: true } },
      { do: 'claim' },
    ],
    [
      'that were never proven come back from the rescue, although the replica has lost them: it is no first launch',
      {
        local: { main: gone },
        remote: { main: { max: null } },
        owner: found(owner({ dbs: { main: { init: false } } })),
        policy: { ephemeral: true },
        rescue: true,
        clean: { proved: false, files: { main: { id: fileId } } },
      },
      { do: 'rescue' },
    ],
    [
      'are lost, and no first launch, when tip.json tells of them and the owner object has gone back to before',
      {
        local: { main: gone },
        remote: { main: { max: null } },
        mark: { body: JSON.stringify({ seq: 2, dbs: { main: tx(9) } }) },
        owner: found(owner({ dbs: { main: { init: false } } })),
      },
      { do: 'refuse', code: 'replica-lost' },
    ],
    [
      'are lost, too, when only this host remembers their proof',
      {
        local: { main: gone },
        remote: { main: { max: null } },
        tip: { path, dbs: { main: tx(9) } },
        owner: found(owner({ dbs: { main: { init: false } } })),
      },
      { do: 'refuse', code: 'replica-lost' },
    ],
    [
      'of ephemeral storage whose stop was not proven comes back from the rescue',
      {
        local: { main: gone },
        policy: { ephemeral: true },
        rescue: true,
        clean: { proved: false, files: { main: { id: fileId } } },
      },
      { do: 'rescue' },
    ],
  ],
}
