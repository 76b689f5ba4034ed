import { describe, expect, test } from 'vitest'
import { formatOwner, type Owner, parseOwner } from '../../../src/replica/owner.ts'
import { type SourceSeen, sourceOf, takeOver } from '../../../src/replica/take-over.ts'
import { attic, cellar, ownerWith } from './owners.ts'

const write = '33333333-3333-4333-8333-333333333333'
const newCard = { host: 'pi-attic', id: 'd'.repeat(64) }
const pathOf = (epoch: number) => `e000${epoch}-ffffffff`
const request = { holder: newCard, uid: 990, gid: 991, dbs: ['main'], write, pathOf }
const seen: SourceSeen = { dbs: ['main'], marked: ['main'], newer: null }

function taken(owner: Owner, changes: Partial<typeof request & { claimPath: string }> = {}, what = seen): Owner {
  const step = takeOver(owner, { ...request, ...changes }, what)
  if (step.kind !== 'next') throw new Error(step.kind)
  expect(parseOwner(formatOwner(step.owner), 'it')).toEqual(step.owner)
  return step.owner
}
const refusal = (owner: Owner, what: Partial<SourceSeen> = {}, changes: Partial<typeof request> = {}) =>
  takeOver(owner, { ...request, ...changes }, { ...seen, ...what })

describe('a forced CLAIM', () => {
  test('is a new path of the next epoch, restored from the newest of the one before, whose end is not known', () => {
    const owner = ownerWith()
    expect(taken(owner)).toEqual({
      ...owner,
      epoch: 2,
      path: 'e0002-ffffffff',
      write,
      holder: newCard,
      from: { path: owner.path, dbs: { main: 'latest' } },
      past: [{ path: owner.path, host: attic.host, end: null }],
    })
  })

  test('of what was let go keeps the end that was written down then', () => {
    const end = { path: 'e0001-0a1b2c3d', host: 'pi-cellar', end: { main: '0000000000000007' } }
    expect(taken(ownerWith({ holder: null, past: [end] })).past).toEqual([end])
  })

  test('counts on from what the files that go were claimed under, and remembers it', () => {
    const next = taken(ownerWith(), { claimPath: 'e0007-12345678' })
    expect(next.epoch).toBe(8)
    expect(next.past).toEqual([
      { path: 'e0007-12345678', host: 'pi-attic', end: null },
      { path: 'e0001-0a1b2c3d', host: 'pi-attic', end: null },
    ])
    expect(taken(ownerWith(), { claimPath: 'e0001-0a1b2c3d' }).past).toHaveLength(1)
  })

  test('keeps the last 20 paths', () => {
    const past = Array.from({ length: 20 }, (_, index) => ({
      path: `e0001-000000${10 + index}`,
      host: 'pi-attic',
      end: null,
    }))
    const next = taken(ownerWith({ epoch: 30, past }))
    expect(next.past).toHaveLength(20)
    expect(next.past.at(-1)?.path).toBe('e0001-0a1b2c3d')
  })

  test('of an order that was not carried out yet goes on from where that was to come from', () => {
    const from = { path: 'e0001-00000000', dbs: { main: '0000000000000005' } }
    const owner = ownerWith({ epoch: 2, path: 'e0002-0a1b2c3d', from, dbs: { main: { init: true } } })
    expect(sourceOf(owner)).toBe('e0001-00000000')
    const next = taken(owner, { dbs: ['main', 'log'] }, { dbs: ['main', 'log'], marked: [], newer: null })
    expect(next.from).toEqual({ path: from.path, dbs: { main: '0000000000000005', log: 'latest' } })
    expect(next.past.at(-1)).toEqual({ path: 'e0002-0a1b2c3d', host: 'pi-attic', end: null })
  })

  test('begins anew with a database of which nothing was ever there, and with one that the inventory has since', () => {
    const owner = ownerWith({ dbs: { main: { init: true }, log: { init: false } } })
    const next = taken(owner, { dbs: ['main', 'log', 'new'] })
    expect(next.from).toMatchObject({ dbs: { main: 'latest' } })
    expect(next.dbs).toEqual({ main: { init: true }, log: { init: false }, new: { init: false } })
    const nothing = ownerWith({ dbs: { main: { init: false } } })
    expect(taken(nothing, {}, { dbs: [], marked: [], newer: null }).from).toBeNull()
  })

  test('restores what has been uploaded, or is said to have been proven, though the object does not know', () => {
    const owner = ownerWith({ dbs: { main: { init: true }, log: { init: false } } })
    const dbs = ['main', 'log']
    for (const what of [
      { dbs, marked: [] },
      { dbs: ['main'], marked: dbs },
    ])
      expect(taken(owner, { dbs }, { ...what, newer: null }).from?.dbs).toEqual({ main: 'latest', log: 'latest' })
  })

  test('of files that one machine was to go on with takes what it has uploaded of them', () => {
    const owner = ownerWith({
      from: { local: attic.id, dbs: { main: '0000000000000009' } },
      dbs: { main: { init: false } },
    })
    expect(taken(owner).from).toEqual({ path: owner.path, dbs: { main: 'latest' } })
  })
})

