import { inventoryWith, notes } from './workspace.ts'

export const app = (lines: string) =>
  inventoryWith(`  notes:\n    host: pi-attic\n    release: { from: ./dist, command: ./serve }\n    ${lines}\n`)
export const top = (from: string | RegExp, to: string) => inventoryWith().replace(from, to)
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
export const single: Record<string, [string, string]> = {
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
  'a key that is not built yet': [app('drain: { unit: x }'), '14:14: apps.notes.drain.unit: not yet supported'],
  'a drain file that leads out': [
    app('drain: { file: { path: data/../data/notes.db } }'),
    '14:28: apps.notes.drain.file.path: a path cannot hold ..',
  ],
  'a drain file outside of the state directory': [
    app('drain: { file: { path: /etc/passwd } }'),
    '14:28: apps.notes.drain.file.path: lies in the state directory: a path relative to that',
  ],
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
  'a database among those that were put aside': [
    app('database: data/.streamside-aside/x.db'),
    '14:15: apps.notes.database: names that begin with .streamside- are ours',
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
