import { expect, test } from 'vitest'
import { concerning, exitCodes, Problem } from '../../../src/problem.ts'

const found = {
  code: 'replica-denied',
  doing: 'writing',
  found: 'HTTP 403',
  next: 'give it the rights',
  exit: 6,
} as const

test('a problem that names neither gets the host and the app that it was found for, and stays what it is', () => {
  const cause = new Error('below')
  const told = concerning(new Problem({ ...found, cause }), 'attic', 'notes')
  expect(told).toMatchObject({ ...found, host: 'attic', app: 'notes', exit: exitCodes.unsound })
  expect(told.cause).toBe(cause)
})

test('what it names itself counts, and nothing is made up', () => {
  const own = new Problem({ ...found, host: 'cellar', app: 'pages' })
  expect(concerning(own, 'attic', 'notes')).toBe(own)
  expect(concerning(new Problem({ ...found, app: 'pages' }), 'attic', 'notes')).toMatchObject({
    host: 'attic',
    app: 'pages',
  })
  expect(concerning(new Problem(found), 'attic').app).toBeUndefined()
})
