import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

const program = path.resolve(import.meta.dirname, '../../../templates/host/aside.sh')
const files = ['notes.db', 'notes.db-wal', 'notes.db-shm', 'notes.db-journal', '.notes.db-litestream']
let folder: string
let data: string
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'streamside-aside-'))
  data = path.join(folder, 'data')
  mkdirSync(path.join(data, '.notes.db-litestream'), { recursive: true })
  mkdirSync(path.join(folder, 'elsewhere'))
  writeFileSync(path.join(data, 'notes.db'), 'rows')
  writeFileSync(path.join(data, 'notes.db-wal'), 'wal')
})
afterEach(() => rmSync(folder, { recursive: true }))

function putAside(target = '.streamside-aside/20261121T100000Z'): void {
  const answer = spawnSync('dash', [program, target, path.join(data, 'notes.db'), ...files], { encoding: 'utf8' })
  expect([answer.status, answer.stderr]).toEqual([0, expect.not.stringMatching(/cannot|No such/)])
}
const list = (...names: string[]): string[] => readdirSync(path.join(data, ...names)).sort()
const stamp = ['.streamside-aside', '20261121T100000Z']

describe('what belongs to a database', () => {
  test('is put aside together, and nothing is left in its place', () => {
    putAside()
    expect(list(...stamp)).toEqual(['.notes.db-litestream', 'notes.db', 'notes.db-wal'])
    expect(list()).toEqual(['.streamside-aside'])
  })

  test('takes the place of nothing that was put aside in the same second', () => {
    putAside()
    writeFileSync(path.join(data, 'notes.db'), 'rows of later')
    putAside()
    const kept = list(...stamp).filter((name) => name.startsWith('notes.db') && !name.startsWith('notes.db-'))
    expect(kept.map((name) => readFileSync(path.join(data, ...stamp, name), 'utf8')).sort()).toEqual([
      'rows',
      'rows of later',
    ])
  })

  test('leaves no empty folder where there is nothing', () => {
    rmSync(data, { recursive: true })
    mkdirSync(data)
    putAside()
    expect(list()).toEqual([])
  })

  test('is put aside though a file stands where the folder belongs', () => {
    writeFileSync(path.join(data, '.streamside-aside'), 'the app put this here')
    putAside()
    expect(list(...stamp)).toContain('notes.db')
    const taken = list().find((name) => name.includes('.taken-')) ?? ''
    expect(readFileSync(path.join(data, taken), 'utf8')).toBe('the app put this here')
  })

  test.each([
    ['in the place of the folder', '.streamside-aside'],
    ['below it', '.streamside-aside/20261121T100000Z'],
    ['in the place of the one that is thrown away', '.streamside-discarded'],
  ])('never follows a link out of its folder: %s', (_, name) => {
    mkdirSync(path.dirname(path.join(data, name)), { recursive: true })
    symlinkSync(path.join(folder, 'elsewhere'), path.join(data, name))
    putAside(name.startsWith('.streamside-aside') ? stamp.join('/') : name)
    expect(readdirSync(path.join(folder, 'elsewhere'))).toEqual([])
    expect(list(...(name.startsWith('.streamside-aside') ? stamp : [name]))).toContain('notes.db')
  })

  test('is put aside though it is a link that leads nowhere', () => {
    rmSync(path.join(data, 'notes.db'))
    symlinkSync('/nowhere', path.join(data, 'notes.db'))
    putAside()
    expect(list()).toEqual(['.streamside-aside'])
  })
})
