import { describe, expect, test } from 'vitest'
import { describeMistake } from '../../../src/inventory/mistake.ts'
import { loadInventory } from '../../../src/inventory/load.ts'
import { folderWith, inventoryWith, keys, loadText, mistakesOf, notes } from './workspace.ts'

const app = (lines: string) =>
  inventoryWith(`  notes:\n    host: pi-attic\n    release: { from: ./dist, command: ./serve }\n    ${lines}\n`)
const top = (from: string | RegExp, to: string) => inventoryWith().replace(from, to)
const two = (first: string, second: string) =>
  inventoryWith(
    ['notes', 'wiki']
      .map(
        (name, index) =>
          `  ${name}:\n    host: pi-attic\n    release: { from: ./dist, command: ./serve }\n    ${[first, second][index]}\n`,
      )
      .join(''),
  )

/** The document, and the one mistake in it as `line:column: path: message`. */
const single: Record<string, [string, string]> = {
  'a misspelt key': [app('hots: x'), '14:5: apps.notes.hots: unknown key; did you mean host?'],
  'a misspelt key at the top': [
    top('site:', 'sites:').replace('version: 1', 'version: 1\nsite: home'),
    '3:1: sites: unknown key; did you mean site?',
  ],
  'a key of another place': [app('bucket: x'), '14:5: apps.notes.bucket: unknown key'],
  'a misspelt host': [
    top('host: pi-attic', 'host: pi-atic'),
    '12:11: apps.notes.host: no host is called pi-atic; did you mean pi-attic?',
  ],
  'a host that looks like no other': [
    top('host: pi-attic', 'host: zebra'),
    '12:11: apps.notes.host: no host is called zebra; there is pi-attic, pi-cellar',
  ],
  'a misspelt replica': [
    top('replica: nas', 'replica: nsa'),
    '3:32: defaults.replica: no replica is called nsa; did you mean nas?',
  ],
  'a database without a replica': [
    top(', replica: nas', ''),
    '15:5: apps.notes.database: no replica holds it: add replica to the app, or to defaults',
  ],
  'an app without a host': [
    top('    host: pi-attic\n', ''),
    '11:3: apps.notes: runs nowhere: give it a host (one writer) or hosts (a database on each)',
  ],
  'an app on a host twice': [
    top('host: pi-attic', 'hosts: [pi-attic, pi-attic]'),
    '12:23: apps.notes.hosts[1]: pi-attic is listed twice',
  ],
  'host and hosts': [app('hosts: [pi-cellar]'), '14:5: apps.notes.hosts: takes host or hosts, not both'],
  'nothing to run': [
    top(/ {4}release.*\n/, ''),
    '11:3: apps.notes: has nothing to run: give it a release, or a service',
  ],
  'a key that is not built yet': [app('drain: { unit: x }'), '14:5: apps.notes.drain: not yet supported'],
  'an app that was itself': [app('was: notes'), '14:10: apps.notes.was: the name that it has now'],
  'an app that had a name which none can have': [
    app('was: ../memos'),
    '14:10: apps.notes.was: no app can have had this name',
  ],
  'an app that was another one of the inventory': [
    top('apps:\n', 'apps:\n  memos: { host: pi-attic, release: { from: ./dist, command: ./serve }, was: notes }\n'),
    '11:78: apps.memos.was: notes is an app of this inventory',
  ],
  'an ephemeral app by another name': [
    top('    database:', '    was: memos\n    storage: { ephemeral: 64M }\n    database:'),
    '15:10: apps.notes.was: an app with ephemeral storage cannot be renamed: its files are gone once it has stopped',
  ],
  'a build that is not built yet': [
    top('command: ./serve', 'command: ./serve, build: make'),
    '13:48: apps.notes.release.build: not yet supported',
  ],
  'a directory that cannot be mounted on': [
    top('hosts:', '  share: { type: file, path: mnt/nas }\nhosts:'),
    '7:30: replicas.share.path: not a folder to mount on: an absolute path of letters, digits, . _ - and /, such as /mnt/nas',
  ],
  'a directory of the system': [
    top('hosts:', '  share: { type: file, path: /var/lib/nas }\nhosts:'),
    '7:30: replicas.share.path: belongs to the system; mount below /mnt, /srv or /media',
  ],
  'something that cannot be mounted': [
    top('hosts:', '  share: { type: file, path: /mnt/nas, mount: "nas:/volume1" }\nhosts:'),
    '7:47: replicas.share.mount: not something to mount; write nfs://nas/volume1/sqlite, LABEL=backup, UUID=…, PARTUUID=… or /dev/…',
  ],
  'a directory without its place': [
    top('hosts:', '  share: { type: file, mount: LABEL=backup }\nhosts:'),
    '7:3: replicas.share.path: missing',
  ],
  'a key of a bucket in a directory': [
    top('hosts:', '  share: { type: file, path: /mnt/nas, bucket: x }\nhosts:'),
    '7:40: replicas.share.bucket: unknown key; known here: type, path, prefix, mount',
  ],
  'one directory twice': [
    top('hosts:', '  share: { type: file, path: /mnt/nas }\n  again: { type: file, path: /mnt/nas }\nhosts:'),
    '8:3: replicas.again: the same directory as share',
  ],
  'two things on one place': [
    top(
      'hosts:',
      '  share: { type: file, path: /mnt/nas, mount: LABEL=a }\n  other: { type: file, path: /mnt/nas, prefix: x, mount: LABEL=b }\nhosts:',
    ),
    '8:58: replicas.other.mount: share mounts something else on /mnt/nas',
  ],
  'a directory within another': [
    top('hosts:', '  share: { type: file, path: /mnt/nas }\n  other: { type: file, path: /mnt/nas/x }\nhosts:'),
    '8:30: replicas.other.path: lies within that of share, or the other way round',
  ],
  'owner objects of a bucket in a directory': [
    top('hosts:', '  share: { type: file, path: /mnt/nas }\nhosts:').replace('type: s3', 'type: s3, ownership: share'),
    '5:31: replicas.nas.ownership: share is a directory, which keeps owner objects of its own data only; name a bucket',
  ],
  'a type of replica that does not exist': [
    top('type: s3', 'type: s4'),
    '5:16: replicas.nas.type: must be s3 or file; did you mean s3?',
  ],
  'an old Litestream': [
    top('hosts:', 'litestream: { version: 0.5.16 }\nhosts:'),
    '7:24: litestream.version: 0.5.16 loses data; the oldest that is accepted is 0.5.17',
  ],
  'a name of the system': [
    inventoryWith(notes.replace('  notes:', '  sshd:')),
    '11:3: apps.sshd: sshd is taken on Debian by a user, unit or folder of the system',
  ],
  'a name of another unit': [
    inventoryWith(notes.replace('  notes:', '  a-gate:')),
    '11:3: apps.a-gate: a name cannot end in -gate: another unit of streamside is called so',
  ],
  'a specifier in a name': [
    inventoryWith(notes.replace('  notes:', '  "n%i":')),
    '11:3: apps."n%i": a name cannot hold %, which systemd expands in units',
  ],
  'an option for an address': [
    top('address: 192.168.1.21', 'address: -oProxyCommand=x'),
    '8:24: hosts.pi-attic.address: cannot begin with -, ssh would take it for an option',
  ],
  'a port in an address': [
    top('address: 192.168.1.21', 'address: "pi:2222"'),
    '8:24: hosts.pi-attic.address: holds a port; it has a key of its own: port',
  ],
  'two hosts of one address': [
    top('192.168.1.22', '192.168.1.21'),
    '9:25: hosts.pi-cellar.address: the same address and port as pi-attic',
  ],
  'two apps on one port': [two('port: 80', 'port: 80'), '18:11: apps.wiki.port: port 80 of pi-attic is taken by notes'],
  'metrics on the port of an app': [
    two('port: 9000', 'database: a.db\n    litestream: { metrics: 9000 }'),
    '19:28: apps.wiki.litestream.metrics: port 9000 of pi-attic is taken by notes',
  ],
  'two databases on one path': [
    app('databases: { a: x.db, b: ./x.db }'),
    '14:30: apps.notes.databases.b: the same path as the database a',
  ],
  'two apps on one database': [
    two('database: /srv/x.db', 'database: /srv/x.db'),
    '18:15: apps.wiki.database: the same path as the database main of notes',
  ],
  'a database on the WAL of another': [
    app('databases: { a: x.db, b: x.db-wal/y }'),
    '14:30: apps.notes.databases.b: lies on a file that belongs to the database a',
  ],
  'a database called like a WAL': [
    app('database: x.db-wal'),
    '14:15: apps.notes.database: is the name of a file that SQLite makes beside a database',
  ],
  'a database below another': [
    app('databases: { a: x, b: x/y }'),
    '14:27: apps.notes.databases.b: lies below the file of the database a',
  ],
  'a database within Litestream': [
    app('databases: { a: x.db, b: .x.db-litestream/y }'),
    '14:30: apps.notes.databases.b: lies on a file that belongs to the database a',
  ],
  'a database out of its folder': [app('database: ../x.db'), '14:15: apps.notes.database: a path cannot hold ..'],
  'a database of the system': [app('database: /etc/x.db'), '14:15: apps.notes.database: /etc belongs to the system'],
  'a database that no reboot survives': [
    app('database: /run/x.db'),
    '14:15: apps.notes.database: /run does not outlive a reboot',
  ],
  'a database in the folder of another app': [
    two('', 'database: /var/lib/notes/x.db'),
    '18:15: apps.wiki.database: lies in a folder of the app notes',
  ],
  'a file on a database': [
    app('database: x.db\n    files: { x.db: { from: a } }'),
    '15:14: apps.notes.files."x.db": the same path as the database main',
  ],
  'four numbers that are no address': [
    top('192.168.1.21', '999.1.1.1'),
    '8:24: hosts.pi-attic.address: not an IPv4 address: four numbers from 0 to 255',
  ],
  'a file of another folder': [
    app('files: { /etc/passwd: { from: a } }'),
    '14:14: apps.notes.files."/etc/passwd": must lie below /var/lib/notes or /etc/notes',
  ],
  'a mode without quotes': [
    app('files: { a: { from: a, mode: 0640 } }'),
    '14:34: apps.notes.files.a.mode: expected text, and YAML reads 0640 as a number',
  ],
  'a mode open to all': [
    app('files: { a: { from: a, mode: "0666" } }'),
    '14:34: apps.notes.files.a.mode: lets every user of the host write to the file',
  ],
  'a number that is not what it looks like': [
    app('environment: { A: 1.10 }'),
    '14:23: apps.notes.environment.A: YAML reads this as the number 1.1',
  ],
  'a variable with a bad name': [
    app('environment: { A-B: x }'),
    '14:20: apps.notes.environment.A-B: not a name for an environment variable: letters, digits and _',
  ],
  'a short retention': [
    app('database: x.db\n    litestream: { retention: 6d }'),
    '15:30: apps.notes.litestream.retention: shorter than 7d, the least that is accepted',
  ],
  'a shell in a command': [
    top('command: ./serve', 'command: ./a | b'),
    '13:39: apps.notes.release.command: no shell runs this command, so | means nothing in it',
  ],
  'a download without checksum': [
    top('from: ./dist', 'from: { url: "https://x.y/z" }'),
    '13:16: apps.notes.release.from.sha256: missing',
  ],
  'a download as text': [
    top('from: ./dist', 'from: "https://x.y/z"'),
    '13:22: apps.notes.release.from: a download needs its checksum: { url: …, sha256: … }',
  ],
  'a misspelt architecture': [
    top('from: ./dist', 'from: { arm46: ./dist }'),
    '13:24: apps.notes.release.from.arm46: unknown key; did you mean arm64?',
  ],
  'two kinds of health': [
    app('health: { tcp: 1, http: "http://127.0.0.1/" }'),
    '14:13: apps.notes.health: takes one of http, tcp, not both',
  ],
  'a duration without a unit': [
    app('health: { tcp: 1, within: 30 }'),
    '14:31: apps.notes.health.within: not a length of time; write a number with s, m, h or d: 30s, 24h',
  ],
  'a port out of range': [app('port: 65536'), '14:11: apps.notes.port: must be at most 65535'],
  'a small tmpfs': [
    app('database: x.db\n    storage: { ephemeral: 1M }'),
    '15:27: apps.notes.storage.ephemeral: smaller than 16M',
  ],
  'two replicas of one place': [
    top(
      'hosts:',
      '  b: { type: s3, endpoint: "https://nas.lan:9000/", bucket: homeserver, prefix: /home/, access-key-id: !secret nas-key, secret-access-key: !secret nas-key }\nhosts:',
    ),
    '7:3: replicas.b: the same bucket and prefix as nas',
  ],
  'a replica that keeps its owners nowhere': [
    top('prefix: home,', 'prefix: home, ownership: nsa,'),
    '5:99: replicas.nas.ownership: no replica is called nsa; did you mean nas?',
  ],
  'a replica that keeps its own owners': [
    top('prefix: home,', 'prefix: home, ownership: nas,'),
    '5:99: replicas.nas.ownership: names the replica itself; leave it out',
  ],
  'keys in a URL': [
    top('https://nas', 'https://k:s@nas'),
    '5:30: replicas.nas.endpoint: the keys do not stand in the URL; they are access-key-id and secret-access-key',
  ],
  'a secret where none can be': [
    app('database: !secret nas-key'),
    '14:15: apps.notes.database: !secret cannot be used here',
  ],
  'an unknown tag': [app('port: !int 80'), '14:11: apps.notes.port: unknown tag !int; the only one is !secret NAME'],
  'a key twice': [
    app('port: 80\n    port: 81'),
    '15:5: apps.notes.port: this key stands here a second time; the first is in line 14',
  ],
  'a value that is left out': [top('host: pi-attic', 'host:'), '12:5: apps.notes.host: expected text, found nothing'],
  'a version to come': [
    top('version: 1', 'version: 2'),
    '1:10: version: this streamside reads version 1 of the format',
  ],
}

