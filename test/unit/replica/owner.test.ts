import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { Problem } from '../../../src/problem.ts'
import { databaseKey, formatOwner, newPath, ownerKey, ownerState, parseOwner } from '../../../src/replica/owner.ts'
import { attic, ownerWith } from './owners.ts'

const txid = '000000000000002a'

/** Must throw a Problem; returns it. */
function problemOf(work: () => unknown): Problem {
  try {
    work()
  } catch (error) {
    if (error instanceof Problem) return error
    throw error
  }
  throw new Error('nothing was refused')
}

test('an owner object comes back from its text as it was', () => {
  const full = ownerWith({
    epoch: 3,
    path: 'e0003-deadbeef',
    from: { path: 'e0002-00000000', dbs: { main: txid, log: 'latest' } },
    past: [
      { path: 'e0001-00000000', host: 'pi-attic', end: { main: txid } },
      { path: 'e0002-00000000', host: 'pi-cellar', end: null },
    ],
  })
  expect(parseOwner(formatOwner(full), 'it')).toEqual(full)
  const local = ownerWith({ from: { local: attic.id, dbs: { main: txid } } })
  expect(parseOwner(formatOwner(local), 'it')).toEqual(local)
})

test('the five states are told apart', () => {
  const from = { path: 'e0001-00000000', dbs: { main: 'latest' as const } }
  expect(ownerState(null)).toBe('NONE')
  expect(ownerState(ownerWith({ dbs: { main: { init: true }, log: { init: false } } }))).toBe('NEW')
  expect(ownerState(ownerWith())).toBe('SOUND')
  expect(ownerState(ownerWith({ from }))).toBe('MOVING')
  expect(ownerState(ownerWith({ holder: null, from }))).toBe('RELEASED')
})

test('an object of a later version is refused, naming the version', () => {
  const problem = problemOf(() => parseOwner(JSON.stringify({ ...ownerWith(), v: 2 }), 'owner.json of gotify'))
  expect(problem.code).toBe('owner-too-new')
  expect(problem.found).toContain('version 2')
  expect(problem.exit).toBe(1)
})

test('whatever else is in the object is refused as an unsound replica, in words', () => {
  const broken: [string, string][] = [
    ['', 'empty'],
    ['<html>', 'not JSON'],
    ['null', 'the object'],
    [JSON.stringify({ ...ownerWith(), path: '../e0001-00000000' }), 'path'],
    [JSON.stringify({ ...ownerWith(), epoch: 0 }), 'epoch'],
    [JSON.stringify({ ...ownerWith(), holder: { host: 'x', id: 'short' } }), 'holder.id'],
    [JSON.stringify({ ...ownerWith(), surprise: 1 }), 'surprise'],
    [
      JSON.stringify({
        ...ownerWith(),
        past: Array.from({ length: 21 }, () => ({ path: 'e0001-00000000', host: 'x', end: null })),
      }),
      'past',
    ],
  ]
  for (const [body, word] of broken) {
    const problem = problemOf(() => parseOwner(body, 'owner.json of gotify'))
    expect(problem.code).toBe('owner-unreadable')
    expect(problem.found).toContain(word)
    expect(problem.exit).toBe(6)
  }
})

test('no bytes make the reader throw anything but a Problem', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        fc.json().map((text) => `{"v":1,"holder":${text}}`),
      ),
      (body) => {
        expect(problemOf(() => parseOwner(body, 'it'))).toBeInstanceOf(Problem)
      },
    ),
    { numRuns: 2000 },
  )
})

test('keys begin at the prefix, and an empty prefix leaves no slash in front', () => {
  expect(ownerKey({ prefix: 'home' }, 'web@pi-attic')).toBe('home/web@pi-attic/owner.json')
  expect(ownerKey({ prefix: '' }, 'gotify')).toBe('gotify/owner.json')
  expect(databaseKey({ prefix: 'a/b' }, 'gotify', 'e0001-0a1b2c3d', 'main')).toBe('a/b/gotify/e0001-0a1b2c3d/main')
})

test('a new path carries its epoch and is never the same twice', () => {
  expect(newPath(1)).toMatch(/^e0001-[0-9a-f]{8}$/)
  expect(newPath(12_345)).toMatch(/^e12345-[0-9a-f]{8}$/)
  expect(new Set(Array.from({ length: 1000 }, () => newPath(1))).size).toBe(1000)
})
