import { expect } from 'vitest'
import { answered, barred, claim, found, gone, here, noAnswer, oldPath, other, owner, path, tx } from './facts.ts'
import type { Case } from './case.ts'

const elsewhere = owner({ holder: { host: 'pi-attic', id: other } })
const moving = owner({ from: { path: oldPath, dbs: { main: 'latest' } } })
const unproven = claim({ proven: false, source: oldPath, restored: { main: tx(5) } })
const synced = { main: { rc: 0, txid: tx(9), replica: tx(9) } }
const whole = { main: { rc: 0, min: tx(1), max: tx(9), bytes: 100 } }
const order = { source: oldPath, path, epoch: 2, text: 'ordered', dbs: { main: 'latest' }, stay: [] as string[] }
const proved = { sync: synced, plans: whole }
const planned = { order, plans: whole, sourceTip: null, free: {}, failed: null, digest: 'd' }

/** Claimed by an operator some seconds ago, while tip.json of the source is some seconds old. */
const alive = (changes: Record<string, unknown> = {}, claimedAgo = 10, markedAgo = 20) => {
  const now = 1_800_000_000
  const claimed = { modified: now - claimedAgo, now }
  return { ...planned, claim: null, ours: false, claimed, marked: { modified: now - markedAgo, now }, ...changes }
}

/** Before Litestream starts. */
export const unitCases: Case[] = [
  ['goes on files as new as the replica', {}, { do: 'go', path }],
  ['waits for the gate while a restore is under way', { restoring: true }, { do: 'refuse', code: 'restoring' }],
  ['waits for the gate while the files are of another path', { claim: claim({ path: oldPath }) }, { do: 'refuse' }],
  ['stays down while another host holds the app', { owner: found(elsewhere) }, { do: 'refuse', code: 'other-holder' }],
  ['stays down while the clock is wrong', { now: 1301 }, { do: 'refuse', code: 'clock' }],
  ['stays down on stale files', { local: { main: here({ wal: 'behind' }) } }, { do: 'refuse', code: 'stale' }],
  [
    'does not upload a file that was cut off as the newest state',
    { local: { main: here({ short: true }) } },
    { do: 'refuse', code: 'file-short' },
  ],
  [
    'does not upload one that was never uploaded either',
    {
      local: { main: here({ short: true }) },
      remote: { main: { max: null } },
      owner: found(owner({ dbs: { main: { init: false } } })),
    },
    { do: 'refuse', code: 'file-short' },
  ],
  [
    'stays down when it has lost its place beside a running app, which goes on',
    { running: true, local: { main: here({ l0: null, wal: 'untouched' }) }, tip: { path, dbs: { main: tx(9) } } },
    { do: 'refuse', code: 'place-lost', text: expect.stringContaining('was proven to be in the replica') },
  ],
  [
    'has the app stopped when the replica is ahead of what was ever counted here',
    { running: true, remote: { main: { max: tx(12) } }, tip: { path, dbs: { main: tx(9) } } },
    { do: 'fence', code: 'split' },
  ],
  ['goes on beside a running app', { running: true, local: { main: here({ short: true }) } }, { do: 'go' }],
  [
    'stays down on files that it cannot read, whose gate tells people',
    { local: { main: barred() } },
    { do: 'refuse', code: 'files-unreadable', alert: false },
  ],
  [
    'does not take them for another writer’s work beside a running app',
    { running: true, local: { main: barred() } },
    { do: 'refuse', code: 'files-unreadable' },
  ],
  ['stays down on no file where the replica has one', { local: { main: gone } }, { do: 'refuse', code: 'stale' }],
  [
    'does not fill a replica that was emptied',
    { remote: { main: { max: null } } },
    { do: 'refuse', code: 'replica-lost' },
  ],
  [
    'goes on a WAL that the running app has moved on',
    { running: true, local: { main: here({ wal: 'foreign' }) } },
    { do: 'go' },
  ],
  [
    'fences when the replica is ahead of a running app',
    { running: true, local: { main: here({ l0: tx(8) }) } },
    { do: 'fence', code: 'split' },
  ],
  [
    'uploads what nothing restores, whatever has become of it meanwhile: the gate goes on to the proof, too',
    {
      owner: found(
        owner({
          from: { path: oldPath, dbs: { main: 'latest' } },
          dbs: { main: { init: true }, log: { init: false } },
        }),
      ),
      claim: unproven,
      dbs: ['main', 'log'],
      local: { main: here({ l0: null, wal: 'untouched' }), log: here({ l0: null, wal: 'foreign' }) },
      remote: { main: { max: null }, log: { max: null } },
    },
    { do: 'go', path },
  ],
  [
    'goes to a new path that nothing has been written to',
    {
      owner: found(moving),
      claim: unproven,
      local: { main: here({ l0: null, wal: 'untouched' }) },
      remote: { main: { max: null } },
    },
    { do: 'go' },
  ],
  [
    'waits for data that another server has, and names that one',
    { data: 'replica far', remote: { main: { max: null, error: 'no answer in time' } } },
    { do: 'refuse', text: 'replica far: no answer in time' },
  ],
  ['waits for the replica', { owner: noAnswer(7, 'refused') }, { do: 'refuse', code: 'replica-unreachable' }],
]

