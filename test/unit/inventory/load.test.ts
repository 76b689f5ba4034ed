import { plainCard } from '../../../src/inventory/cards.ts'
import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { loadInventory } from '../../../src/inventory/load.ts'
import { instanceName } from '../../../src/inventory/model.ts'
import { Secret } from '../../../src/inventory/secret.ts'
import { folderWith, inventoryWith, keys, loadText, mistakesOf } from './workspace.ts'

const repository = new URL('../../../', import.meta.url).pathname

test('the example inventory/home.yaml is sound, its apps lie beside it', async () => {
  const env = { ...keys, NOTES_TOKEN: 'token', LINKDING_PASSWORD: 'password' }
  const { inventory, warnings } = await loadInventory('inventory/home.yaml', { cwd: repository, env })
  expect(warnings).toEqual([])
  expect(Object.keys(inventory.apps)).toEqual(['notes', 'guestbook', 'menu', 'traffic', 'linkding'])
  expect(Object.keys(inventory.hosts)).toEqual(['pi-attic', 'pi-cellar', 'pi-shed'])
  expect(inventory.logs?.servers).toHaveLength(2)
  expect(inventory.apps['linkding']).toMatchObject({
    packages: ['podman', 'ca-certificates'],
    service: { user: 'www-data' },
  })
  expect(inventory.apps['menu']).toMatchObject({ instancePerHost: true, replica: null, databases: {} })
  expect(inventory.apps['guestbook']?.storage).toEqual({ kind: 'ephemeral', sizeBytes: 64 * 1024 ** 2 })
})

test('defaults are filled in, paths are absolute, durations seconds', async () => {
  const { inventory } = await loadText(inventoryWith())
  expect(inventory).toMatchObject({
    site: 'home',
    ssh: { config: null, knownHosts: null },
    litestream: { version: '0.5.17', from: null },
  })
  expect(inventory.hosts['pi-attic']).toEqual({
    name: 'pi-attic',
    address: '192.168.1.21',
    port: null,
    user: 'pi',
    tags: ['shop'],
    sudoPassword: null,
    card: plainCard('pi-attic'),
  })
  expect(inventory.replicas['nas']).toMatchObject({
    endpoint: 'https://nas.lan:9000',
    region: 'us-east-1',
    prefix: 'home',
    ca: null,
    ownership: 'conditional',
  })
  expect(inventory.apps['notes']).toMatchObject({
    hosts: ['pi-attic'],
    instancePerHost: false,
    release: {
      from: { all: { kind: 'path', path: `${inventory.root}/dist` } },
      command: ['./serve'],
      workingDirectory: 'state',
      keep: 5,
    },
    databases: { main: '/var/lib/notes/data/notes.db' },
    replica: 'nas',
    litestream: {
      syncIntervalSeconds: 1,
      retentionSeconds: 604_800,
      snapshotIntervalSeconds: 86_400,
      metricsPort: null,
    },
    storage: { kind: 'persistent' },
    whenReplicaUnreachable: 'start',
    offlineLimitSeconds: 86_400,
    health: null,
    was: null,
    sandbox: { memoryDenyWriteExecute: false },
  })
})

test('everything an app may say arrives in the model', async () => {
  const { inventory } = await loadText(
    inventoryWith(`  wiki:
    hosts: [pi-attic, pi-cellar]
    release:
      from: { arm64: { url: "https://example.org/w.tgz", sha256: ${'AB'.repeat(32)} }, amd64: { path: /srv/w } }
      command: ["./w", "a b", "$HOME"]
      working-directory: release
      keep: 3
    packages: [tzdata, tzdata]
    environment: { TOKEN: !secret nas-key, LEVEL: 3, ON: true, LINES: "a\\nb", EMPTY: "" }
    files: { /etc/wiki/wiki.conf: { from: ./w.conf, mode: "644", template: false } }
    databases: { main: wiki.db, search: /srv/search.db }
    litestream: { sync-interval: 10s, retention: 30d, snapshot-interval: 12h, metrics: 9101 }
    storage: persistent
    when-replica-unreachable: wait
    restart: prove
    unprotected: [images]
    health: { command: "./w check 'a b'", within: 2m }
    sandbox: { deny-write-execute: true }
`),
  )
  const app = inventory.apps['wiki']
  expect(app).toMatchObject({
    hosts: ['pi-attic', 'pi-cellar'],
    instancePerHost: true,
    release: {
      from: {
        arm64: { kind: 'url', url: 'https://example.org/w.tgz', sha256: 'ab'.repeat(32) },
        amd64: { kind: 'path', path: '/srv/w' },
      },
      command: ['./w', 'a b', '$HOME'],
      workingDirectory: 'release',
      keep: 3,
    },
    packages: ['tzdata'],
    files: { '/etc/wiki/wiki.conf': { from: `${inventory.root}/w.conf`, mode: '0644', template: false } },
    databases: { main: '/var/lib/wiki/wiki.db', search: '/srv/search.db' },
    litestream: {
      syncIntervalSeconds: 10,
      retentionSeconds: 2_592_000,
      snapshotIntervalSeconds: 43_200,
      metricsPort: 9101,
    },
    whenReplicaUnreachable: 'wait',
    restart: 'prove',
    unprotected: ['images'],
    health: { kind: 'command', command: ['./w', 'check', 'a b'], withinSeconds: 120 },
    was: null,
    sandbox: { memoryDenyWriteExecute: true },
  })
  expect(app?.environment).toMatchObject({ LEVEL: '3', ON: 'true', LINES: 'a\nb', EMPTY: '' })
  expect(app?.environment['TOKEN']).toBeInstanceOf(Secret)
  expect(app && instanceName(app, 'pi-attic')).toBe('wiki@pi-attic')
})

