import { expect } from 'vitest'
import type { Case } from './case.ts'
import { barred, claim, fileId, found, here, me, noAnswer, oldPath, other, owner, path, tx } from './facts.ts'

const unreadable = { do: 'refuse', code: 'files-unreadable', alert: true }
const local = { main: barred() }
const uncounted = { ...fileId, counter: null }
const left = (main: unknown, settled = true) => ({ proved: true, settled, files: { main } })

/** Files that are there, and that the app's user cannot read: whatever else is the case, nothing takes their place. */
export const barredCases: Record<string, Case[]> = {
  'files that cannot be read': [
    [
      'are refused with whose they are, and who gives them back, before the replica is asked',
      { local, remote: null },
      {
        ...unreadable,
        text: expect.stringMatching(
          /^main: \/var\/lib\/notes\/notes\.db belongs to root, .*; nothing is put in their place$/,
        ),
        next: expect.stringContaining('streamside provision'),
      },
    ],
    ['are refused although the replica is ahead', { local, remote: { main: { max: tx(20) } } }, unreadable],
    ['are not lost with a replica that was emptied', { local, remote: { main: { max: null } } }, unreadable],
    [
      'are not restored over by an order',
      {
        local,
        claim: claim({ path: oldPath, epoch: 1 }),
        owner: found(owner({ from: { path: oldPath, dbs: { main: 'latest' } } })),
      },
      unreadable,
    ],
    ['are not restored over by one that was interrupted', { local, restoring: true }, unreadable],
    [
      'do not become a new history',
      { local, claim: claim({ proven: false }), owner: found(owner({ from: { local: me, dbs: { main: tx(9) } } })) },
      unreadable,
    ],
    ['are no first launch', { local, claim: null, remote: { main: { max: null } } }, unreadable],
    [
      'do not come from the rescue',
      { local, policy: { ephemeral: true }, rescue: true, clean: left({ id: fileId }) },
      unreadable,
    ],
    [
      'hold up the others, of which one would be restored',
      {
        dbs: ['main', 'other'],
        local: { main: here({ wal: 'behind' }), other: barred() },
        owner: found(owner({ dbs: { main: { init: true }, other: { init: false } } })),
      },
      { ...unreadable, text: expect.stringMatching(/^other: /) },
    ],
    ['are said as such while the replica is away, too', { local, owner: noAnswer(7, 'refused') }, unreadable],
    [
      'do not start without the replica, even when ordered',
      { local, owner: noAnswer(7, 'refused'), once: true },
      unreadable,
    ],
    [
      'of another holder’s are fenced',
      { local, owner: found(owner({ holder: { host: 'pi-attic', id: other } })) },
      { do: 'fence' },
    ],
    [
      'below a folder that is closed are refused',
      { local: { main: barred({ why: 'way' }, { id: null }) } },
      { ...unreadable, text: expect.stringContaining("a folder of root's"), next: expect.stringContaining('chown -h') },
    ],
    [
      'below a folder that is none of theirs are refused with how to be let through',
      { local: { main: barred({ why: 'above', what: '/srv/shop' }, { id: null }) } },
      { ...unreadable, next: expect.stringContaining('chmod o+x /srv/shop') },
    ],
    [
      'by their mode are refused with chmod',
      { local: { main: barred({ why: 'mode' }) } },
      { ...unreadable, next: expect.stringContaining('chmod') },
    ],
    [
      'for a failing card are refused',
      { local: { main: barred({ why: 'error' }) } },
      { ...unreadable, next: expect.stringContaining('dmesg') },
    ],
    [
      'behind a link are refused',
      { local: { main: barred({ why: 'link' }) } },
      { ...unreadable, next: expect.stringContaining('where it leads') },
    ],
    [
      'for a folder in their place are refused',
      { local: { main: barred({ why: 'folder' }) } },
      { ...unreadable, text: expect.stringContaining('is a folder') },
    ],
    ['for a file in their folder’s place are refused', { local: { main: barred({ why: 'file' }) } }, unreadable],
    ['for a pipe in their place are refused', { local: { main: barred({ why: 'other' }) } }, unreadable],
  ],
  'files that could not be read when the app was stopped': [
    [
      'and are the same, given back, start',
      { clean: left({ id: uncounted, walId: '8 4152 900', barred: true }) },
      { do: 'start' },
    ],
    [
      'and have another WAL now are claimed anew',
      { clean: left({ id: uncounted, walId: '8 1 900', barred: true }) },
      { do: 'claim' },
    ],
    [
      'and are others now are claimed anew',
      { clean: left({ id: { ...uncounted, inode: 1 }, walId: null, barred: true }, false) },
      { do: 'claim' },
    ],
    [
      'nor seen start on a WAL that covers what was uploaded',
      { clean: left({ id: null, walId: null, barred: true }) },
      { do: 'start' },
    ],
    [
      'nor seen are claimed anew when the WAL has lost its end',
      { local: { main: here({ wal: 'behind' }) }, clean: left({ id: null, walId: null, barred: true }) },
      { do: 'claim', put: { path: expect.not.stringMatching(path) } },
    ],
  ],
}