describe('one mistake is one message in its place:', () => {
  for (const [name, [text, expected]] of Object.entries(single))
    test(name, async () => {
      const mistakes = await mistakesOf(loadText(text))
      expect(mistakes.map((mistake) => describeMistake(mistake).replace('home.yaml:', ''))).toEqual([expected])
    })
})

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

const warnings: Record<string, [string, string]> = {
  'a health check of another machine': [
    app('health: { http: "http://192.168.1.99/" }'),
    'apps.notes.health.http: asks another machine than the one the app runs on',
  ],
  'settings of a database that is not there': [
    app('litestream: { retention: 7d }'),
    'apps.notes.litestream: has no effect: the app has no database',
  ],
  'a database elsewhere': [
    app('database: /srv/x.db'),
    'apps.notes.database: outside of /var/lib/notes: its folder is opened to the app, and what else lies in it is not looked at',
  ],
  'http over the internet': [
    top('https://nas.lan:9000', 'http://s3.example.com'),
    'replicas.nas.endpoint: databases travel unencrypted over http',
  ],
}

describe('what is odd but sound is a warning:', () => {
  for (const [name, [text, expected]] of Object.entries(warnings))
    test(name, async () => {
      const loaded = await loadText(text)
      expect(loaded.warnings.map(({ path, message }) => `${path}: ${message}`)).toEqual([expected])
    })

  test('http within the own network is a choice', async () => {
    expect((await loadText(top('https://nas.lan:9000', 'http://192.168.1.9:9000'))).warnings).toEqual([])
  })
})