test('an app may be called like something every object has', async () => {
  const { inventory } = await loadText(inventoryWith().replaceAll('notes', 'constructor'))
  expect(inventory.apps['constructor']?.name).toBe('constructor')
  expect(inventory.apps['toString']).toBeUndefined()
})

test('the files of a folder are read as one, and secrets files are no part of it', async () => {
  const [top, apps] = inventoryWith().split('apps:\n')
  const folder = await folderWith({
    'inventory/site.yaml': top ?? '',
    'inventory/apps.yml': `version: 1\napps:\n${apps}`,
    'inventory/more-hosts.yaml': 'hosts: { pi-shed: { address: 192.168.1.23 } }\n',
    'inventory/secrets.yaml': `nas-key: k\nnas-secret: s\n`,
    'inventory/.hidden.yaml': 'nonsense: 1\n',
    'inventory/notes.md': 'nonsense\n',
  })
  const { inventory } = await loadInventory('inventory', { cwd: folder, env: {}, skipLocalFiles: true })
  expect(Object.keys(inventory.hosts).toSorted()).toEqual(['pi-attic', 'pi-cellar', 'pi-shed'])
  expect(Object.keys(inventory.apps)).toEqual(['notes'])
  expect(inventory.files.map((file) => file.slice(folder.length))).toEqual([
    '/inventory/apps.yml',
    '/inventory/more-hosts.yaml',
    '/inventory/site.yaml',
  ])
  const { nas } = inventory.replicas
  expect(nas?.type === 's3' && nas.accessKeyId.reveal()).toBe('k')
})

test('what stands in two files of a folder is a mistake that names both places', async () => {
  const folder = await folderWith({
    'a.yaml': inventoryWith(),
    'b.yaml': 'site: other\nhosts:\n  pi-attic: { address: 192.168.1.99 }\n',
  })
  const mistakes = await mistakesOf(loadInventory('.', { cwd: folder, env: keys, skipLocalFiles: true }))
  expect(mistakes.map(({ file, line, path, message }) => [file, line, path, message])).toEqual([
    ['b.yaml', 1, 'site', 'already stands in a.yaml:2'],
    ['b.yaml', 3, 'hosts.pi-attic', 'already stands in a.yaml:8'],
  ])
  expect(mistakes[0]?.hint).toContain('--inventory FILE')
})

test('anchors, aliases and merge keys mean what they mean in YAML', async () => {
  const { inventory } = await loadText(
    inventoryWith(`  notes: &app
    host: pi-attic
    release: &release { from: ./dist, command: ./serve }
    port: 8080
  wiki:
    <<: *app
    release: { <<: *release, keep: 9 }
    port: 8081
`),
  )
  expect(inventory.apps['wiki']).toMatchObject({
    hosts: ['pi-attic'],
    port: 8081,
    release: { keep: 9, command: ['./serve'] },
  })
})

test('a path that does not exist is named, whether given or looked for', async () => {
  const folder = await folderWith({})
  const [mistake] = await mistakesOf(loadInventory('nowhere.yaml', { cwd: folder }))
  expect(mistake).toMatchObject({
    file: 'nowhere.yaml',
    line: 1,
    column: 1,
    message: 'there is no such file or folder',
  })
  const [empty] = await mistakesOf(loadInventory('.', { cwd: folder }))
  expect(empty?.message).toBe('a folder without *.yaml files')
})

test('releases, files and certificates of this machine are looked at, unless told not to', async () => {
  const text = inventoryWith(`  notes:
    host: pi-attic
    release: { from: { amd64: ./dist, arm64: ./gone }, command: ./serve }
    files: { a.conf: { from: ./gone.conf }, b.conf: { from: ./dist } }
  self:
    host: pi-attic
    release: { from: ., command: ./serve }
`).replace('prefix: home,', 'prefix: home, ca: ./ca.pem,')
  const key = await readFile(new URL(import.meta.url), 'utf8')
  const folder = await folderWith({ 'home.yaml': text, 'dist/serve': '', 'ca.pem': key.replaceAll('CERTIFICATE', 'x') })
  const mistakes = await mistakesOf(loadInventory('home.yaml', { cwd: folder, env: keys }))
  expect(mistakes.map(({ path, message }) => [path, message])).toEqual([
    ['replicas.nas.ca', 'holds no certificate in PEM form'],
    ['apps.notes.release.from.arm64', 'there is no such file on this machine'],
    ['apps.notes.files."a.conf".from', 'there is no such file on this machine'],
    ['apps.notes.files."b.conf".from', 'is not a file'],
    ['apps.self.release.from', 'holds the inventory itself, with its secrets'],
  ])
  await loadInventory('home.yaml', { cwd: folder, env: keys, skipLocalFiles: true })
})
