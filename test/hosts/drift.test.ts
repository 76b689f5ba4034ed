import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { type LabHost, shellInHost } from '../lab/index.ts'
import { changesOf, mainPid, pagesApp } from './host-state.ts'
import { eventsOf, notesApp, readRows, type Site, site, writeRow, until } from './site.ts'

let lab: Site
let hosts: LabHost[]
let apps: Record<string, Record<string, unknown>>
const port = 8171

/** Names are the same on both releases of Debian, so that one list of drifts is tried on both. */
const names = ['drf-twelve', 'drf-thirteen']
const units = ['drift.service', 'drift-litestream.service', 'drift-static.service']

beforeAll(async () => {
  const file = { from: path.resolve(import.meta.dirname, '../lab/app/notes'), template: false }
  apps = {
    drift: notesApp('', port, {
      host: undefined,
      hosts: names,
      database: undefined,
      databases: { main: 'data/notes.db', second: 'other/deep/second.db' },
      files: { settings: file, 'conf/inner': file },
    }),
    'drift-static': { ...pagesApp('', port + 1), host: undefined, hosts: names },
  }
  lab = await site('drift', [{ name: 'drf-twelve' }, { name: 'drf-thirteen', suite: 'trixie' }], { apps })
  hosts = names.map((name) => lab.host(name))
  await lab.provision()
  for (const host of hosts) await writeRow(host, port, 'kept')
})

const everywhere = (script: string) => Promise.all(hosts.map((host) => shellInHost(host, script)))
const pids = (host: LabHost) => Promise.all(units.map((unit) => mainPid(host, unit)))

interface Drift {
  script: string
  /** Changes that plan names and provision makes, on each host. */
  changes: string[]
  /** Units that get a new process. */
  restarts: string[]
  /** What the host says afterwards, to this script. */
  after?: [script: string, answer: string]
}

const unitFile = '/etc/systemd/system/drift.service'
const override = `${unitFile}.d/override.conf`
const ownFolders = ['conf', 'data', 'other', 'other/deep'].map((folder) => `/var/lib/drift/${folder}`)
const ownFiles = ['settings', 'conf/inner'].map((file) => `/var/lib/drift/${file}`)

const ownersAfter: [string, string] = ['find /var/lib/drift ! -user drift -o ! -group drift', '']

