import { describe, expect, test } from 'vitest'
import { loggingResources } from '../../../src/desired/logging.ts'
import type { FileResource } from '../../../src/desired/resources.ts'
import { allowedSenders } from '../../../src/desired/senders.ts'
import type { Inventory, Logs } from '../../../src/inventory/model.ts'
import { Secret } from '../../../src/inventory/secret.ts'
import { app, host, loggingSite } from '../inventory/made.ts'

const addresses = { one: ['10.0.0.1'], two: ['10.0.0.2', 'fd00::2'], three: ['172.16.0.3'] }

function site(more: Partial<Logs> = {}): Inventory {
  const servers: Logs['servers'] = [
    { kind: 'host', host: 'one' },
    { kind: 'host', host: 'two' },
    { kind: 'address', address: 'fd00::9', port: 6000 },
  ]
  const inventory = loggingSite(['one', 'two', 'three'], { servers, addresses, ...more })
  return { ...inventory, apps: { notes: app('notes', { hosts: ['three'] }) } }
}

const filesOf = (inventory: Inventory, name: string) =>
  new Map(
    loggingResources(inventory, inventory.hosts[name] ?? host)
      .filter((resource): resource is FileResource => resource.kind === 'file')
      .map((file) => [file.path, String(file.content)]),
  )
const client = '/etc/rsyslog.d/10-streamside.conf'
const server = '/etc/rsyslog.d/05-streamside-server.conf'

describe('what a host forwards', () => {
  test('goes to every log server but itself, each by an action and a queue of its own', () => {
    const text = filesOf(site(), 'one').get(client) ?? ''
    expect([...text.matchAll(/target="([^"]+)" port="(\d+)"/g)].map(([, ...rest]) => rest)).toEqual([
      ['10.0.0.2', '514'],
      ['fd00::9', '6000'],
    ])
    expect([...text.matchAll(/queue\.filename="([^"]+)"/g)].map(([, name]) => name)).toEqual([
      'streamside-to-two',
      'streamside-to-fd00__9_6000',
    ])
    expect(
      filesOf(site(), 'three')
        .get(client)
        ?.match(/type="omfwd"/g),
    ).toHaveLength(3)
  })

  test('is told by its input and never by an address', () => {
    const text = filesOf(site(), 'three').get(client) ?? ''
    expect(text).toContain('if $inputname == ["imuxsock", "imklog", "imjournal", "rsyslogd"] then {')
    expect(text).not.toContain('fromhost')
  })

  test('is synced to the card before it is sent when it is to be durable, and only then', () => {
    const durable = 'queue.type="Disk" queue.checkpointInterval="1" queue.syncQueueFiles="on"'
    expect(filesOf(site(), 'three').get(client)).toContain(durable)
    const light = filesOf(site({ queue: 'light' }), 'three').get(client) ?? ''
    expect(light).not.toContain(durable)
    expect(light).toContain('queue.saveOnShutdown="on"')
  })

  test('waits in files of which a full queue has several, or its room would never come back', () => {
    const sizes = (queueBytes: number, queue: Logs['queue']) =>
      [...(filesOf(site({ queueBytes, queue }), 'one').get(client) ?? '').matchAll(/queue\.maxFileSize="(\d+)"/g)].map(
        ([, bytes]) => Number(bytes),
      )
    for (const queue of ['light', 'durable'] as const) {
      expect(sizes(2 ** 20, queue)).toEqual([104_857, 104_857])
      expect(sizes(64 * 2 ** 20, queue)).toEqual([2 ** 20, 2 ** 20])
    }
  })

  test('is nothing on a site whose one log server this host is', () => {
    const files = filesOf(site({ servers: [{ kind: 'host', host: 'one' }] }), 'one')
    expect([...files.keys()]).not.toContain(client)
    expect([...files.keys()]).toContain(server)
  })
})