describe('the inventory of the design', () => {
  const design = `version: 1
site: home
defaults: { user: pi, replica: nas }
litestream: { version: 0.5.17 }
replicas:
  nas:   { type: s3, endpoint: https://nas.lan:9000, region: us-east-1, bucket: homeserver, prefix: home, ca: ./nas-ca.pem,
           access-key-id: !secret nas-key, secret-access-key: !secret nas-secret }
  b2:    { type: s3, endpoint: https://s3.example.org, bucket: bucket, ownership: nas,
           access-key-id: !secret nas-key, secret-access-key: !secret nas-secret }
  share: { type: file, path: /mnt/nas/replicas, mount: "nfs://nas/volume1/sqlite" }
logs: { servers: [pi-cellar, "10.0.0.9:6514"], transport: tls, queue: durable }
alerts: { command: ./alert }
hosts:
  pi-attic:  { address: 192.168.1.21, tags: [shop] }
  pi-cellar: { address: 192.168.1.22 }
apps:
  gotify:
    host: pi-attic
    release: { from: { arm64: { url: "https://example.org/gotify.zip", sha256: ${'ab'.repeat(32)} }, amd64: ./dist/gotify },
               command: "./gotify", keep: 5 }
    packages: [tzdata]
    port: 8080
    environment: { GOTIFY_TOKEN: !secret nas-key }
    files: { config.yml: { from: ./gotify.yml, mode: "0640" } }
    databases: { main: data/gotify.db }
    litestream: { sync-interval: 1s, retention: 7d, metrics: 9101 }
    storage: persistent
    when-replica-unreachable: start
    restart: auto
    unprotected: [images]
    health: { http: "http://127.0.0.1:8080/health", within: 30s }
  linkding:
    host: pi-attic
    packages: [podman]
    service: { unit: linkding.service, from: ./units/linkding.service }
    database: /srv/linkding/db.sqlite3
  wiki:
    host: pi-cellar
    service: { package: some-package, unit: some.service }
    database: /srv/some/wiki.sqlite
  web:
    hosts: [pi-attic, pi-cellar]
    release: { from: ./web, build: "yarn install --frozen-lockfile --offline", migrate: bin/migrate, command: "bin/serve" }
    drain: { file: { path: drain, wait: 10s } }
`

  test('has no unknown key: what is not built is said to be, and nothing else', async () => {
    const mistakes = await mistakesOf(loadText(design))
    expect(mistakes.map(({ line, column, path, message }) => `${line}:${column}: ${path}: ${message}`)).toEqual([
      '12:1: alerts: not yet supported',
      '43:29: apps.web.release.build: not yet supported',
      '43:80: apps.web.release.migrate: not yet supported',
      '44:5: apps.web.drain: not yet supported',
    ])
  })

  test('and a key that is misspelt within what is not built yet is one all the same', async () => {
    const document = design
      .replace('transport: tls', 'transprt: tls')
      .replace('{ package:', '{ pakage:')
      .replace('wait:', 'weit:')
    const mistakes = await mistakesOf(loadText(document))
    expect(mistakes.filter(({ message }) => message.startsWith('unknown')).map(describeMistake)).toEqual([
      'home.yaml:11:48: logs.transprt: unknown key; did you mean transport?',
      'home.yaml:39:16: apps.wiki.service.pakage: unknown key; did you mean package?',
      'home.yaml:44:35: apps.web.drain.file.weit: unknown key; did you mean wait?',
    ])
  })

  const misspelt: [string, string][] = [
    ['logs:', 'lgos:'],
    ['alerts:', 'alert:'],
    ['service: { unit', 'servise: { unit'],
    ['drain:', 'drian:'],
    ['migrate:', 'migrat:'],
    ['ownership:', 'owner-ship:'],
    ['mount:', 'mont:'],
    ['unprotected:', 'unprotectd:'],
  ]
  for (const [right, wrong] of misspelt)
    test(`${wrong} is taken for ${right}`, async () => {
      const mistakes = await mistakesOf(loadText(design.replace(right, wrong)))
      const meant = right.slice(0, right.indexOf(':'))
      expect(mistakes.map(({ message }) => message)).toContain(`unknown key; did you mean ${meant}?`)
    })
})
