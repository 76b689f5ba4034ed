import { describe, expect, test } from 'vitest'
import { formatOwner, ownerState, parseOwner, type Owner } from '../../../src/replica/owner.ts'
import { createFrom } from '../../../src/replica/transitions.ts'
import { attic, cellar, ownerWith } from './owners.ts'

const request = {
  holder: attic,
  uid: 990,
  gid: 991,
  dbs: ['main'],
  write: '33333333-3333-4333-8333-333333333333',
  path: 'e0001-00000000',
}
const end = { main: '000000000000002a' }
const path = ownerWith().path
const released = (changes: Partial<Owner> = {}) =>
  ownerWith({ holder: null, past: [{ path, host: 'pi-attic', end }], ...changes })
const step = (
  owner: Owner,
  more: { claimPath?: string | null; ahead?: boolean; dbs?: string[]; keys?: string[] } = {},
) =>
  createFrom(
    more.keys ?? [],
    { ...request, dbs: more.dbs ?? request.dbs },
    { owner, claimPath: more.claimPath === undefined ? path : more.claimPath },
    more.ahead ?? false,
  )

describe('CREATE under another name', () => {
  test('orders the files of this host, at no less than what was proven at the release', () => {
    const made = step(released(), { dbs: ['main', 'log'] })
    if (made.kind !== 'next') throw new Error(made.kind)
    expect(made.owner).toMatchObject({
      epoch: 1,
      path: request.path,
      holder: attic,
      from: { local: attic.id, dbs: end },
      past: [],
    })
    expect(made.owner.dbs).toEqual({ main: { init: false }, log: { init: false } })
    expect(ownerState(made.owner)).toBe('MOVING')
    expect(parseOwner(formatOwner(made.owner), 'it')).toEqual(made.owner)
  })

  test('is a first launch when nothing was ever written', () => {
    const made = step(released({ past: [{ path, host: 'pi-attic', end: { main: '0000000000000000' } }] }))
    expect(made).toMatchObject({ kind: 'next', owner: { from: null } })
  })

  test('waits for the release; a plan judges what will be after it', () => {
    expect(step(ownerWith())).toEqual({ kind: 'rename-not-released' })
    expect(step(ownerWith(), { ahead: true })).toMatchObject({ kind: 'next' })
    // Released by somebody else, of another path, or without an end: nothing says what the files here have to hold.
    expect(step(released({ past: [] }))).toEqual({ kind: 'rename-not-released' })
    expect(step(released({ past: [{ path, host: 'pi-attic', end: null }] }), { ahead: true })).toEqual({
      kind: 'rename-not-released',
    })
  })

  test('is refused where the newest files are not', () => {
    expect(step(released(), { claimPath: null })).toEqual({ kind: 'rename-not-here' })
    expect(step(released(), { claimPath: 'e0001-ffffffff', ahead: true })).toEqual({ kind: 'rename-not-here' })
    expect(step(ownerWith({ holder: cellar }), { ahead: true })).toEqual({
      kind: 'held-by-another-host',
      holder: cellar,
    })
  })

  test('is refused over data, with another user, or without one of the databases', () => {
    expect(step(released(), { keys: ['x'] })).toEqual({ kind: 'replica-not-empty', keys: ['x'] })
    expect(step(released({ uid: 1 }))).toEqual({ kind: 'identity-clash', uid: 1, gid: 991 })
    expect(step(released(), { dbs: ['other'] })).toEqual({ kind: 'rename-databases', dropped: ['main'] })
  })
})
