import { expect } from 'vitest'
import { claim, found, gone, here, me, oldPath, other, owner, path, tx } from './facts.ts'
import type { Case } from './case.ts'

const away = { max: null, error: 'curl: (7) Failed to connect to nas port 80: Connection refused' }
const apart = {
  where: 'replica other (https://other, bucket owners)',
  data: 'replica nas (http://nas, bucket lab)',
  remote: { main: away },
  lastData: { read: 900 },
}
const policy = { unreachable: 'start', limit: 86400, ephemeral: false }
const nas = /^replica nas \(http:\/\/nas, bucket lab\) cannot be reached \(.*refused\)/
const mark = (txid: string) => ({ mark: { body: JSON.stringify({ seq: 4, dbs: { main: txid } }) } })
const waits = (why: RegExp | string): Record<string, unknown> => ({
  do: 'refuse',
  code: 'replica-unreachable',
  text: expect.stringMatching(why),
})

/** Step 5 where the owner object, which another server keeps, was read, and the data cannot be reached. */
export const apartCases: Record<string, Case[]> = {
  'data that are away while the owner object is not': [
    [
      'hold no app back from its own files, and are named, not the server that answers',
      apart,
      { do: 'start', code: 'offline', text: expect.stringMatching(nas) },
    ],
    [
      'hold it back when it is to wait, and say how it starts once',
      { ...apart, policy: { ...policy, unreachable: 'wait' } },
      { ...waits(nas), next: expect.stringContaining('streamside start notes --offline') },
    ],
    [
      'do not hold it back when that was ordered',
      { ...apart, policy: { ...policy, unreachable: 'wait' }, once: true },
      { do: 'start', code: 'offline-once' },
    ],
    [
      'are told of as slow only when they are',
      { ...apart, remote: { main: { max: null, error: 'no answer in time' } }, claim: null },
      { do: 'refuse', code: 'replica-timeout', text: expect.stringMatching(/^replica nas .* does not answer in time/) },
    ],
    [
      'count against the limit since they were reached, whenever the owner object was',
      { ...apart, now: 900 + 90_000, owner: { ...found(owner()), date: 900 + 90_000 } },
      {
        do: 'refuse',
        code: 'offline-limit',
        text: expect.stringMatching(/; replica nas \(http:\/\/nas, bucket lab\) was last read 25 h ago/),
        next: expect.stringContaining('--offline'),
      },
    ],
    [
      'count against no limit of a host that has not noted when they were reached',
      { ...apart, lastData: null },
      { do: 'start', code: 'offline' },
    ],
    [
      'leave another holder what it is',
      { ...apart, owner: found(owner({ holder: { host: 'pi-attic', id: other } })), once: true },
      { do: 'fence', code: 'other-holder' },
    ],
    [
      'start nobody in an interrupted restore',
      { ...apart, restoring: true, once: true },
      waits(/a restore was under way/),
    ],
    [
      'start nobody where a restore is ordered',
      {
        ...apart,
        once: true,
        claim: claim({ path: oldPath, epoch: 1 }),
        owner: found(owner({ from: { path: oldPath, dbs: { main: 'latest' } } })),
      },
      waits(/a restore had been ordered/),
    ],
    [
      'start nobody on files of another path',
      { ...apart, once: true, claim: claim({ path: oldPath, epoch: 1 }) },
      waits(/the files here belong to e0001-0000000b, and the current path is e0002-0000000a/),
    ],
    [
      'start nobody without a database',
      { ...apart, once: true, local: { main: gone } },
      waits(/the database is not here: main/),
    ],
    [
      'start nobody for the first time',
      { ...apart, claim: null, local: { main: gone } },
      waits(/no database of this app has ever been here/),
    ],
    [
      'start nobody on files that a power cut has cut',
      { ...apart, once: true, local: { main: here({ wal: 'behind' }) } },
      waits(/missing in its WAL/),
    ],
    [
      'start nobody on files behind the high-water mark, which lies with the owner object',
      { ...apart, once: true, ...mark(tx(10)) },
      waits(/main: the replica was proven to be at 000000000000000a once, the file here is at 0000000000000009/),
    ],
    ['start the app on files that are at the mark', { ...apart, ...mark(tx(9)) }, { do: 'start', code: 'offline' }],
    [
      'start nobody behind what they still said of one database',
      {
        ...apart,
        dbs: ['main', 'log'],
        owner: found(owner({ dbs: { main: { init: true }, log: { init: true } } })),
        local: { main: here(), log: here() },
        remote: { main: away, log: { max: tx(12) } },
      },
      waits(/log: the replica is at 000000000000000c, the file here at 0000000000000009/),
    ],
    [
      'start nobody when they had lost one before they went',
      {
        ...apart,
        dbs: ['main', 'log'],
        owner: found(owner({ dbs: { main: { init: true }, log: { init: true } } })),
        local: { main: here(), log: here() },
        remote: { main: away, log: { max: null } },
      },
      waits(/log: it was in the replica once, and now nothing is there/),
    ],
    [
      'start an app that was fenced when its host holds it again',
      { ...apart, fenced: true },
      { do: 'start', code: 'offline', unfence: true },
    ],
    [
      'leave the keeper its own words, when that goes away meanwhile',
      { ...apart, mark: { error: 'timed out 0 ' } },
      { do: 'refuse', text: expect.stringMatching(/^replica other/) },
    ],
  ],
  'data that answer, and are not what they should be': [
    [
      'in a bucket that is gone start nobody',
      { ...apart, once: true, remote: { main: { max: null, error: 'operation error S3: NoSuchBucket' } } },
      { do: 'refuse', code: 'bucket-gone', text: expect.stringContaining('replica nas') },
    ],
    [
      'that are gone are named where they were',
      { ...apart, remote: { main: { max: null } }, claim: claim({ id: me, path }) },
      { do: 'refuse', code: 'replica-lost', text: expect.stringContaining('(replica nas (http://nas') },
    ],
  ],
  'a server for both': [
    [
      'that goes away after the owner object was read is asked again',
      { remote: { main: away } },
      { do: 'refuse', code: 'replica-unreachable', text: expect.stringMatching(/^replica nas cannot be reached/) },
    ],
  ],
}

/** What `status` asks of an app that may write, of its data alone. */
export const dataCases: Case[] = [
  [
    'that cannot be reached are named by their own server, with what to do',
    apart,
    {
      do: 'tell',
      code: 'replica-unreachable',
      text: expect.stringMatching(nas),
      next: expect.stringMatching(/^start the server.*uploaded/),
    },
  ],
  [
    'that refuse the keys are, too',
    {
      ...apart,
      remote: { main: { error: 'operation error S3: ListObjectsV2, https response error StatusCode: 403' } },
    },
    { do: 'tell', code: 'replica-denied', text: expect.stringMatching(/^replica nas/) },
  ],
  ['that answer are nothing to tell of', { ...apart, remote: {} }, { do: 'prove', text: '' }],
]