const drifts: Record<string, Drift> = {
  'a unit that was stopped': {
    script: 'systemctl stop drift-static.service',
    changes: ['start drift-static.service'],
    restarts: ['drift-static.service'],
  },
  'a unit that was disabled': {
    script: 'systemctl disable drift-static.service 2>/dev/null',
    changes: ['enable drift-static.service'],
    restarts: [],
    after: ['systemctl is-enabled drift-static.service', 'enabled\n'],
  },
  'a unit that was masked': {
    // systemctl does not mask what has a file in /etc: whoever means it puts the link there
    script: `systemctl stop drift-static.service; ln -sfn /dev/null /etc/systemd/system/drift-static.service; systemctl daemon-reload`,
    changes: [
      'update /etc/systemd/system/drift-static.service',
      'enable drift-static.service',
      'start drift-static.service',
    ],
    restarts: ['drift-static.service'],
  },
  'a timer that was stopped': {
    script: 'systemctl disable --now drift-check.timer 2>/dev/null',
    changes: ['enable drift-check.timer', 'start drift-check.timer'],
    restarts: [],
    after: ['systemctl is-active drift-check.timer', 'active\n'],
  },
  'a drop-in that is in force': {
    script: `mkdir -p ${unitFile}.d; printf '[Service]\\nEnvironment=FROM=elsewhere\\n' >${override}; systemctl daemon-reload; systemctl restart drift.service`,
    changes: [`remove ${override}`, 'restart drift.service'],
    restarts: ['drift.service'],
    after: [
      'cat /var/lib/streamside/set-aside/*/etc/systemd/system/drift.service.d/override.conf | head -n 2; ls -d /etc/systemd/system/drift.service.d 2>&1 | wc -l',
      '[Service]\nEnvironment=FROM=elsewhere\n1\n',
    ],
  },
  'a drop-in that nobody has loaded': {
    script: `mkdir -p ${unitFile}.d; printf '[Service]\\nNice=5\\n' >${override}`,
    changes: [`remove ${override}`],
    restarts: [],
  },
  'a file edited by hand, and what runs started with it': {
    script: `printf '[Service]\\nNice=5\\n' >>${unitFile}; systemctl daemon-reload; systemctl restart drift.service`,
    changes: [`update ${unitFile}`, 'restart drift.service'],
    restarts: ['drift.service'],
    after: ['systemctl show -P Nice drift.service', '0\n'],
  },
  'files edited by hand that nothing was started with': {
    script: `for file in ${unitFile} /etc/systemd/system/drift-litestream.service /etc/streamside/apps/drift/*.env /etc/streamside/apps/drift-static/app.env; do printf '# by hand\\n' >>"$file"; done; systemctl daemon-reload`,
    changes: [
      'update /etc/streamside/apps/drift/app.env',
      `update ${unitFile}`,
      'update /etc/streamside/apps/drift/litestream.env',
      'update /etc/systemd/system/drift-litestream.service',
      'update /etc/streamside/apps/drift-static/app.env',
    ],
    restarts: [],
  },
  'a drop-in that was loaded, and nothing was started with': {
    script: `mkdir -p ${unitFile}.d; printf '[Service]\\nNice=5\\n' >${override}; systemctl daemon-reload`,
    changes: [`remove ${override}`],
    restarts: [],
  },
  'a mode and an owner': {
    script: `chmod 0666 ${unitFile}; chown pi /etc/streamside/apps/drift/app.env; chmod 0777 /var/lib/drift`,
    changes: [
      'update /etc/streamside/apps/drift',
      'update /var/lib/drift',
      'update /etc/streamside/apps/drift/app.env',
      `update ${unitFile}`,
    ].slice(1),
    restarts: [],
    after: [
      `stat -c '%a %U' ${unitFile} /etc/streamside/apps/drift/app.env /var/lib/drift`,
      '644 root\n600 root\n750 drift\n',
    ],
  },
  'files and folders of an app that root has put there': {
    script: `chown root:root ${ownFiles[0]} ${ownFiles[1]}; chown root ${ownFolders[0]}; chown root:root ${ownFolders[2]}; chgrp root ${ownFolders[1]}`,
    changes: [...ownFolders.slice(0, 3), ...ownFiles].map((each) => `update ${each}`),
    restarts: [],
    after: ownersAfter,
  },
  'a state directory that root has taken': {
    script: 'chown root:root /var/lib/drift',
    changes: ['update /var/lib/drift'],
    restarts: [],
    after: ownersAfter,
  },
  'a state directory that root has taken with all that is in it': {
    script: 'chown -R root:root /var/lib/drift',
    changes: ['/var/lib/drift', ...ownFolders, ...ownFiles, '/var/lib/drift/data/notes.db'].map(
      (each) => `update ${each}`,
    ),
    restarts: [],
    after: ownersAfter,
  },
  'a database that root has put there': {
    script: 'chown root:root /var/lib/drift/data/notes.db',
    changes: ['update /var/lib/drift/data/notes.db'],
    restarts: [],
    after: ['stat -c %U:%G /var/lib/drift/data/notes.db', 'drift:drift\n'],
  },
  'a database that its app may not read, and a WAL that it may not write': {
    script: 'chmod 0 /var/lib/drift/data/notes.db; chmod 0440 /var/lib/drift/data/notes.db-wal',
    changes: ['update /var/lib/drift/data/notes.db'],
    restarts: [],
    after: ['find /var/lib/drift/data/notes.db /var/lib/drift/data/notes.db-wal ! -perm -u+rw', ''],
  },
  'a WAL that root has put there': {
    script: 'chown root:root /var/lib/drift/data/notes.db-wal',
    changes: ['update /var/lib/drift/data/notes.db'],
    restarts: [],
    after: ['stat -c %U:%G /var/lib/drift/data/notes.db-wal', 'drift:drift\n'],
  },
  'a program that root runs, replaced by another': {
    script: `cd /usr/local/lib/streamside/current/; echo '# by pi' >>gate.sh; chown pi gate.sh`,
    changes: ['update PROGRAMS/gate.sh'],
    restarts: [],
    after: ['cd /usr/local/lib/streamside/current/; grep -c pi$ gate.sh; stat -c %U gate.sh', '0\nroot\n'],
  },
  'folders of root that others were let into': {
    script: `cd /usr/local/lib/streamside/current/; chown pi . decide
      chmod 0777 /opt/drift/releases /var/lib/streamside/apps /var/lib/streamside/apps/drift; chown pi /opt/drift`,
    changes: [
      'update PROGRAMS',
      'update PROGRAMS/decide',
      'update /opt/drift',
      'update /opt/drift/releases',
      'update /var/lib/streamside/apps',
      'update /var/lib/streamside/apps/drift',
    ],
    restarts: [],
    after: [
      "find /usr/local/lib/streamside /opt/drift /var/lib/streamside '(' ! -user root -o -perm /022 ')' ! -type l",
      '',
    ],
  },
  'a package that was removed': {
    script: 'DEBIAN_FRONTEND=noninteractive apt-get -q -y purge jq >/dev/null 2>&1',
    changes: ['install jq'],
    restarts: [],
    after: ['jq -n 1', '1\n'],
  },
  'a release folder with a file less': {
    script: 'rm /opt/drift/current/notes',
    changes: ['update /opt/drift/releases/DIGEST', 'restart drift.service'],
    restarts: ['drift.service'],
  },
  'a release folder that is gone': {
    script: 'rm -r /opt/drift-static/releases /opt/drift-static/current',
    changes: [
      'create /opt/drift-static/releases/DIGEST',
      'create /opt/drift-static/current',
      'restart drift-static.service',
    ],
    restarts: ['drift-static.service'],
  },
  'a Litestream whose binary was changed': {
    // a running program cannot be written to: whoever replaces it puts another file there
    script: 'cd /usr/local/lib/streamside/litestream-*; cp litestream other; printf x >>other; mv other litestream',
    changes: ['update LITESTREAM', 'restart drift-litestream.service'],
    restarts: ['drift-litestream.service'],
  },
  'files of the gate that are gone': {
    script: 'rm /etc/streamside/apps/drift/gate.json /etc/systemd/system/drift-gate.service',
    changes: ['create /etc/streamside/apps/drift/gate.json', 'create /etc/systemd/system/drift-gate.service'],
    restarts: [],
  },
}

