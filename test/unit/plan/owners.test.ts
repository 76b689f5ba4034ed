import { expect, test } from 'vitest'
import type { Resource } from '../../../src/desired/resources.ts'
import { appsWithoutOwner } from '../../../src/plan/owners.ts'
import { app } from '../inventory/made.ts'
import { asWanted, hostState } from './hosts.ts'

const config = { v: 1, app: 'notes', databases: [{ name: 'notes', path: 'data/notes.db' }], whenUnreachable: 'start' }
const gate = (content: string): Resource & { kind: 'file' } => ({
  kind: 'file',
  path: '/etc/streamside/apps/notes/gate.json',
  mode: '0600',
  owner: 'root',
  group: 'root',
  content,
})
const wanted = gate(JSON.stringify(config))
const state = hostState([app('notes', { databases: { notes: 'data/notes.db' } })], [wanted])

/** Those that are asked about when the file holds `content`; null: it is not there. */
function asked(content: string | null, claimed = true, code: string | null = null): string[] {
  const observed = asWanted(hostState(state.apps, content === null ? [] : [gate(content)]))
  const seen = observed.paths.get(wanted.path)
  if (seen?.type === 'file') seen.content = Buffer.from(content ?? '')
  observed.apps.set('notes', {
    ...observed.apps.get('notes')!,
    claimed,
    reason: code === null ? null : { time: '', code, text: '', next: '' },
  })
  return appsWithoutOwner(state, observed, new Set(content === wanted.content ? [] : [wanted]))
}

test('another policy for a start without the replica does not need the replica', () => {
  expect(asked(JSON.stringify({ ...config, whenUnreachable: 'wait' }))).toEqual([])
  expect(asked(JSON.stringify({ ...config, offlineLimitSeconds: 60 }))).toEqual([])
})

test('other databases, a file that is gone or damaged, and a host that holds no claim yet do', () => {
  expect(asked(JSON.stringify({ ...config, databases: [] }))).toEqual(['notes'])
  expect(asked(null)).toEqual(['notes'])
  expect(asked('{ damaged')).toEqual(['notes'])
  expect(asked(JSON.stringify({ ...config, whenUnreachable: 'wait' }), false)).toEqual(['notes'])
})

test('one that was laid by a run that was cut off before the owner object named its databases does, and one held back otherwise not', () => {
  const laid = String(wanted.content)
  expect(asked(laid)).toEqual([])
  expect(asked(laid, true, 'database-unknown')).toEqual(['notes'])
  expect(asked(laid, true, 'let-go')).toEqual(['notes'])
  expect(asked(laid, true, 'replica-timeout')).toEqual([])
})
