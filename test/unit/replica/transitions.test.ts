import { describe, expect, test } from 'vitest'
import { formatOwner, ownerState, parseOwner } from '../../../src/replica/owner.ts'
import { create, setDatabases, takeBack } from '../../../src/replica/transitions.ts'
import { attic, cellar, ownerWith } from './owners.ts'

const write = '33333333-3333-4333-8333-333333333333'
const request = { holder: attic, uid: 990, gid: 991, dbs: ['main'], write }

test('CREATE over an empty prefix makes a NEW object that its reader accepts', () => {
  const step = create([], { ...request, dbs: ['main', 'log'], path: 'e0001-00000000' })
  if (step.kind !== 'next') throw new Error(step.kind)
  expect(step.owner).toEqual({
    v: 1,
    epoch: 1,
    path: 'e0001-00000000',
    write,
    holder: attic,
    from: null,
    uid: 990,
    gid: 991,
    dbs: { main: { init: false }, log: { init: false } },
    past: [],
  })
  expect(ownerState(step.owner)).toBe('NEW')
  expect(parseOwner(formatOwner(step.owner), 'it')).toEqual(step.owner)
})

test('CREATE over anything at all is refused', () => {
  const keys = ['home/gotify/generations/x']
  expect(create(keys, { ...request, path: 'e0001-00000000' })).toEqual({ kind: 'replica-not-empty', keys })
})

test('CREATE is refused when the host holds data of an owner object that is not there', () => {
  expect(create([], { ...request, path: 'e0001-00000000', claimed: true })).toEqual({ kind: 'claimed-elsewhere' })
})

test('a database that is added is not proven; the others stay as they were, and nothing else changes but `write`', () => {
  const owner = ownerWith()
  expect(setDatabases(owner, { ...request, dbs: ['log', 'main'] })).toEqual({
    kind: 'next',
    owner: { ...owner, write, dbs: { log: { init: false }, main: { init: true } } },
  })
})

test('a database that left the inventory is dropped, and one that comes back under its name has to be proven again', () => {
  const owner = ownerWith({ dbs: { main: { init: true }, log: { init: true } } })
  const dropped = setDatabases(owner, request)
  if (dropped.kind !== 'next') throw new Error(dropped.kind)
  expect(dropped.owner.dbs).toEqual({ main: { init: true } })
  const again = setDatabases(dropped.owner, { ...request, dbs: ['main', 'log'] })
  expect(again).toMatchObject({ kind: 'next', owner: { dbs: { log: { init: false } } } })
})

test('the same databases in another order are no change', () => {
  const owner = ownerWith({ dbs: { main: { init: true }, log: { init: false } } })
  expect(setDatabases(owner, { ...request, dbs: ['log', 'main'] })).toEqual({ kind: 'unchanged', owner })
})

test('a database named like a property of every object is a database like any other', () => {
  expect(setDatabases(ownerWith(), { ...request, dbs: ['main', 'constructor'] })).toMatchObject({
    kind: 'next',
    owner: { dbs: { constructor: { init: false } } },
  })
})

test('another holder, a released object and another uid are refused before anything else is looked at', () => {
  expect(setDatabases(ownerWith({ holder: cellar }), request)).toEqual({ kind: 'held-by-another-host', holder: cellar })
  expect(setDatabases(ownerWith({ holder: null }), request)).toEqual({ kind: 'released' })
  expect(setDatabases(ownerWith({ uid: 5 }), request)).toEqual({ kind: 'identity-clash', uid: 5, gid: 991 })
  expect(setDatabases(ownerWith({ gid: 5 }), request)).toEqual({ kind: 'identity-clash', uid: 990, gid: 5 })
})

test('while a restore is under way a database can come, but none can go', () => {
  const owner = ownerWith({
    from: { path: 'e0001-00000000', dbs: { main: 'latest', log: 'latest' } },
    dbs: { main: { init: true }, log: { init: true } },
  })
  expect(setDatabases(owner, request)).toEqual({ kind: 'restore-under-way', dropped: ['log'] })
  expect(setDatabases(owner, { ...request, dbs: ['main', 'log', 'new'] })).toMatchObject({ kind: 'next' })
})

describe('what was released', () => {
  const end = { main: '0000000000000009' }
  const released = () => {
    const owner = ownerWith()
    return { ...owner, holder: null, past: [{ path: owner.path, host: 'pi-attic', end }] }
  }

  test('is taken back by the host whose files belong to that path: same path, same epoch, and the path has no end any more', () => {
    const owner = released()
    expect(takeBack(owner, { ...request, claimPath: owner.path })).toEqual({
      kind: 'next',
      owner: { ...owner, holder: request.holder, write: request.write, past: [] },
    })
  })

  test('is taken back by nobody else: files of another path, none, another user, or while somebody holds it', () => {
    const owner = released()
    expect(takeBack(owner, { ...request, claimPath: 'e0009-00000000' })).toEqual({ kind: 'released' })
    expect(takeBack(owner, request)).toEqual({ kind: 'released' })
    expect(takeBack({ ...owner, uid: 5 }, { ...request, claimPath: owner.path })).toMatchObject({
      kind: 'identity-clash',
    })
    expect(takeBack(ownerWith(), { ...request, claimPath: owner.path })).toEqual({ kind: 'released' })
  })
})