const plain = (changes: string[]) =>
  changes.map((change) =>
    change
      .replace(/releases\/[0-9a-f]{8,}/, 'releases/DIGEST')
      .replace(/\/usr\/local\/lib\/streamside\/litestream-\S+/, 'LITESTREAM')
      .replace(/\/usr\/local\/lib\/streamside\/programs-[0-9a-f]+/, 'PROGRAMS'),
  )

describe('drift is named by plan, mended by provision, and then there is none:', () => {
  test.each(Object.entries(drifts))('%s', async (_, drift) => {
    await everywhere(drift.script)
    const before = await Promise.all(hosts.map(pids))
    const plan = await lab.run(['plan', '--json'])
    expect(plan.code).toBe(7)
    const run = await lab.provision()
    for (const [index, host] of hosts.entries()) {
      const of = (each: typeof run) => ({
        ...each,
        events: each.events.filter((event) => event['host'] === host.name),
      })
      expect(plain(changesOf(of(plan)))).toEqual(drift.changes)
      expect(plain(changesOf(of(run)))).toEqual(drift.changes)
      const now = await pids(host)
      const renewed = units.filter((_unit, n) => now[n] !== before[index]?.[n])
      expect(renewed).toEqual(drift.restarts)
      if (drift.after) expect(await shellInHost(host, drift.after[0])).toBe(drift.after[1])
      expect(await readRows(host, port)).toEqual(['kept'])
    }
    const again = await lab.provision()
    expect(changesOf(again)).toEqual([])
    expect(eventsOf(again, 'host-done').map((event) => event['execs'])).toEqual([1, 1])
  })
})

test('an app that was started while its database was closed to it is started once more when that is opened', async () => {
  const [twelve] = hosts
  const limited = ['--limit', 'drf-twelve']
  await shellInHost(twelve!, 'chmod 0400 /var/lib/drift/data/notes.db; sleep 1.1; systemctl restart drift.service')
  const before = await pids(twelve!)
  expect(changesOf(await lab.provision(limited))).toEqual(['update /var/lib/drift/data/notes.db'])
  const after = await pids(twelve!)
  expect(after[units.indexOf('drift.service')]).not.toBe(before[units.indexOf('drift.service')])
  await until('the app to answer', 20, () => readRows(twelve!, port).catch(() => null))
  expect(changesOf(await lab.provision(limited))).toEqual([])
})

test('what is not ours is never touched: other units, other files, users and packages stay', async () => {
  await everywhere(
    `printf '[Service]\\nExecStart=/bin/sleep infinity\\n' >/etc/systemd/system/theirs.service
     mkdir -p /opt/theirs /etc/streamside.d /var/lib/drift/uploads; echo kept >/opt/theirs/file
     echo kept >/var/lib/drift/uploads/picture; systemctl daemon-reload; systemctl start theirs.service`,
  )
  expect(changesOf(await lab.provision())).toEqual([])
  const [twelve] = hosts
  expect(
    await shellInHost(twelve!, 'systemctl is-active theirs; cat /opt/theirs/file /var/lib/drift/uploads/picture'),
  ).toBe('active\nkept\nkept\n')
})

