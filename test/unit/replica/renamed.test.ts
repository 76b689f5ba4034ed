import { describe, expect, test } from 'vitest'
import { formatOwner, ownerState, parseOwner, type Owner } from '../../../src/replica/owner.ts'
import { claimFrom, createFrom } from '../../../src/replica/transitions.ts'
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

describe('CLAIM of a name that was given up', () => {
  const next = { ...request, path: 'e0002-00000000' }
  const earlier = (changes: Partial<Owner> = {}) => ({
    owner: released({ past: [{ path, host: 'pi-attic', end: { main: '0000000000000007' } }], ...changes }),
    claimPath: path,
  })
  const claim = (found: Owner, more: { comesBack?: boolean; ahead?: boolean; of?: Partial<Owner> } = {}) =>
    claimFrom(found, next, earlier(more.of), { comesBack: more.comesBack ?? true, ahead: more.ahead ?? false })

  test('goes on from the files of this host in a path of its own, and keeps what the path before ended at', () => {
    const made = claim(released())
    if (made.kind !== 'next') throw new Error(made.kind)
    expect(made.owner).toMatchObject({
      epoch: released().epoch + 1,
      path: next.path,
      holder: attic,
      from: { local: attic.id, dbs: { main: '0000000000000007' } },
      past: [{ path, end }],
      dbs: { main: { init: false } },
    })
    expect(parseOwner(formatOwner(made.owner), 'it')).toEqual(made.owner)
  })

  test('replaces an order of this host that was never proven, and no other one', () => {
    const order = ownerWith({ from: { local: attic.id, dbs: end } })
    expect(claim(order, { comesBack: false })).toMatchObject({
      kind: 'next',
      owner: { from: { dbs: { main: '0000000000000007' } }, past: [{ path: order.path, end: null }] },
    })
    expect(claim(ownerWith())).toEqual({ kind: 'rename-taken' })
    expect(claim(ownerWith({ from: { path: 'e0001-11111111', dbs: end } }))).toEqual({ kind: 'rename-taken' })
    expect(claim(ownerWith({ holder: cellar }))).toEqual({ kind: 'held-by-another-host', holder: cellar })
  })

  test('leaves an order alone that another run has given since the host was looked at: its gate may be at it', () => {
    const order = ownerWith({ from: { local: attic.id, dbs: end } })
    const over = (seen: string | null) =>
      claimFrom(order, next, earlier(), { comesBack: false, ahead: false, over: seen })
    expect(over(order.path)).toMatchObject({ kind: 'next', owner: { path: next.path } })
    for (const seen of [null, 'e0001-ffffffff']) expect(over(seen)).toEqual({ kind: 'unchanged', owner: order })
    expect(
      claimFrom(ownerWith({ holder: cellar, from: order.from }), next, earlier(), {
        comesBack: false,
        ahead: false,
        over: null,
      }).kind,
    ).toBe('held-by-another-host')
  })

  test('takes what was made for this host, late, and never begun, while nothing has run under the other name either', () => {
    const untried = { owner: null, claimPath: null }
    const back = (found: Owner, of: { owner: Owner | null; claimPath: string | null } = untried) =>
      claimFrom(found, next, of, { comesBack: true, ahead: false, over: null })
    const made = ownerWith({ dbs: { main: { init: false } }, past: [] })
    expect(back(made)).toEqual({ kind: 'unchanged', owner: made })
    expect(back(made, { ...untried, claimPath: path })).toEqual({ kind: 'rename-taken' })
    expect(back(ownerWith({ dbs: { main: { init: true } } }))).toEqual({ kind: 'rename-taken' })
    expect(back({ ...made, past: [{ path: 'e0000-00000000', host: 'pi-attic', end: null }] })).toEqual({
      kind: 'rename-taken',
    })
    expect(back({ ...made, holder: cellar })).toEqual({ kind: 'held-by-another-host', holder: cellar })
  })

  test('is refused where what lies there is not the past of these files, or not its end', () => {
    expect(claim(released(), { comesBack: false })).toEqual({ kind: 'rename-taken' })
    for (const last of [{ path: 'e0001-ffffffff' }, { host: 'pi-cellar' }, { end: null }])
      expect(claim(released({ past: [{ path, host: 'pi-attic', end, ...last }] }))).toEqual({ kind: 'rename-taken' })
    expect(claim(released({ uid: 1 }))).toEqual({ kind: 'identity-clash', uid: 1, gid: 991 })
  })

  test('waits for the release under the name before, which has to be there', () => {
    expect(claim(released(), { of: { holder: attic, past: [] } })).toEqual({ kind: 'rename-not-released' })
    expect(claim(released(), { of: { holder: attic, past: [] }, ahead: true })).toMatchObject({ kind: 'next' })
    expect(claimFrom(released(), next, { owner: null, claimPath: path }, { comesBack: true, ahead: true })).toEqual({
      kind: 'rename-lost',
    })
    expect(createFrom([], request, { owner: null, claimPath: path }, true)).toEqual({ kind: 'rename-lost' })
  })
})