/** Every two minutes. */
export const timerCases: Case[] = [
  ['goes on to the proof of its own path', {}, { do: 'prove', path }],
  ['is quiet where nothing was claimed', { claim: null }, { do: 'quiet' }],
  ['fences when another host holds the app', { owner: found(elsewhere), running: true }, { do: 'fence', alert: true }],
  ['fences once', { owner: found(elsewhere), fenced: true }, { do: 'quiet' }],
  [
    'has the gate decide anew when the path has changed',
    { claim: claim({ path: oldPath, epoch: 1 }) },
    { do: 'restart' },
  ],
  [
    'tells of a bucket that was rolled back, and does not prove it sound',
    { owner: found(moving) },
    { do: 'tell', code: 'rolled-back', alert: true },
  ],
  ['does not fence when nobody holds the app', { owner: found(owner({ holder: null })) }, { do: 'quiet' }],
  [
    'goes on while the object cannot be read',
    { owner: noAnswer(7, 'refused'), unreadSince: 500 },
    { do: 'tell', alert: false },
  ],
  [
    'halts Litestream when the clock has jumped ahead: its retention would delete history',
    { now: 1301, running: true },
    { do: 'halt', code: 'clock', alert: true, text: expect.stringMatching(/5 min ahead of .*goes on/) },
  ],
  ['halts it when the clock has jumped behind', { now: 699, running: true }, { do: 'halt', code: 'clock' }],
  [
    'does not take the time that it has looked around for a wrong clock',
    { now: 1400, owner: { ...found(owner()), at: 1010 } },
    { do: 'prove' },
  ],
  ['lets it run within 5 min', { now: 1300, running: true }, { do: 'prove' }],
  [
    'halts it when the server refuses every request for the clock',
    { now: 9000, owner: answered(403, 'RequestTimeTooSkewed') },
    { do: 'halt', code: 'clock' },
  ],
  [
    'halts it when the owner object is gone and the clock is wrong',
    { now: 9000, owner: answered(404) },
    { do: 'halt', code: 'clock' },
  ],
  [
    'fences before it looks at the clock',
    { now: 9000, owner: found(elsewhere), running: true },
    { do: 'fence', alert: true },
  ],
  [
    'says nothing of a clock that nobody has told the time',
    { now: 9000, owner: noAnswer(28, 'timed out') },
    { do: 'tell', code: 'replica-timeout' },
  ],
  [
    'tells when that lasts for 10 min',
    { owner: found('<html>'), unreadSince: 399 },
    { do: 'tell', code: 'owner-garbage', alert: true },
  ],
]