test('what may be meant for others stays, and is told: a second name of their file, a drop-in for every name that begins so', async () => {
  const [twelve] = hosts
  const folder = '/var/lib/drift/data/.notes.db-litestream'
  const dropIn = '/etc/systemd/system/drift-.service.d'
  await shellInHost(
    twelve!,
    `echo theirs >/srv/shared; ln /srv/shared ${folder}/extra; chown root ${folder}
     mkdir ${dropIn}; printf '[Service]\nNice=3\n' >${dropIn}/nice.conf; systemctl daemon-reload`,
  )
  const limited = ['--limit', 'drf-twelve']
  const refused = await lab.provision(limited, 1)
  expect(eventsOf(refused, 'problem')).toMatchObject([
    { problem: { code: 'hard-link', found: expect.stringContaining(`${folder}/extra`) } },
  ])
  expect(eventsOf(refused, 'warning')).toMatchObject([
    { code: 'drop-in-by-prefix', message: expect.stringContaining('drift-litestream.service') },
  ])
  expect(await shellInHost(twelve!, `stat -c %U /srv/shared ${folder}; cat ${dropIn}/nice.conf`)).toBe(
    'root\nroot\n[Service]\nNice=3\n',
  )
  await shellInHost(twelve!, `rm -r ${folder}/extra /srv/shared ${dropIn}; systemctl daemon-reload`)
  expect(changesOf(await lab.provision(limited))).toEqual(['update /var/lib/drift/data/notes.db'])
  expect(await readRows(twelve!, port)).toEqual(['kept'])
})

test('a record with a damaged entry is written anew and told of, and the other host is as ever', async () => {
  const [twelve] = hosts
  await shellInHost(twelve!, `cd /var/lib/streamside; jq -c '.data.zed = null' manifest >/run/m; cat /run/m >manifest`)
  const plan = await lab.run(['plan', '--json'])
  const run = await lab.provision()
  for (const each of [plan, run])
    expect(eventsOf(each, 'warning')).toMatchObject([{ code: 'record-damaged', host: 'drf-twelve' }])
  expect(changesOf(plan)).toEqual(['update /var/lib/streamside/manifest'])
  expect(await shellInHost(twelve!, `rm /run/m; jq '.data | has("zed")' /var/lib/streamside/manifest`)).toBe('false\n')
  const again = await lab.provision()
  expect([changesOf(again), eventsOf(again, 'warning')]).toEqual([[], []])
})

test('a host whose stat prints for ever is given up, and the other one is as ever', async () => {
  const [twelve] = hosts
  await shellInHost(
    twelve!,
    `printf '#!/bin/sh\nexec yes aaaaaaaaaaaaaaa\n' >/usr/local/bin/stat; chmod +x /usr/local/bin/stat`,
  )
  const plan = await lab.run(['plan', '--json'])
  await shellInHost(twelve!, 'rm /usr/local/bin/stat')
  expect(plan.code).toBe(1)
  expect(eventsOf(plan, 'problem')).toMatchObject([{ problem: { code: 'answer-too-long', host: 'drf-twelve' } }])
  expect(eventsOf(plan, 'host-done')).toContainEqual(
    expect.objectContaining({ host: 'drf-thirteen', outcome: 'unchanged', changes: 0 }),
  )
  expect(changesOf(await lab.provision())).toEqual([])
})

test('an app that is no longer to be backed up loses gate, Litestream and timer, and keeps its rows', async () => {
  const { databases: _databases, ...bare } = apps['drift']!
  apps['drift'] = bare
  await lab.rewrite({ apps })
  const run = await lab.provision()
  expect([...new Set(changesOf(run, 'unit').filter((change) => change.startsWith('stop')))].sort()).toEqual([
    'stop drift-check.service',
    'stop drift-check.timer',
    'stop drift-gate.service',
    'stop drift-litestream.service',
  ])
  for (const host of hosts) {
    expect(
      await shellInHost(
        host,
        `systemctl list-units --all --plain --no-legend 'drift*' | awk '{ print $1, $3 }' | sort`,
      ),
    ).toBe('drift-static.service active\ndrift.service active\n')
    expect(await readRows(host, port)).toEqual(['kept'])
  }
  expect(changesOf(await lab.provision())).toEqual([])
})
