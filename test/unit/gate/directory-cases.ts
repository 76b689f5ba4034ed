import { expect } from 'vitest'
import { answered, claim, found, gone, me, owner, tx } from './facts.ts'
import type { Case } from './case.ts'

const directory = { store: 'directory', where: 'replica share (/mnt/nas)' }
/** As objects.sh answers without the mark. */
const unmounted = {
  curl: 7,
  http: 0,
  s3: 'NotMounted',
  error: 'nothing is mounted at /mnt/nas',
  etag: '',
  date: null,
  body: null,
}
const notMounted = { max: null, error: 'not mounted: nothing is mounted at /mnt/nas' }
const wait = { policy: { unreachable: 'wait', limit: 86400, ephemeral: false } }

/** Step 5 for a replica in a directory: what is not mounted is never an empty one. */
export const directoryCases: Record<string, Case[]> = {
  'a directory that is not mounted': [
    [
      'starts an app on its own files, as a bucket that is away does',
      { ...directory, owner: unmounted },
      { do: 'start', code: 'offline', text: expect.stringContaining('nothing is mounted at /mnt/nas') },
    ],
    [
      'holds one that waits',
      { ...directory, ...wait, owner: unmounted },
      {
        do: 'refuse',
        code: 'replica-unmounted',
        next: expect.stringMatching(/^mount it again; the app comes up by itself/),
      },
    ],
    [
      'is no first launch, even for a host that knows of no database',
      { ...directory, owner: unmounted, claim: null, lastOwner: null, local: { main: gone } },
      { do: 'refuse', code: 'replica-unmounted' },
    ],
    [
      'is no loss of all that was there, when it went after the owner object was read',
      { ...directory, remote: { main: notMounted } },
      { do: 'refuse', code: 'replica-unmounted' },
    ],
    [
      'is no first launch either then',
      { ...directory, remote: { main: notMounted }, claim: null, lastOwner: null, local: { main: gone } },
      { do: 'refuse', code: 'replica-unmounted' },
    ],
    [
      'counts against the offline limit',
      { ...directory, owner: unmounted, now: 900 + 90_000, lastOwner: { read: 900, owner: owner() } },
      { do: 'refuse', code: 'offline-limit' },
    ],
  ],
  'a directory that answers': [
    [
      'has no clock to compare with',
      { ...directory, now: 900_000, owner: { ...found(owner()), date: null } },
      { do: 'start', code: 'own-files' },
    ],
    [
      'tells of who may not read it without a word of keys',
      { ...directory, ...wait, owner: { ...answered(403, 'AccessDenied'), error: 'Permission denied' } },
      { do: 'refuse', code: 'replica-denied', next: expect.stringMatching(/must be the same on the server/) },
    ],
    [
      'tells of a loss in its own words',
      {
        ...directory,
        remote: { main: { max: null } },
        claim: claim({ id: me }),
        tip: { path: 'e0002-0000000a', dbs: { main: tx(9) } },
      },
      { do: 'refuse', code: 'replica-lost', next: expect.stringMatching(/^bring the directory's content back/) },
    ],
  ],
}
