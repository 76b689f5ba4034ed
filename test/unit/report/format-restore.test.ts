import { expect, test } from 'vitest'
import { formatRestored, formatSource } from '../../../src/report/format-restore.ts'

const at = '2026-11-21T10:00:03.000Z'
const now = Date.parse(at) + 4 * 60_000
const source = {
  type: 'restore-source',
  host: 'attic',
  app: 'gotify',
  action: 'take-over',
  epoch: 3,
  holder: { host: 'attic', id: 'ab12'.repeat(16) },
  path: 'e0003-0a1b2c3d',
  databases: [
    { name: 'main', proven: '0000000000000010', newest: '000000000000001f', writtenAt: at },
    { name: 'log', proven: null, newest: null, writtenAt: null },
  ],
  discarded: [],
} as const
const told = (changes: Partial<Omit<Parameters<typeof formatSource>[0], 'type'>> = {}) =>
  formatSource({ ...source, databases: [...source.databases], discarded: [], ...changes }, now)

test('what would be taken over: from whom, from where, how far the replica has it, and since when', () => {
  expect(told().split('\n')).toEqual([
    'attic gotify: taken over (held by attic, machine ab12ab12ab12…, epoch 3)',
    '  main  from e0003-0a1b2c3d: up to transaction 1f, uploaded 2026-11-21 10:00:03 UTC (4 min ago), proven up to 10',
    '  log  from e0003-0a1b2c3d: nothing that could be listed',
  ])
  expect(told({ holder: null })).toContain('nobody holds it')
  expect(told({ discarded: ['main'] })).toMatch(/\n {2}main {2}what lies here is kept in .streamside-aside beside it$/)
  expect(told({ path: null, databases: [] })).toContain('it begins anew')
})

test('nothing to restore is said with its reason', () => {
  expect(told({ action: 'here' })).toBe("attic gotify: nothing to restore, it is this machine's own")
  expect(told({ action: 'other', epoch: null })).toBe('attic gotify: nothing to restore, the replica has nothing of it')
  expect(told({ action: 'going-on' })).toContain('its restore goes on')
})

test('what has come back says only what was measured', () => {
  const restored = { type: 'restored', host: 'attic', app: 'gotify', epoch: 4, path: 'e0004-00000000' } as const
  const databases = [
    { name: 'main', txid: '000000000000001f', ageSeconds: 65 },
    { name: 'log', txid: '0000000000000002', ageSeconds: null },
  ]
  expect(formatRestored({ ...restored, databases, secondsToHealthy: 21.4 }).split('\n')).toEqual([
    'attic gotify: restored and proven, under e0004-00000000 (epoch 4), healthy 21 s after the start of the command',
    '  main  restored to transaction 1f, which had been uploaded 65 s before this restore',
    '  log  restored to transaction 2',
  ])
  expect(formatRestored({ ...restored, databases: [] })).not.toContain('healthy')
})
