import { expect, test } from 'vitest'
import { boundariesOf, eventNamer, journalNamer, lineOf } from '../../campaign/boundaries.ts'

const event = (fields: object) => JSON.stringify({ v: 1, ...fields })

test('each line of a journal is a boundary, and the second of a name is another one', () => {
  const name = journalNamer()
  const lines = ['step\tpackages\tjq', 'made\t3', 'step\tstart\ta.service', 'step\tstart\tb.service', 'end\t0']
  expect(lines.map((line) => name(line, 'one')?.id)).toEqual([
    'apply:packages.began',
    'apply:made-3',
    'apply:start.began',
    'apply:start.began#2',
    'apply:end',
  ])
  expect(name('a kind that is not known yet', 'one')).toBe(null)
})

test('names are counted for each host by itself', () => {
  const name = journalNamer()
  expect(name('step\tfiles\t', 'one')).toEqual({ id: 'apply:files.began', host: 'one' })
  expect(name('step\tfiles\t', 'two')).toEqual({ id: 'apply:files.began', host: 'two' })
})

test('of the events those are boundaries that the operator has made', () => {
  const name = eventNamer()
  expect(name(event({ type: 'run-started' }), null)).toEqual({ id: 'run:run-started', host: null })
  expect(name(event({ type: 'host-step', host: 'one', step: 'upload' }), null)).toEqual({
    id: 'run:upload',
    host: 'one',
  })
  expect(name(event({ type: 'change', host: 'one', change: { kind: 'owner' } }), null)?.id).toBe('run:owner')
  expect(name(event({ type: 'change', host: 'one', change: { kind: 'file' } }), null)).toBe(null)
  expect(name('something that is no event', null)).toBe(null)
})

test('what the operator only repeats of the journal is no boundary of its own; a long step has a moment within', () => {
  const marks = [
    { id: 'run:upload', host: 'one', at: 0 },
    { id: 'apply:files.began', host: 'one', at: 100 },
    { id: 'run:files', host: 'one', at: 130 },
    { id: 'apply:end', host: 'one', at: 1100 },
  ]
  const boundaries = boundariesOf(marks, () => 0.5)
  expect(boundaries).toEqual([
    { id: 'run:upload', host: 'one', afterMs: 0 },
    { id: 'apply:files.began', host: 'one', afterMs: 0 },
    { id: 'apply:files.began~within', host: 'one', afterMs: 500 },
    { id: 'apply:end', host: 'one', afterMs: 0 },
  ])
  expect(boundaries.map(lineOf)).toEqual(['run:upload', 'apply:files.began', 'apply:files.began', 'apply:end'])
})