/** What Litestream and the replica say, taken together. */
export const proofCases: Case[] = [
  ['holds when all agree', proved, { held: true, tip: { main: tx(9) } }],
  [
    'says what is missing where nothing says whose the files are',
    { ...proved, plans: {}, claim: null },
    { held: false, tip: {}, text: expect.stringMatching(/the claim of notes is gone$/) },
  ],
  [
    'does not hold on the word of sync alone',
    { ...proved, plans: { main: { rc: 1, error: 'no matching backup files available' } } },
    { held: false, tip: {} },
  ],
  [
    'does not hold once Litestream counts from 1 again, under a path that was proven to be further',
    {
      ...proved,
      running: true,
      sync: { main: { rc: 0, txid: tx(3), replica: tx(3) } },
      local: { main: here({ l0: tx(3) }) },
      tip: { path, dbs: { main: tx(9) } },
    },
    { held: false, lost: true, tip: { main: tx(9) }, text: expect.stringContaining('lost its place') },
  ],
  [
    'holds while the files are where they were proven to be',
    { ...proved, local: { main: here() }, tip: { path, dbs: { main: tx(9) } } },
    { held: true, lost: false },
  ],
  [
    'does not hold while the replica is behind',
    { ...proved, sync: { main: { rc: 0, txid: tx(9), replica: tx(8) } } },
    { held: false },
  ],
  [
    'does not hold while the chain ends early',
    { ...proved, plans: { main: { rc: 0, min: tx(1), max: tx(8) } } },
    { held: false },
  ],
  [
    'does not hold when somebody else is ahead',
    { ...proved, plans: { main: { rc: 0, min: tx(1), max: tx(10) } } },
    { held: false },
  ],
  [
    'holds for what was written until then while the app goes on',
    { ...proved, running: true, plans: { main: { rc: 0, min: tx(1), max: tx(10) } } },
    { held: true, tip: { main: tx(9) } },
  ],
  [
    'does not hold on a file that was taken away under the app, which may still write to it',
    { ...proved, running: true, deleted: { main: 'process 812 has the former one open still, as /proc/812/fd/5' } },
    { held: false, text: expect.stringContaining('process 812') },
  ],
  [
    'does not hold when the file is gone while the app runs, nor right after that',
    { ...proved, running: true, local: { main: gone } },
    { held: false, text: expect.stringContaining('gone, under the running app') },
  ],
  [
    'does not hold right after such an app has ended',
    { ...proved, ended: true, local: { main: gone } },
    { held: false },
  ],
  [
    'holds of a database that the app has not made yet',
    { ...proved, running: true, local: { main: gone }, owner: found(owner({ dbs: { main: { init: false } } })) },
    { held: true },
  ],
  [
    'does not hold on a database that Litestream has not opened',
    { ...proved, sync: { main: { rc: 0, txid: tx(0), replica: tx(0) } } },
    { held: false },
  ],
  [
    'does not hold when the object names another holder, and is not waited for',
    { ...proved, owner: found(elsewhere) },
    { held: false, moved: true },
  ],
  [
    'does not hold when the object cannot be read, which may pass',
    { ...proved, owner: noAnswer(7, 'refused') },
    { held: false, moved: false },
  ],
  [
    'entitles to INIT',
    { ...proved, running: true, owner: found(owner({ dbs: { main: { init: false } } })) },
    { transition: 'INIT', put: { dbs: { main: { init: true } }, path } },
  ],
  [
    'of a chain without its beginning entitles to nothing',
    {
      ...proved,
      plans: { main: { rc: 0, min: tx(2), max: tx(9) } },
      owner: found(owner({ dbs: { main: { init: false } } })),
    },
    { transition: undefined },
  ],
  [
    'entitles to PROVEN, and says where the old path ends',
    { ...proved, claim: unproven, owner: found({ ...moving, past: [{ path: oldPath, host: 'pi', end: null }] }) },
    { transition: 'PROVEN', put: { from: null, past: [{ path: oldPath, end: { main: tx(5) } }] } },
  ],
  [
    'does not hold when the bucket was rolled back',
    { ...proved, owner: found(moving) },
    { held: false, transition: undefined },
  ],
  [
    'of a running app is no PROVEN',
    { ...proved, running: true, claim: unproven, owner: found(moving) },
    { transition: undefined },
  ],
]