describe('a forced CLAIM is refused', () => {
  test('when a database of the replica has left the inventory: nothing is dropped without a word', () => {
    const owner = ownerWith({ dbs: { main: { init: true }, log: { init: false } } })
    expect(refusal(owner)).toEqual({ kind: 'restore-databases', dropped: ['log'] })
    const from = { path: 'e0001-00000000', dbs: { main: 'latest', old: 'latest' } }
    expect(refusal(ownerWith({ from }))).toEqual({ kind: 'restore-databases', dropped: ['old'] })
  })

  test('when the bucket knows a later path than its owner object', () => {
    expect(refusal(ownerWith(), { newer: 'e0005-00000000' })).toEqual({
      kind: 'restore-owner-went-back',
      path: 'e0005-00000000',
    })
  })

  test('when one machine alone has the rows', () => {
    const owner = ownerWith({
      from: { local: cellar.id, dbs: { main: '0000000000000009', log: '0000000000000002' } },
      holder: { ...cellar, host: 'pi-attic' },
      dbs: { main: { init: false }, log: { init: false } },
    })
    expect(refusal(owner, {}, { dbs: ['main', 'log'] })).toEqual({
      kind: 'restore-data-elsewhere',
      holder: 'pi-attic',
      missing: ['log'],
    })
  })

  test('when nothing is left of the newest path, however much lies in older ones', () => {
    const past = [{ path: 'e0001-00000000', host: 'pi-attic', end: null }]
    const owner = ownerWith({ epoch: 2, path: 'e0002-0a1b2c3d', past })
    expect(refusal(owner, { dbs: [] })).toEqual({ kind: 'restore-lost', path: 'e0002-0a1b2c3d', dbs: ['main'] })
    const unproven = ownerWith({ dbs: { main: { init: false } } })
    expect(refusal(unproven, { dbs: [] })).toMatchObject({ kind: 'restore-lost', dbs: ['main'] })
  })

  test('for another number of the user, and when it comes from another replica', () => {
    expect(refusal(ownerWith({ uid: 5 }))).toEqual({ kind: 'identity-clash', uid: 5, gid: 991 })
    const from = { replica: 'off-site', path: 'e0001-00000000', dbs: { main: 'latest' } }
    expect(refusal(ownerWith({ from }))).toEqual({ kind: 'restore-other-replica', replica: 'off-site' })
  })
})

describe('a point that people have chosen', () => {
  const txid = '0000000000000005'
  const end = { main: '0000000000000009' }
  const chosen = (path: string, ends: Record<string, Record<string, string>> = { [path]: end }) => ({
    path,
    dbs: { main: txid },
    ends,
  })
  const to = (owner: Owner, point: ReturnType<typeof chosen>, what: Partial<SourceSeen> = {}) => {
    const step = takeOver(owner, request, { ...seen, ...what }, point)
    if (step.kind !== 'next') throw new Error(step.kind)
    expect(parseOwner(formatOwner(step.owner), 'it')).toEqual(step.owner)
    return step.owner
  }

  test('is where the new path starts, and what is beyond it was seen: the path before ends where it was', () => {
    const owner = ownerWith()
    const next = to(owner, chosen(owner.path))
    expect(next).toMatchObject({ epoch: 2, from: { path: owner.path, dbs: { main: txid } } })
    expect(next.past).toEqual([{ path: owner.path, host: attic.host, end }])
  })

  test('may lie under an earlier path, whose end stands as it was written down', () => {
    const earlier = { path: 'e0001-00000001', host: 'pi-cellar', end: { main: '0000000000000007' } }
    const owner = ownerWith({ epoch: 2, path: 'e0002-00000002', past: [earlier] })
    const next = to(owner, chosen(earlier.path, { [earlier.path]: end, [owner.path]: { main: '0000000000000003' } }))
    expect(next.from).toEqual({ path: earlier.path, dbs: { main: txid } })
    expect(next.past).toEqual([earlier, { path: owner.path, host: attic.host, end: { main: '0000000000000003' } }])
  })

  test('takes the place of an order that could not be carried out', () => {
    const owner = ownerWith({
      epoch: 3,
      path: 'e0003-00000003',
      from: { path: 'e0001-00000001', dbs: { main: 'latest' } },
    })
    expect(to(owner, chosen('e0001-00000001')).from).toEqual({ path: 'e0001-00000001', dbs: { main: txid } })
  })

  test('is a way on where the newest data are on another machine alone, or gone', () => {
    const elsewhere = ownerWith({ from: { local: cellar.id, dbs: { main: 'latest' } } })
    expect(to(elsewhere, chosen('e0001-00000001'), { dbs: [] }).from).toMatchObject({ path: 'e0001-00000001' })
    expect(to(ownerWith(), chosen('e0001-00000001'), { dbs: [] }).from).toMatchObject({ path: 'e0001-00000001' })
  })

  test('changes nothing of what is refused: another user, a database that the inventory has not, an object that went back', () => {
    const point = chosen('e0001-0a1b2c3d')
    const kind = (owner: Owner, what: Partial<SourceSeen> = {}) =>
      takeOver(owner, request, { ...seen, ...what }, point).kind
    expect(kind(ownerWith({ uid: 1 }))).toBe('identity-clash')
    expect(kind(ownerWith({ dbs: { main: { init: true }, log: { init: true } } }))).toBe('restore-databases')
    expect(kind(ownerWith(), { newer: 'e0009-00000009' })).toBe('restore-owner-went-back')
  })
})
