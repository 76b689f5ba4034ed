import { describe, expect, test } from 'vitest'
import { loadInventory } from '../../../src/inventory/load.ts'
import { folderWith, inventoryWith, keys, loadText, mistakesOf } from './workspace.ts'
import { top } from './mistake-cases.ts'

/** Every mistake of a document, as `line: path: what begins the message`. */
async function allIn(document: string): Promise<string[]> {
  const mistakes = await mistakesOf(loadText(document))
  return mistakes.map(({ line, path, message }) => `${line}: ${path}: ${message.split(/[;:,]/)[0]}`)
}

describe('what is wrong with the YAML hides nothing else', () => {
  test('a key that stands twice', async () => {
    expect(await allIn(top('port: 8080', 'port: 8080\n    port: 1').replace('host: pi-attic', 'hots: x'))).toEqual([
      '11: apps.notes: runs nowhere',
      '12: apps.notes.hots: unknown key',
      '15: apps.notes.port: this key stands here a second time',
    ])
  })

  test('an alias of nothing, of which nothing else is said', async () => {
    expect(await allIn(top('port: 8080', 'port: *nothing').replace('data/notes.db', 'data/'))).toEqual([
      '14: apps.notes.port: no anchor &nothing stands above this alias',
      '15: apps.notes.database: names a folder',
    ])
  })

  test('hosts that are an alias of nothing: no app is told that its host is missing', async () => {
    const document = top(/hosts:\n.*\n.*\n/, 'hosts: *nothing\n').replace('8080', '0')
    expect(await allIn(document)).toEqual([
      '7: hosts: no anchor &nothing stands above this alias',
      '12: apps.notes.port: must be at least 1',
    ])
  })

  test('a second document', async () => {
    expect(await allIn(`${top('8080', '0')}---\nversion: 1\n`)).toEqual([
      '14: apps.notes.port: must be at least 1',
      '17: : a second YAML document begins here',
    ])
  })

  test('a mistake of syntax: what stands above it is read, and nothing below it is missed', async () => {
    const document = `${top('port: 8080', 'prot: 8080').replace('user: pi', 'user: Pi').replace('host: pi-attic', 'host: "pi-cellar"')}  wiki:\n\thost: x\n`
    expect(await allIn(document)).toEqual([
      '3: defaults.user: not a user name',
      '14: apps.notes.prot: unknown key',
      '17: : a tab where YAML wants spaces',
    ])
  })

  test('a file with a mistake of syntax hides of the others only what may stand in it', async () => {
    const cwd = await folderWith({
      'inventory/a.yaml': `${top('!secret nas-key', '!secret nowhere')}  web:
    host: pi-shop
    release: { from: ./dist, command: ./serve }
    port: 0
  wiki:
    release: { from: ./dist, command: ./serve }
    hosts: [pi-atic, pi-cellar, pi-cellar]
`,
      'inventory/b.yaml': 'hosts:\n  pi-shop: { address: "1.2.3.4"\n  pi-other: }\n',
    })
    const mistakes = await mistakesOf(loadInventory('inventory', { cwd, env: keys, skipLocalFiles: true }))
    expect(mistakes.map(({ file, path, message }) => `${file} ${path} ${message}`)).toEqual([
      'inventory/a.yaml replicas.nas.access-key-id no value for the secret nowhere',
      expect.stringContaining('inventory/a.yaml apps.web.port '),
      'inventory/a.yaml apps.wiki.hosts[0] no host is called pi-atic; did you mean pi-attic?',
      'inventory/a.yaml apps.wiki.hosts[2] pi-cellar is listed twice',
      expect.stringContaining('inventory/b.yaml'),
    ])
  })

  test('a mistake in one of the files of an app leaves the others their own', async () => {
    const cwd = await folderWith({
      'inventory.yaml': top(
        'port: 8080',
        'files:\n      a.yml: {}\n      b.yml: { from: ./nowhere }\n      ../c.yml: { from: ./there }\n      d.yml: { from: 7 }',
      ),
      there: '',
      'dist/serve': '',
    })
    const mistakes = await mistakesOf(loadInventory('inventory.yaml', { cwd, env: keys }))
    expect(mistakes.map(({ path }) => path)).toEqual([
      'apps.notes.files."a.yml".from',
      'apps.notes.files."b.yml".from',
      'apps.notes.files."../c.yml"',
      'apps.notes.files."d.yml".from',
    ])
  })

  test('a file of a folder that cannot be read at all', async () => {
    const cwd = await folderWith({
      'inventory/a.yaml': top('port: 8080', 'port: 0'),
      'inventory/b.yaml': 'hosts: { pi-shop: { address: "1.2.3.4" }\n',
      'inventory/c.yaml': 'apps: { \u0001 }\n',
    })
    const mistakes = await mistakesOf(loadInventory('inventory', { cwd, env: keys, skipLocalFiles: true }))
    expect(mistakes.map(({ file, line }) => `${file}:${line}`)).toEqual([
      'inventory/a.yaml:14',
      'inventory/b.yaml:2',
      'inventory/c.yaml:1',
    ])
  })
})

test('all mistakes come in one go, sorted by position, those behind a broken neighbour too', async () => {
  const mistakes = await mistakesOf(
    loadText(
      inventoryWith(`  notes:
    host: pi-atic
    release: { from: ./dist, command: [], keep: 0 }
    port: 0
    databases: { a: x.db, B: y.db, c: x.db }
    litestream: { retention: 1d, metrics: 80 }
  wiki: nothing
  web:
    hosts: [pi-attic, pi-cellr]
`).replace('version: 1', 'version: 3'),
    ),
  )
  expect(mistakes.map(({ line, path }) => `${line} ${path}`)).toEqual([
    '1 version',
    '12 apps.notes.host',
    '13 apps.notes.release.command',
    '13 apps.notes.release.keep',
    '14 apps.notes.port',
    '15 apps.notes.databases.B',
    '15 apps.notes.databases.c',
    '16 apps.notes.litestream.retention',
    '16 apps.notes.litestream.metrics',
    '17 apps.wiki',
    '18 apps.web',
    '19 apps.web.hosts[1]',
  ])
})
