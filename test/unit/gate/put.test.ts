import { afterAll, expect, test } from 'vitest'
import { type Decision, openVerdicts } from '../../model/verdicts.ts'
import { answered, asked, found, noAnswer, owner } from './facts.ts'

// The outcome of a PUT of the owner object (ownership.md, "Unknown outcome").

const verdicts = openVerdicts()
afterAll(() => verdicts.close())

const mine = owner({ write: '00000000-0000-4000-8000-0000000000aa', path: 'e0003-000000aa' })
const put = (change: Record<string, unknown>): Promise<Decision> =>
  verdicts.ask(asked('put', { mine, claims: false, late: false, doubt: false, owner: null, ...change }))
const conflict = answered(412, 'PreconditionFailed')

test.each<[string, Record<string, unknown>, Record<string, unknown>]>([
  ['200 is success', { put: answered(200) }, { do: 'done' }],
  ['no answer is tried again', { put: noAnswer(28, 'timed out') }, { do: 'repeat' }],
  ['503 is tried again', { put: answered(503, 'SlowDown') }, { do: 'repeat' }],
  ['409 is tried again', { put: answered(409, 'ConditionalRequestConflict') }, { do: 'repeat' }],
  ['no answer until the deadline is unknown', { put: noAnswer(28, 'timed out'), late: true }, { do: 'unknown' }],
  ['403 at once is a refusal', { put: answered(403, 'AccessDenied') }, { do: 'lost', code: 'put-denied' }],
  [
    'a directory says why, and what it has to be',
    { store: 'directory', put: { ...answered(403, 'NoSpace'), error: 'No space left on device' } },
    { do: 'lost', code: 'put-denied', text: 'the owner object cannot be written (No space left on device)' },
  ],
  ['403 after a doubt proves nothing', { put: answered(403, 'AccessDenied'), doubt: true }, { do: 'repeat' }],
  ['412 asks who it was', { put: conflict }, { do: 'get' }],
  ['412, and the object has my write, is success', { put: conflict, owner: found(mine) }, { do: 'done' }],
  ['412, and it has another write, is lost', { put: conflict, owner: found(owner()) }, { do: 'lost' }],
  [
    '412 of a CLAIM, and it has my path with a later write, is success',
    { put: conflict, owner: found({ ...mine, write: 'later' }), claims: true },
    { do: 'done' },
  ],
  [
    '412 of anything else, and it has my path with another write, is lost',
    { put: conflict, owner: found({ ...mine, write: 'later' }) },
    { do: 'lost' },
  ],
  ['412 and no answer to the GET asks again', { put: conflict, owner: noAnswer(7, 'refused') }, { do: 'get' }],
  [
    '412 and no answer to the GET until the deadline is unknown',
    { put: conflict, owner: noAnswer(7, 'refused'), late: true },
    { do: 'unknown' },
  ],
  ['412 and garbage in its place is lost', { put: conflict, owner: found('<html>') }, { do: 'lost' }],
])('%s', async (_, facts, decision) => {
  expect(await put(facts)).toMatchObject(decision)
})
