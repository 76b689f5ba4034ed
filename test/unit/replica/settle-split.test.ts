import { expect, test } from 'vitest'
import { settleSplit } from '../../../src/replica/settle-split.ts'
import { attic, cellar, ownerWith } from './owners.ts'

const at = (id: number): string => id.toString(16).padStart(16, '0')
const request = { holder: attic, uid: 990, gid: 991, dbs: ['main'], write: '33333333-3333-4333-8333-333333333333' }
const past = [
  { path: 'e0001-11111111', host: 'pi-attic', end: { main: at(5) } },
  { path: 'e0002-22222222', host: 'pi-cellar', end: null },
]
const owner = ownerWith({ epoch: 3, path: 'e0003-33333333', past })

test('what lies beyond the end of an earlier path becomes its end, and nothing else changes', () => {
  expect(settleSplit(owner, request, { 'e0001-11111111': { main: at(8) } })).toEqual({
    kind: 'next',
    owner: { ...owner, write: request.write, past: [{ ...past[0], end: { main: at(8) } }, past[1]] },
  })
})

test('a path without an end, one that holds no more, and a database that it has no end of are left as they are', () => {
  const shown = {
    'e0001-11111111': { main: at(5), other: at(9) },
    'e0002-22222222': { main: at(9) },
    'e0009-99999999': { main: at(9) },
  }
  expect(settleSplit(owner, request, shown)).toEqual({ kind: 'unchanged', owner })
})

test('only the holder settles', () => {
  const shown = { 'e0001-11111111': { main: at(8) } }
  expect(settleSplit(owner, { ...request, holder: cellar }, shown)).toEqual({ kind: 'anew-not-holder', holder: attic })
})
