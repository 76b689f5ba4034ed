import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { S3Replica } from '../../../src/inventory/model.ts'
import { ensureOwner, type EnsureOwner } from '../../../src/replica/ensure.ts'
import { formatOwner, type Owner, ownerKey } from '../../../src/replica/owner.ts'
import { openS3Store } from '../../../src/replica/s3-store.ts'
import { uploadsUnder } from '../../../src/replica/uploads.ts'
import { inventoryOf } from '../inventory/made.ts'
import { problemOf } from '../problem-of.ts'
import { attic, cellar, ownerWith } from './owners.ts'
import { type RealS3, startSeaweedFs } from './seaweedfs.ts'

// `restore` at a real server: what another machine held, taken over by this one.
let s3: RealS3
beforeAll(async () => {
  s3 = await startSeaweedFs()
}, 60_000)
afterAll(() => s3.stop())

const dead = { host: 'pi-attic', id: 'b'.repeat(64) }
const ltx = (max: number) => `0000/0000000000000001-${max.toString(16).padStart(16, '0')}.ltx`

function request(replica: S3Replica, changes: Partial<EnsureOwner> = {}): EnsureOwner {
  const { inventory, app } = inventoryOf(replica)
  const identity = { host: attic.host, hostId: attic.id, uid: 990, gid: 991, dbs: ['main'] }
  return { inventory, app, ...identity, probed: new Map(), takeOver: { lying: [] }, ...changes }
}

async function lay(replica: S3Replica, owner: Owner, objects: Record<string, string> = {}): Promise<void> {
  const store = await openS3Store(replica)
  await store.put(ownerKey(replica, 'gotify'), formatOwner(owner), { kind: 'none' })
  for (const [key, body] of Object.entries(objects))
    await store.put(`${replica.prefix}/gotify/${key}`, body, { kind: 'none' })
  store.close()
}

/** A replica in which the card that has died has left `objects`. */
async function left(owner: Owner, objects?: Record<string, string>): Promise<S3Replica> {
  const replica = s3.replica()
  await lay(replica, owner, objects ?? { [`${owner.path}/main/${ltx(3)}`]: 'x' })
  return replica
}

