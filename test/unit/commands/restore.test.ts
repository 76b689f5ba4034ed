import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { expect, test } from 'vitest'
import { inventoryWith, folderWith, keys, notes } from '../inventory/workspace.ts'

const bin = path.resolve(import.meta.dirname, '../../../src/bin.ts')

function restore(args: string[], cwd = '/'): { status: number | null; said: string } {
  const env = { ...process.env, ...keys, NO_COLOR: '1', COLUMNS: '200' }
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, 'restore', ...args], {
    cwd,
    env,
    encoding: 'utf8',
    timeout: 60_000,
  })
  return { status, said: stdout + stderr }
}

test.for([['--from', 'nas']])('restore HOST %s is said not to be there yet, and nothing is looked at', (option) => {
  const { status, said } = restore(['pi-attic', ...option])
  expect([status, said]).toEqual([2, expect.stringContaining(`running streamside restore ${option[0]}`)])
  expect(said).toContain('not-supported-yet')
})

test('restore wants one host of the inventory, and a fingerprint as ssh-keygen prints it', async () => {
  const cwd = await folderWith({ 'inventory.yaml': inventoryWith(), 'dist/serve': '' })
  const unknown = restore(['pi-attc', '--yes'], cwd)
  expect([unknown.status, unknown.said]).toEqual([2, expect.stringContaining('did you mean pi-attic?')])
  expect(restore([]).status).toBe(2)
  expect(restore(['pi-attic', 'pi-cellar']).status).toBe(2)
  const wrong = restore(['pi-attic', '--host-key', 'MD5:00:11'])
  expect([wrong.status, wrong.said]).toEqual([2, expect.stringContaining('SHA256: and 43 characters')])
})

test('restore --help shows what it does, with examples, and nothing that is not there yet', () => {
  const { status, said } = restore(['--help'])
  expect(status).toBe(0)
  expect(said).toContain('streamside restore pi-attic --dry-run')
  expect(said).toContain('--discard-local')
  expect(said).toContain('--to-file')
  expect(said).not.toContain('--from')
})

test('an app that cannot be restored there, and a point of which it is not said whose it is, are refused before anything is looked at', async () => {
  const more = `${notes}  wiki:
    host: pi-attic
    release: { from: ./dist, command: ./serve }
    database: data/wiki.db
  page:
    host: pi-attic
    release: { from: ./dist, command: ./serve }
`
  const cwd = await folderWith({ 'inventory.yaml': inventoryWith(more), 'dist/serve': '' })
  expect(restore(['pi-cellar', '--yes', '--app', 'notes'], cwd)).toMatchObject({
    status: 2,
    said: expect.stringContaining('the inventory has it on pi-attic'),
  })
  expect(restore(['pi-attic', '--yes', '--app', 'page'], cwd).said).toContain('it has no database in the inventory')
  expect(restore(['pi-attic', '--yes', '--app', 'note'], cwd).said).toContain('did you mean notes?')
  expect(restore(['pi-attic', '--yes', '--txid', '1f'], cwd).said).toContain('this is about 2 (notes, wiki)')
  expect(restore(['pi-attic', '--at', '2h', '--txid', '1f'], cwd)).toMatchObject({ status: 2 })
})

test('where a copy goes is judged before a host is asked: it is one file of one app, in a folder that is there, and none that exists', async () => {
  const more = `${notes}  wiki:
    host: pi-attic
    release: { from: ./dist, command: ./serve }
    databases: { main: data/wiki.db, log: data/log.db }
`
  const cwd = await folderWith({
    'inventory.yaml': inventoryWith(more),
    'dist/serve': '',
    'there.db': '',
    'out/wiki-log.db': '',
  })
  const copy = (...args: string[]) => restore(['pi-attic', ...args], cwd)
  expect(copy('--to-file', 'new.db')).toMatchObject({ status: 2, said: expect.stringContaining("a file is one app's") })
  const wiki = (...args: string[]) => copy('--app', 'wiki', ...args)
  expect(wiki('--to-file', 'new.db').said).toContain('wiki has 2 databases (main, log)')
  expect(wiki('--to-file', 'out')).toMatchObject({
    status: 2,
    said: expect.stringContaining('out/wiki-log.db already'),
  })
  expect(wiki('--to-file', 'nowhere/').said).toContain('there is no folder nowhere/')
  expect(wiki('--to-file', 'there.db', '--txid', 'main=1').said).toContain('file-exists')
  expect(copy('--app', 'notes', '--to-file', 'nowhere/new.db').said).toContain('there is no folder nowhere')
  expect(copy('--app', 'notes', '--to-file', 'new.db', '--discard-local').status).toBe(2)
})
