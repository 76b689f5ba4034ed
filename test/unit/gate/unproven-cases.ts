import { expect } from 'vitest'
import { answered, claim, found, gone, here, me, noAnswer, oldPath, other, owner, path, tx } from './facts.ts'
import type { Case } from './case.ts'

const released = owner({ holder: null })
const elsewhere = owner({ holder: { host: 'pi-attic', id: other } })
const moving = owner({ from: { path: oldPath, dbs: { main: 'latest' } } })
const { id, walId } = here()
const taking = { proved: false, settled: true, files: { main: { id, walId } } }

/** Steps 4 and 5: a path that is not proven, and a replica that is away. */
export const unprovenCases: Record<string, Case[]> = {
  'step 4, a path that is not proven': [
    [
      'is restored from where the owner object says',
      { claim: claim({ path: oldPath, epoch: 1 }), owner: found(moving) },
      { do: 'source', source: oldPath, path, epoch: 2 },
    ],
    [
      'is proven when it was restored already',
      { claim: claim({ proven: false, source: oldPath, restored: { main: tx(5) } }), owner: found(moving) },
      { do: 'prove', path },
    ],
    [
      'is proven, not restored again, when an earlier copy of it was uploaded',
      {
        claim: claim({ proven: false, source: oldPath, restored: { main: tx(5) } }),
        owner: found(moving),
        local: { main: here({ l0: null, wal: 'untouched' }) },
      },
      { do: 'prove' },
    ],
    [
      'is restored again when a power cut took part of it',
      {
        claim: claim({ proven: false, source: oldPath, restored: { main: tx(5) } }),
        owner: found(moving),
        local: { main: here({ wal: 'behind' }) },
        // Litestream has opened it since it was put in place
        clean: { ...taking, files: { main: { id: { inode: 7, size: 8192, mtime: 800, counter: 2 }, walId: null } } },
      },
      { do: 'source', discard: true },
    ],
    [
      'is restored over what people have laid there meanwhile, which is kept',
      {
        claim: claim({ proven: false, source: oldPath, restored: { main: tx(5) } }),
        owner: found(moving),
        clean: { ...taking, files: { main: { id: { inode: 1, size: 8192, mtime: 800, counter: 3 }, walId } } },
      },
      { do: 'source', discard: false },
    ],
    [
      'is restored over what nobody has noted, which is kept',
      {
        claim: claim({ proven: false, source: oldPath, restored: { main: tx(5) } }),
        owner: found(moving),
        local: { main: here({ wal: 'behind' }) },
      },
      { do: 'source', discard: false },
    ],
    [
      'of files that only another host has is refused',
      { owner: found(owner({ from: { local: other, dbs: {} } })), claim: claim({ path: oldPath, epoch: 1 }) },
      { do: 'refuse', code: 'data-elsewhere' },
    ],
    [
      'of files that only this host has is taken from them',
      { owner: found(owner({ from: { local: me, dbs: { main: tx(9) } } })), claim: claim({ path: oldPath, epoch: 1 }) },
      { do: 'adopt', claim: { path, proven: false } },
    ],
    [
      'of files that only this host has goes on being taken from them when Litestream’s folder was aside already',
      {
        owner: found(owner({ from: { local: me, dbs: { main: tx(9) } } })),
        claim: null,
        local: { main: here({ l0: null, wal: 'untouched' }) },
        clean: { ...taking, taken: claim({ proven: false, restored: { main: tx(9) } }) },
      },
      { do: 'adopt', claim: { path, proven: false } },
    ],
    [
      'of files that only this host has is not taken from others, put there while that was cut off',
      {
        owner: found(owner({ from: { local: me, dbs: { main: tx(9) } } })),
        claim: null,
        local: { main: here({ l0: null, wal: 'untouched', walId: 'another' }) },
        clean: { ...taking, taken: claim({ proven: false, restored: { main: tx(9) } }) },
      },
      { do: 'refuse', code: 'local-behind' },
    ],
    [
      'of more than the files were found to hold then is refused',
      {
        owner: found(owner({ from: { local: me, dbs: { main: tx(9) } } })),
        claim: null,
        local: { main: here({ l0: null, wal: 'untouched' }) },
        clean: { ...taking, taken: claim({ proven: false, restored: { main: tx(8) } }) },
      },
      { do: 'refuse', code: 'local-behind' },
    ],
    [
      'of files that only this host has is not proven with others in their place',
      {
        owner: found(owner({ from: { local: me, dbs: { main: tx(9) } } })),
        claim: claim({ proven: false, source: oldPath, restored: { main: tx(9) } }),
        local: { main: here({ l0: null, wal: 'foreign' }) },
        remote: { main: { max: null } },
      },
      { do: 'refuse', code: 'local-behind' },
    ],
    [
      'of files that have fallen behind what was ordered is refused',
      {
        owner: found(owner({ from: { local: me, dbs: { main: tx(10) } } })),
        claim: claim({ path: oldPath, epoch: 1 }),
      },
      { do: 'refuse', code: 'local-behind' },
    ],
  ],
  'step 5, S3 away': [
    [
      'an app starts on its own current files',
      { owner: noAnswer(7, 'refused'), remote: null },
      { do: 'start', code: 'offline' },
    ],
    [
      'an app whose claim does not know yet that it was proven says so from here on, for the app writes',
      { owner: noAnswer(7, 'refused'), remote: null, claim: claim({ proven: false }) },
      { do: 'start', code: 'offline', claim: { path, proven: true } },
    ],
    [
      'no app starts on no files',
      { owner: noAnswer(7, 'refused'), local: { main: gone } },
      { do: 'refuse', code: 'replica-unreachable' },
    ],
    [
      'no app starts on files that lost their end',
      { owner: noAnswer(28, 'timed out'), local: { main: here({ wal: 'behind' }) } },
      { do: 'refuse', code: 'replica-timeout' },
    ],
    ['no app starts in the middle of a restore', { owner: noAnswer(7, 'refused'), restoring: true }, { do: 'refuse' }],
    [
      'no app starts on a copied card',
      { owner: noAnswer(7, 'refused'), claim: claim({ id: other }) },
      { do: 'refuse' },
    ],
    [
      'no app starts that another host was seen to hold',
      { owner: noAnswer(7, 'refused'), lastOwner: { read: 900, owner: elsewhere } },
      { do: 'refuse' },
    ],
    [
      'no app starts that was seen to be released',
      { owner: noAnswer(7, 'refused'), lastOwner: { read: 900, owner: released } },
      { do: 'refuse' },
    ],
    [
      'no app starts that was ordered to be restored',
      { owner: noAnswer(7, 'refused'), lastOwner: { read: 900, owner: moving } },
      { do: 'refuse' },
    ],
    [
      'no app starts from ephemeral storage',
      { owner: noAnswer(7, 'refused'), policy: { unreachable: 'start', limit: 86400, ephemeral: true } },
      { do: 'refuse' },
    ],
    [
      'no app starts that shall wait',
      { owner: noAnswer(7, 'refused'), policy: { unreachable: 'wait', limit: 86400, ephemeral: false } },
      { do: 'refuse', next: expect.stringContaining('--offline') },
    ],
    [
      'no app starts a day after the last look',
      { owner: noAnswer(7, 'refused'), now: 100_000 },
      { do: 'refuse', code: 'offline-limit' },
    ],
    [
      'an app starts whose clock was never set, for the age says nothing',
      { owner: noAnswer(7, 'refused'), now: 100_000, synchronised: false },
      { do: 'start' },
    ],
    [
      'an app starts once when ordered',
      { owner: noAnswer(7, 'refused'), now: 100_000, once: true },
      { do: 'start', code: 'offline-once' },
    ],
    [
      'an app that shall wait starts once when ordered',
      { owner: noAnswer(28, 'timed out'), policy: { unreachable: 'wait', limit: 86400, ephemeral: false }, once: true },
      { do: 'start', code: 'offline-once', text: expect.stringContaining('as ordered once') },
    ],
    ...(
      [
        ['in the middle of a restore', { restoring: true }],
        ['that another host has taken over', { fenced: true }],
        ['on files that lost their end', { local: { main: here({ wal: 'behind' }) } }],
        ['on no files', { local: { main: gone } }],
        ['on a copied card', { claim: claim({ id: other }) }],
        ['that never ran here', { claim: null }],
        ['that another host was seen to hold', { lastOwner: { read: 900, owner: elsewhere } }],
        ['that was seen to be released', { lastOwner: { read: 900, owner: released } }],
        ['that was ordered to be restored', { lastOwner: { read: 900, owner: moving } }],
        ['from ephemeral storage', { policy: { unreachable: 'start', limit: 86400, ephemeral: true } }],
      ] as const
    ).map(([what, change]): Case => [
      `an order starts no app ${what}`,
      { owner: noAnswer(7, 'refused'), once: true, ...change },
      { do: 'refuse', text: expect.stringContaining('it cannot start without the replica') },
    ]),
    [
      'an order is no answer of the server: a garbage owner object refuses all the same',
      { owner: found('{'), once: true },
      { do: 'refuse', code: 'owner-garbage' },
    ],
    [
      'a refusal of the keys is told as one',
      { owner: answered(403, 'AccessDenied'), local: { main: gone } },
      { do: 'refuse', code: 'replica-denied', text: expect.stringContaining('403 AccessDenied') },
    ],
    [
      'an error of the server is told as one',
      { owner: answered(503), local: { main: gone } },
      { do: 'refuse', code: 'replica-error' },
    ],
  ],
}