/** Step 4: what may be restored. */
export const sourceCases: Case[] = [
  ['restores a whole chain', planned, { do: 'restore', need: { main: tx(0) } }],
  [
    'asks for as much as tip.json has seen',
    { ...planned, sourceTip: { seq: 3, dbs: { main: tx(9) } } },
    { do: 'restore', need: { main: tx(9) } },
  ],
  [
    'refuses a chain that ends below tip.json',
    { ...planned, sourceTip: { seq: 3, dbs: { main: tx(10) } } },
    { do: 'refuse', code: 'chain-short', next: expect.stringContaining(tx(9)) },
  ],
  [
    'refuses a chain that ends below what this host has proven',
    { ...planned, tip: { path: oldPath, dbs: { main: tx(10) } } },
    { do: 'refuse', code: 'chain-short' },
  ],
  [
    'does not measure one path by another’s mark',
    { ...planned, tip: { path, dbs: { main: tx(10) } } },
    { do: 'restore' },
  ],
  [
    'refuses a gap and names the best point',
    {
      ...planned,
      plans: {
        main: { rc: 1, error: `non-contiguous ltx files: have up to ${tx(4)} but next file starts at ${tx(6)}` },
      },
    },
    { do: 'refuse', code: 'chain-gap', next: expect.stringContaining(tx(4)) },
  ],
  [
    'waits when the server went away meanwhile',
    { ...planned, plans: { main: { rc: 124, error: 'no answer in time' } } },
    { do: 'refuse', code: 'replica-timeout' },
  ],
  [
    'names the server of the data, not the one that keeps the owner object',
    { ...planned, data: 'replica far', plans: { main: { rc: 124, error: 'no answer in time' } } },
    { do: 'refuse', code: 'replica-timeout', text: expect.stringMatching(/^replica far does not answer/) },
  ],
  [
    'restores what another machine has just uploaded, when it has had the time to stop',
    alive({}, 241),
    { do: 'restore' },
  ],
  [
    'waits for the last rows of a machine that may still be running, and says until when',
    alive(),
    {
      do: 'refuse',
      code: 'source-alive',
      text: expect.stringMatching(/20 s ago.*until 2027-01-15T08:03:50Z/),
      next: expect.stringContaining('in 230 s'),
    },
  ],
  [
    'waits no longer than such a machine would have shown itself',
    alive({}, 10, 280),
    { next: expect.stringContaining('in 20 s') },
  ],
  ['does not wait for one that has not shown itself for long', alive({}, 10, 300), { do: 'restore' }],
  ['does not wait for itself', alive({ ours: true }), { do: 'restore' }],
  [
    'does not wait once more for what it has put in place from there already',
    alive({ claim: unproven }),
    { do: 'restore' },
  ],
  ['does not wait for files of its own claim', alive({ claim: { path: oldPath } }), { do: 'restore' }],
  ['does not wait for one that has let go', alive({ order: { ...order, ended: true } }), { do: 'restore' }],
  ['does not wait where a point was chosen', alive({ order: { ...order, dbs: { main: tx(5) } } }), { do: 'restore' }],
  ['does not wait where nothing was ever proven', alive({ marked: null }), { do: 'restore' }],
  [
    'tells of a chain that is short at once',
    alive({ sourceTip: { body: `{"seq":3,"dbs":{"main":"${tx(10)}"}}` } }),
    { code: 'chain-short' },
  ],
  ['refuses a card without room', { ...planned, free: { main: 150 } }, { do: 'refuse', code: 'disk-full' }],
  [
    'does not download again what failed a moment ago',
    { ...planned, failed: { digest: 'd', since: 900, code: 'object-damaged', text: 'it is', next: 'mend' } },
    { do: 'refuse', code: 'object-damaged' },
  ],
  [
    'tries again when the objects have changed',
    { ...planned, failed: { digest: 'e', since: 900, code: 'object-damaged', text: 'it is', next: 'mend' } },
    { do: 'restore' },
  ],
  [
    'tries again after ten minutes',
    { ...planned, failed: { digest: 'd', since: 300, code: 'object-damaged', text: 'it is', next: 'mend' } },
    { do: 'restore' },
  ],
]

/** Step 4: what was restored. */
export const restoredCases: Case[] = [
  [
    'is installed when it reaches far enough',
    { order, need: { need: { main: tx(9) } }, restored: { main: { rc: 0, txid: tx(9) } } },
    { do: 'install', claim: { path, epoch: 2, restored: { main: tx(9) }, source: oldPath, proven: false } },
  ],
  [
    'leaves the only copy of what was never uploaded in place, and takes nothing over of it',
    {
      dbs: ['main', 'other'],
      order: { ...order, stay: ['other'] },
      need: { need: { main: tx(9) } },
      restored: { main: { rc: 0, txid: tx(9) } },
    },
    {
      do: 'install',
      dbs: { main: 'latest', other: 'stay' },
      claim: expect.objectContaining({ restored: { main: tx(9), other: tx(0) } }),
    },
  ],
  [
    'under the same path is proven already',
    { order: { ...order, source: path }, need: { need: { main: tx(9) } }, restored: { main: { rc: 0, txid: tx(9) } } },
    { do: 'install', claim: { proven: true } },
  ],
  [
    'is refused when it falls short',
    { order, need: { need: { main: tx(9) } }, restored: { main: { rc: 0, txid: tx(8) } } },
    { do: 'refuse', code: 'chain-short' },
  ],
  [
    'is refused when it is not the point that was asked for',
    {
      order: { ...order, dbs: { main: tx(7) } },
      need: { need: { main: tx(7) } },
      restored: { main: { rc: 0, txid: tx(8) } },
    },
    { do: 'refuse' },
  ],
  [
    'that came without an id is refused',
    { order, need: { need: { main: tx(0) } }, restored: { main: { rc: 0, txid: '' } } },
    { do: 'refuse' },
  ],
  [
    'that is damaged is refused, with the best point',
    {
      order,
      need: { need: { main: tx(0) } },
      restored: { main: { rc: 1, error: 'decode database: file checksum mismatch', best: tx(3) } },
    },
    { do: 'refuse', code: 'object-damaged', lasting: true, next: expect.stringContaining(tx(3)) },
  ],
]