describe('what a dead card held', () => {
  test('is taken over once, and asking again changes nothing', async () => {
    const replica = await left(ownerWith({ holder: dead }))
    const looked = await ensureOwner(request(replica, { dryRun: 'read' }))
    expect(looked).toMatchObject({ outcome: 'taken-over', found: 'e0001-0a1b2c3d' })
    const made = await ensureOwner(request(replica))
    expect(made.outcome).toBe('taken-over')
    expect(made.owner).toMatchObject({
      epoch: 2,
      holder: attic,
      from: { path: 'e0001-0a1b2c3d', dbs: { main: 'latest' } },
      past: [{ path: 'e0001-0a1b2c3d', host: 'pi-attic', end: null }],
    })
    expect(await ensureOwner(request(replica))).toEqual({
      outcome: 'exists',
      owner: made.owner,
      found: made.owner.path,
    })
  })

  test('goes to one of two machines that take it at once', async () => {
    const replica = await left(ownerWith({ holder: dead }))
    const takeOver = { lying: [], agreed: 'e0001-0a1b2c3d' }
    const both = await Promise.allSettled([
      ensureOwner(request(replica, { takeOver })),
      ensureOwner(request(replica, { takeOver, hostId: 'e'.repeat(64) })),
    ])
    expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
    const lost = both.find((each) => each.status === 'rejected')
    expect(lost?.reason).toMatchObject({ code: 'restore-changed', found: expect.stringContaining('pi-attic (id') })
  })

  test('stays where it is for provision, and for a host that has files of it', async () => {
    const replica = await left(ownerWith({ holder: dead }))
    const codeOf = async (changes: Partial<EnsureOwner>) =>
      (await problemOf(ensureOwner(request(replica, changes)))).code
    const { takeOver: _, ...provision } = request(replica)
    expect((await problemOf(ensureOwner(provision))).code).toBe('held-by-another-host')
    expect(await codeOf({ claimed: true })).toBe('restore-over-data')
    expect(await codeOf({ takeOver: { lying: ['main'] } })).toBe('restore-over-data')
    expect(await codeOf({ takeOver: { lying: [], agreed: 'e0001-00000000' } })).toBe('restore-changed')
  })

  test('is taken over though files lie here when they are to be put aside, and their path is remembered', async () => {
    const replica = await left(ownerWith({ holder: dead }))
    const discard = { lying: ['main'], discard: true }
    const made = await ensureOwner(
      request(replica, {
        claimed: true,
        claimPath: 'e0004-00000000',
        takeOver: { ...discard, agreed: 'e0001-0a1b2c3d' },
      }),
    )
    expect(made).toMatchObject({ outcome: 'taken-over', owner: { epoch: 5, holder: attic } })
    expect(made.owner.past.map(({ path }) => path)).toEqual(['e0004-00000000', 'e0001-0a1b2c3d'])
    // a cloned card has a claim on the very path that another machine holds
    const cloned = await left(ownerWith({ holder: dead }))
    const claim = { claimed: true, claimPath: 'e0001-0a1b2c3d' }
    expect((await problemOf(ensureOwner(request(cloned, claim)))).code).toBe('held-by-another-host')
    expect((await ensureOwner(request(cloned, { ...claim, takeOver: discard }))).outcome).toBe('taken-over')
  })

  test('stays with the machine that holds it itself, but where people go back to what the bucket has', async () => {
    const replica = await left(ownerWith())
    const claim = { claimed: true, claimPath: 'e0003-00000000' }
    const discard = { lying: ['main'], discard: true }
    expect((await ensureOwner(request(replica, { ...claim, takeOver: discard }))).outcome).toBe('exists')
    const back = await ensureOwner(request(replica, { ...claim, takeOver: { ...discard, goesBack: true } }))
    expect(back).toMatchObject({ outcome: 'taken-over', owner: { epoch: 4, from: { path: 'e0001-0a1b2c3d' } } })
  })

  test('is not laid over files that lie here under another name, and are about to get this one', async () => {
    const released = { path: 'e0001-0a1b2c3d', host: 'pi-attic', end: { main: '0000000000000003' } }
    const replica = await left(ownerWith({ holder: null, past: [released] }))
    const earlier = { name: 'gotify-old', claimPath: null, renaming: true, comesBack: false }
    const codeOf = async (changes: Partial<EnsureOwner>) =>
      (await problemOf(ensureOwner(request(replica, changes)))).code
    expect(await codeOf({ earlier })).toBe('rename-taken')
    expect(await codeOf({ earlier: { ...earlier, renaming: false, claimPath: 'e0001-00000000' } })).toBe('released')
    expect((await ensureOwner(request(replica, { earlier: { ...earlier, renaming: false } }))).outcome).toBe(
      'taken-over',
    )
  })

  test('is left to a host of the inventory with another name, and taken from one that is in none', async () => {
    const held = await left(ownerWith({ holder: cellar }))
    const problem = await problemOf(ensureOwner(request(held)))
    expect(problem).toMatchObject({ code: 'held-by-another-host', next: expect.stringContaining('move gotify') })
    expect(problem.next).not.toContain('restore')
    const gone = await left(ownerWith({ holder: { ...cellar, host: 'pi-loft' } }))
    expect((await ensureOwner(request(gone))).outcome).toBe('taken-over')
  })
})

describe('a bucket that cannot give it back', () => {
  test.for([
    ['restore-lost', {}, {}],
    ['restore-owner-went-back', { 'e0001-0a1b2c3d/main/0000/x.ltx': 'x', 'e0003-00000000/tip.json': '{}' }, {}],
    [
      'restore-databases',
      { 'e0001-0a1b2c3d/main/0000/x.ltx': 'x' },
      { dbs: { main: { init: true }, log: { init: true } } },
    ],
    ['restore-data-elsewhere', {}, { from: { local: dead.id, dbs: { main: '0000000000000009' } } }],
  ] as const)('%s', async ([code, objects, changes]) => {
    const owner = ownerWith({ holder: dead, ...changes })
    const replica = await left(owner, objects)
    const problem = await problemOf(ensureOwner(request(replica)))
    expect(problem).toMatchObject({ code, host: 'pi-attic', app: 'gotify' })
    expect(problem.next).not.toBe('')
  })
})

test('what was uploaded is told by the names of the objects, and when by the server', async () => {
  const tip = JSON.stringify({ seq: 4, dbs: { main: '0000000000000003' } })
  const replica = await left(ownerWith(), {
    [`e0001-0a1b2c3d/main/${ltx(3)}`]: 'x',
    [`e0001-0a1b2c3d/main/${ltx(17)}`]: 'x',
    'e0001-0a1b2c3d/tip.json': tip,
  })
  const [upload, none] = await uploadsUnder(request(replica), 'e0001-0a1b2c3d', ['main', 'log'])
  expect(upload).toMatchObject({ name: 'main', proven: '0000000000000003', newest: '0000000000000011' })
  expect(Math.abs(Date.parse(upload?.writtenAt ?? '') - Date.now())).toBeLessThan(60_000)
  expect(none).toEqual({ name: 'log', proven: null, newest: null, writtenAt: null })
})
