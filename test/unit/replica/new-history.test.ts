import { describe, expect, test } from 'vitest'
import { type BeginningAnew, newHistory } from '../../../src/replica/new-history.ts'
import { formatOwner, type Owner, parseOwner } from '../../../src/replica/owner.ts'
import { attic, ownerWith } from './owners.ts'

const write = '33333333-3333-4333-8333-333333333333'
const pathOf = (epoch: number) => `e000${epoch}-ffffffff`
const request = { holder: attic, uid: 990, gid: 991, dbs: ['main'], write, pathOf }
const at = (id: number): string => id.toString(16).padStart(16, '0')
const here: BeginningAnew = {
  files: { main: at(9) },
  ends: { main: at(7) },
  wayOut: false,
  agreed: ownerWith().path,
}

function begun(
  owner: Owner | null,
  anew: Partial<BeginningAnew> = {},
  more: Partial<typeof request & { claimPath: string }> = {},
): Owner {
  const step = newHistory(owner, { ...request, ...more }, { ...here, agreed: owner?.path ?? null, ...anew })
  if (step.kind !== 'next') throw new Error(step.kind)
  expect(parseOwner(formatOwner(step.owner), 'it')).toEqual(step.owner)
  return step.owner
}
const refused = (owner: Owner | null, anew: Partial<BeginningAnew> = {}, more: Partial<typeof request> = {}) =>
  newHistory(owner, { ...request, ...more }, { ...here, agreed: owner?.path ?? null, ...anew })

describe('a new history', () => {
  test('is a new path of the next epoch from this machine’s own files, and the old path ends where it was shown to', () => {
    const owner = ownerWith({ dbs: { main: { init: true } } })
    expect(begun(owner)).toEqual({
      ...owner,
      epoch: 2,
      path: 'e0002-ffffffff',
      write,
      from: { local: attic.id, dbs: { main: at(9) } },
      dbs: { main: { init: true } },
      past: [{ path: owner.path, host: attic.host, end: { main: at(7) } }],
    })
  })

  test('begins a database empty whose file is not here, and restores nothing', () => {
    const owner = ownerWith({ dbs: { main: { init: true } } })
    expect(begun(owner, { files: {} })).toMatchObject({ from: null, dbs: { main: { init: false } } })
  })

  test('has an owner object made whose bucket has lost it, of a later epoch than the files', () => {
    expect(begun(null, {}, { claimPath: 'e0007-12345678' })).toMatchObject({
      v: 1,
      epoch: 8,
      path: 'e0008-ffffffff',
      uid: 990,
      from: { local: attic.id, dbs: { main: at(9) } },
      past: [{ path: 'e0007-12345678', host: attic.host, end: { main: at(7) } }],
    })
  })

  test('makes none where nothing was ever launched', () => {
    expect(refused(null)).toEqual({ kind: 'anew-never-launched' })
  })

  test('counts on from a path that a bucket which went back has forgotten, and makes it known', () => {
    const owner = ownerWith()
    const next = begun(owner, {}, { claimPath: 'e0005-12345678' })
    expect([next.epoch, next.past.map(({ path }) => path)]).toEqual([6, ['e0005-12345678', owner.path]])
  })

  test('is nobody’s but the holder’s, unless a refusal has named it', () => {
    const other = { host: 'pi-attic', id: 'd'.repeat(64) }
    expect(refused(ownerWith({ holder: other }))).toEqual({ kind: 'anew-not-holder', holder: other })
    expect(refused(ownerWith({ holder: null }))).toEqual({ kind: 'anew-not-holder', holder: null })
    expect(begun(ownerWith({ holder: other }), { wayOut: true }).holder).toEqual(attic)
  })

  test('is of what was shown: not of an owner object that somebody has written since', () => {
    const owner = ownerWith()
    expect(refused(owner, { agreed: 'e0009-00000000' })).toMatchObject({ kind: 'restore-changed', path: owner.path })
    expect(refused(owner, { agreed: null })).toMatchObject({ kind: 'restore-changed' })
    expect(refused(null, { agreed: owner.path })).toMatchObject({ kind: 'restore-changed' })
  })

  test('drops no database silently, and keeps the user’s numbers', () => {
    const owner = ownerWith({ dbs: { main: { init: true }, other: { init: true } } })
    expect(refused(owner)).toEqual({ kind: 'restore-databases', dropped: ['other'] })
    expect(refused(ownerWith(), {}, { uid: 1 })).toMatchObject({ kind: 'identity-clash' })
  })

  test('keeps the last 20 paths', () => {
    const past = Array.from({ length: 20 }, (_, n) => ({ path: `e0001-000000${10 + n}`, host: 'pi', end: null }))
    expect(begun(ownerWith({ past })).past).toHaveLength(20)
  })
})
