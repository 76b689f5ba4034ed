import { describe, expect, test } from 'vitest'
import { copyChain, importedPath, lookAtPlain, usualPaths } from '../../../src/replica/plain-replica.ts'
import type { DataStore } from '../../../src/replica/store.ts'

const at = (id: number): string => id.toString(16).padStart(16, '0')
const file = (level: number, from: number, to: number): string =>
  `${level.toString(16).padStart(4, '0')}/${at(from)}-${at(to)}.ltx`

/** A bucket of keys; what is copied is written down. */
function bucket(keys: string[], gone: string[] = []) {
  const all = new Set(keys)
  const copied: string[] = []
  const store = {
    where: 'bucket lab',
    list: async (prefix: string, limit: number) => [...all].filter((key) => key.startsWith(prefix)).slice(0, limit),
    written: async (prefix: string) =>
      [...all].filter((key) => key.startsWith(prefix)).map((key, index) => ({ key, at: 1000 * index })),
    copy: async (from: string, to: string) => {
      if (gone.includes(from)) return false
      all.add(to)
      copied.push(from)
      return true
    },
  } as unknown as DataStore
  return { store, copied, all }
}

describe('a replica that a plain Litestream has written', () => {
  test('is known by its files, and by nothing else that lies there', async () => {
    const { store } = bucket([
      `old/${file(9, 1, 4)}`,
      `old/${file(0, 5, 5)}`,
      'old/readme.txt',
      `old/other/${file(0, 1, 9)}`,
    ])
    expect(await lookAtPlain(store, 'old')).toMatchObject({ format: 'ltx', newest: { txid: at(5) } })
    expect(await lookAtPlain(store, 'older')).toMatchObject({ format: 'none', newest: null })
  })

  test('of Litestream 0.3 is told apart', async () => {
    const { store } = bucket(['old/generations/0738bc91ab17f029/snapshots/00000000.snapshot.lz4'])
    expect(await lookAtPlain(store, 'old')).toMatchObject({ format: 'generations', newest: null })
  })

  test('is copied once, and what its writer took away meanwhile is left out', async () => {
    const keys = [`old/${file(9, 1, 4)}`, `old/${file(0, 5, 5)}`, `old/${file(0, 6, 6)}`]
    const { store, copied, all } = bucket([...keys, `new/${file(9, 1, 4)}`], [`old/${file(0, 6, 6)}`])
    expect(await copyChain(store, 'old', 'new')).toBe(1)
    expect(copied).toEqual([`old/${file(0, 5, 5)}`])
    expect([...all].filter((key) => key.startsWith('new/'))).toHaveLength(2)
    expect(await copyChain(store, 'old', 'new')).toBe(0)
  })
})

test('the usual places are those of the file, the app and both, below the prefix first', () => {
  const app = { name: 'notes', databases: { main: '/var/lib/notes/data/notes.db' } }
  expect(usualPaths(app, 'main', 'home')).toEqual(
    expect.arrayContaining(['home/notes', 'notes', 'notes.db', 'notes/main', 'var/lib/notes/data/notes.db']),
  )
  expect(usualPaths(app, 'main', 'home')[0]).toBe('home/notes')
  const two = { name: 'notes', databases: { main: '/var/lib/notes/a.db', log: '/var/lib/notes/b.db' } }
  expect(usualPaths(two, 'main', '')).not.toContain('notes')
})

test('the copy of the same places has the same path, in whatever order they are named', () => {
  expect(importedPath({ a: 'x', b: 'y' })).toBe(importedPath({ b: 'y', a: 'x' }))
  expect(importedPath({ a: 'x', b: 'y' })).not.toBe(importedPath({ a: 'y', b: 'x' }))
  expect(importedPath({ a: 'x' })).toMatch(/^e0000-[0-9a-f]{8}$/)
})