describe('a log server', () => {
  test('knows hosts by their addresses, apps by their units’ names, and listens on its own address', () => {
    const files = filesOf(site(), 'two')
    const table = (name: string) => JSON.parse(files.get(`/etc/rsyslog.d/streamside/${name}.json`) ?? '') as object
    expect(table('hosts')).toMatchObject({
      nomatch: '_unknown',
      table: [
        { index: '10.0.0.1', value: 'one' },
        { index: '10.0.0.2', value: 'two' },
        { index: '172.16.0.3', value: 'three' },
        { index: 'fd00::2', value: 'two' },
      ],
    })
    expect(table('programs')).toMatchObject({
      nomatch: 'messages',
      table: ['notes', 'notes-check', 'notes-gate', 'notes-litestream'].map((index) => ({ index, value: 'notes' })),
    })
    expect(files.get(server)).toContain('address="10.0.0.2" port="514"')
    expect([...filesOf(site(), 'three').keys()]).not.toContain(server)
  })

  test('knows an adopted service by the names that it logs by, on its own hosts', () => {
    const inventory = site()
    const service = { unit: 'pdns.service', package: null, from: null, user: null, logsAs: ['pdns_server'] }
    inventory.apps['names'] = app('names', { hosts: ['three', 'one'], release: null, service })
    inventory.apps['jobs'] = app('jobs', {
      hosts: ['three'],
      release: null,
      service: { ...service, unit: 'jobs@1.service', logsAs: [] },
    })
    const text = filesOf(inventory, 'two').get('/etc/rsyslog.d/streamside/programs.json') ?? ''
    const { table } = JSON.parse(text) as { table: { index: string; value: string }[] }
    expect(table.filter(({ index }) => index.includes('/'))).toEqual(
      ['one/pdns', 'one/pdns_server', 'three/pdns', 'three/pdns_server'].map((index) => ({ index, value: 'names' })),
    )
  })

  test('takes lines from the network that is stated, or from around it and from every host', () => {
    const { logs } = site()
    if (!logs) throw new Error('no logs')
    expect(allowedSenders(logs, '10.0.0.2')).toEqual(['10.0.0.0/24', '172.16.0.3/32', '[fd00::2]/128'])
    expect(allowedSenders({ ...logs, networks: ['192.168.0.0/16', 'fd00::/8'] }, '10.0.0.2')).toEqual([
      '192.168.0.0/16',
      '[fd00::]/8',
    ])
  })

  test('has files small enough that its share holds those of many hosts', () => {
    expect(filesOf(site({ share: { bytes: 16 * 2 ** 20 } }), 'two').get('/etc/streamside/logs')).toBe(
      'size 262144\nshare 16777216\nkeep 30\n',
    )
    expect(filesOf(site({ share: { percent: 10 } }), 'two').get('/etc/streamside/logs')).toBe(
      'size 4194304\nshare 10%\nkeep 30\n',
    )
  })
})

describe('over TLS', () => {
  const certificates = {
    authority: 'PEM of the authority',
    hosts: { one: { certificate: 'PEM of one', key: new Secret('log key of one', 'KEY OF ONE') } },
  }
  const tls = site({ transport: 'tls', port: 6514, certificates })

  test('a server must bear its name, and a client shows its certificate when it has one', () => {
    const text = filesOf(tls, 'one').get(client) ?? ''
    expect([...text.matchAll(/PermittedPeers="([^"]+)"/g)].map(([, name]) => name)).toEqual(['two', 'fd00::9'])
    expect(text.match(/StreamDriverMode="1" StreamDriverAuthMode="x509\/name"/g)).toHaveLength(2)
    expect(text).toContain('StreamDriver.CertFile="/etc/rsyslog.d/streamside/host.pem"')
    expect(filesOf(tls, 'three').get(client)).not.toContain('CertFile')
    expect(filesOf(tls, 'one').get(server)).toContain('StreamDriver.AuthMode="x509/certvalid"')
  })

  test('a host’s key is root’s, never shown, and something that rsyslog restarts for', () => {
    const resources = loggingResources(tls, tls.hosts['one'] ?? host)
    const key = resources.find((resource) => 'path' in resource && resource.path.endsWith('/host.key'))
    expect(key).toMatchObject({ mode: '0600', owner: 'root', content: 'KEY OF ONE', opaque: true })
    const unit = resources.find((resource) => resource.kind === 'unit' && resource.name === 'rsyslog.service')
    expect(unit?.kind === 'unit' && unit.runsFrom).toContain('/etc/rsyslog.d/streamside/host.key')
    expect(resources).toContainEqual({ kind: 'package', name: 'rsyslog-openssl' })
    expect(JSON.stringify(tls)).not.toContain('KEY OF ONE')
  })
})

test('without servers only the journal is set up, and rsyslog is not even installed', () => {
  const resources = loggingResources(site({ servers: [] }), host)
  expect(resources.map((resource) => ('path' in resource ? resource.path : resource.name))).toEqual([
    '/etc/systemd/journald.conf.d/99-streamside.conf',
    'systemd-journald.service',
  ])
  const { logs: _, ...without } = site()
  expect(loggingResources(without, host)).toEqual([])
})
