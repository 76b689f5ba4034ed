import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { AppStatus } from '../../src/status/status.ts'
import { type LabHost, shellInHost } from '../lab/index.ts'
import { changesOf } from './host-state.ts'
import { eventsOf, type Run, type Site, site, until } from './site.ts'

let lab: Site
let one: LabHost

const switched = { litestream: { wal: 'switch' } }
/** vnstat: one database, its own user. pdns: one that somebody has made by hand. colord: two, started by D-Bus when it is needed. */
const traffic = {
  host: 'ado-one',
  service: { package: 'vnstat', unit: 'vnstat.service' },
  database: '/var/lib/vnstat/vnstat.db',
  ...switched,
}
const names = {
  host: 'ado-one',
  service: { unit: 'pdns.service' },
  database: '/var/lib/powerdns/pdns.sqlite3',
  ...switched,
}
const colours = {
  host: 'ado-one',
  service: { package: 'colord', unit: 'colord.service' },
  databases: { mapping: '/var/lib/colord/mapping.db', storage: '/var/lib/colord/storage.db' },
  ...switched,
}
const all = { traffic, names, colours }
const units = ['vnstat.service', 'pdns.service', 'colord.service']
const files = [traffic.database, names.database, ...Object.values(colours.databases)]

const sql = async (file: string, statement: string) =>
  (await shellInHost(one, 'sqlite3 -cmd ".timeout 10000" "$1" "$2"', [file, statement])).trim()

/** What adoption must not change for good: units as systemd reads them, and whose the files are. */
const asFound = () =>
  shellInHost(
    one,
    `systemctl cat ${units.join(' ')}; systemctl is-enabled ${units.join(' ')} || :
     stat -c '%n %U:%G %a' ${files.map((file) => `${file} ${path.posix.dirname(file)}`).join(' ')}
     ls -A ${files.map((file) => path.posix.dirname(file)).join(' ')} | grep -v -e -wal -e -shm
     ls -d /etc/systemd/system/*.d 2>/dev/null || :`,
  )
let found: string

beforeAll(async () => {
  lab = await site('adopted', [{ name: 'ado-one' }], { apps: all })
  one = lab.host('ado-one')
  // As people have them: installed by hand, with WAL mode where a program would set another one at each start.
  await shellInHost(
    one,
    `export DEBIAN_FRONTEND=noninteractive
     apt-get update -qq 2>/dev/null
     apt-get install -y -qq --no-install-recommends vnstat colord pdns-server pdns-backend-sqlite3 sqlite3 >/dev/null 2>&1
     sed -i 's/^;*DatabaseWriteAheadLogging.*/DatabaseWriteAheadLogging 1/' /etc/vnstat.conf
     printf 'launch=gsqlite3\\ngsqlite3-database=/var/lib/powerdns/pdns.sqlite3\\nlocal-port=5300\\n' >/etc/powerdns/pdns.d/sqlite.conf
     rm -f /etc/powerdns/pdns.d/bind.conf
     runuser -u pdns -- sh -c 'umask 027; sqlite3 /var/lib/powerdns/pdns.sqlite3 "CREATE TABLE mine (x)"'
     zcat -f /usr/share/doc/pdns-backend-sqlite3/schema.sqlite3.sql* /usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql 2>/dev/null |
       runuser -u pdns -- sqlite3 /var/lib/powerdns/pdns.sqlite3
     chgrp adm /var/lib/powerdns/pdns.sqlite3 && usermod -aG adm pdns
     systemctl restart vnstat pdns
     systemctl start colord`,
    [],
    { deadlineSeconds: 240 }, // packages, on a machine that is busy with other hosts
  )
  found = await asFound()
}, 300_000)

describe('services of packages', () => {
  test('are refused without consent to WAL mode, unless they have it by themselves, and nothing is changed', async () => {
    const without = { litestream: {} }
    await lab.rewrite({ apps: { traffic: { ...traffic, ...without }, names: { ...names, ...without } } })
    expect(eventsOf(await lab.run(['plan', '--json', '--accept-new']), 'problem')).toEqual([])
    await lab.rewrite({ apps: { colours: { ...colours, ...without } } })
    expect(codesOf(await lab.run(['provision', '--json']))).toEqual(['service-not-wal colours'])
    expect(await asFound()).toBe(found)
  })

  test('are adopted by drop-ins, with the rows that they have, and the second run changes nothing', async () => {
    await sql(traffic.database, "CREATE TABLE mine (x); INSERT INTO mine VALUES ('before')")
    await sql(names.database, "INSERT INTO mine VALUES ('before')")
    await sql(colours.databases.storage, "CREATE TABLE mine (x); INSERT INTO mine VALUES ('before')")
    await lab.rewrite({ apps: all })
    expect((await lab.run(['plan'])).stdout).toMatch(
      /update {2}database {2}\/var\/lib\/colord\/storage\.db +is switched to WAL mode/,
    )
    const run = await lab.provision()
    expect(changesOf(run, 'unit')).toEqual(expect.arrayContaining(['restart vnstat.service', 'restart pdns.service']))
    expect(changesOf(run, 'database')).toEqual(Object.values(colours.databases).map((file) => `update ${file}`))
    for (const file of files) expect(await sql(file, 'PRAGMA journal_mode')).toBe('wal')
    const again = await lab.provision()
    expect(changesOf(again)).toEqual([])
    expect(eventsOf(again, 'host-done')[0]).toMatchObject({ execs: 1 })
    const packaged = await shellInHost(one, 'dpkg --verify vnstat colord pdns-server | grep -v " c /etc/" || :')
    expect(packaged).toBe('')
  })

  test('get their databases back by a restart, with owner, group and mode', async () => {
    await sql(names.database, "INSERT INTO mine VALUES ('written last')")
    const before = await shellInHost(one, `stat -c '%n %U:%G %a' ${files.join(' ')}`)
    await shellInHost(
      one,
      `sleep 2; systemctl stop ${units.join(' ')}
       for file in ${files.join(' ')}; do rm -rf "$file" "$file-wal" "$file-shm" "\${file%/*}/.\${file##*/}-litestream"; done
       systemctl start ${units.join(' ')}`,
    )
    expect(await sql(traffic.database, 'SELECT x FROM mine')).toBe('before')
    expect(await sql(names.database, 'SELECT x FROM mine')).toBe('before\nwritten last')
    expect(await sql(colours.databases.storage, 'SELECT x FROM mine')).toBe('before')
    expect(await shellInHost(one, `stat -c '%n %U:%G %a' ${files.join(' ')}`)).toBe(before)
    expect(await shellInHost(one, 'systemctl is-active vnstat pdns')).toBe('active\nactive\n')
  })

  test('are known to status and logs by the names of their apps', async () => {
    // that they were gone is told until the next start
    const wrongOf = (run: Run) =>
      appsOf(run).flatMap(({ app, wrong }) =>
        wrong.flatMap(({ code, text }) => (code === 'no-files' ? [] : [`${app} ${code}: ${text}`])),
      )
    const status = await until('all to be protected', 60, async () => {
      const run = await lab.run(['status', '--json'])
      return appsOf(run).length === 3 && wrongOf(run).length === 0 ? run : null
    })
    expect(statesOf(status)).toEqual({
      traffic: 'running',
      names: 'running',
      colours: expect.stringMatching(/running|idle/),
    })
    expect((await lab.run(['logs', 'names', '-n', '500'])).stdout).toMatch(/pdns_server|Started pdns.service/)
  })

  test('have their folder looked through where the inventory says what in it is in no replica', async () => {
    await shellInHost(
      one,
      'cd /var/lib/powerdns && head -c 3000 /dev/zero >zones.txt && head -c 50 /dev/zero >known && chown pdns: zones.txt known',
    )
    await lab.rewrite({ apps: { ...all, names: { ...names, unprotected: ['known'] } } })
    const seen = appsOf(await lab.run(['status', '--json']))
    await shellInHost(one, 'cd /var/lib/powerdns && rm zones.txt known')
    expect(seen.find(({ app }) => app === 'names')?.unheld).toMatchObject({
      bytes: 3000,
      paths: [{ path: 'zones.txt' }],
      accepted: [{ path: 'known', bytes: 50 }],
      partial: false,
    })
    expect(seen.find(({ app }) => app === 'traffic')?.unheld.bytes).toBe(0)
    await lab.rewrite({ apps: all })
  })

  test('have a drop-in that is put right when somebody edits it', async () => {
    const edit = `sed -i 's/^ExecCondition=.*//' /etc/systemd/system/pdns.service.d/zz-streamside.conf`
    await shellInHost(one, edit)
    expect((await lab.run(['plan'])).stdout).toMatch(/update {2}file .*pdns.service.d\/zz-streamside.conf/)
    // it was started before that
    expect(changesOf(await lab.provision(), 'unit')).toEqual([])
    await shellInHost(one, `${edit}; systemctl daemon-reload; systemctl restart pdns`)
    expect(changesOf(await lab.provision(), 'unit')).toEqual(['restart pdns.service'])
    expect(changesOf(await lab.provision())).toEqual([])
  })

  test('stay behind their gate under a drop-in of somebody else that empties its list', async () => {
    await shellInHost(
      one,
      `printf '[Service]\\nExecCondition=\\n' >/etc/systemd/system/pdns.service.d/60-mine.conf; systemctl daemon-reload`,
    )
    expect(await shellInHost(one, 'systemctl show -P ExecCondition pdns')).toContain('start-gate.sh')
    await shellInHost(one, 'rm /etc/systemd/system/pdns.service.d/60-mine.conf; systemctl daemon-reload')
  })

  test('do not lose their gate for long to one that counts after ours', async () => {
    const last = '/etc/systemd/system/pdns.service.d/zzz-mine.conf'
    await shellInHost(one, `printf '[Service]\nExecCondition=\n' >$1; systemctl daemon-reload`, [last])
    expect(changesOf(await lab.run(['plan', '--json']))).toEqual([`remove ${last}`])
    await shellInHost(one, 'systemctl restart pdns')
    expect(changesOf(await lab.provision())).toEqual([`remove ${last}`, 'restart pdns.service'])
    expect(await shellInHost(one, 'systemctl show -P ExecCondition pdns')).toContain('start-gate.sh')
    // what else people lay over a unit that is not ours is theirs
    await shellInHost(one, `printf '[Service]\nNice=1\n' >$1; systemctl daemon-reload`, [last])
    expect(changesOf(await lab.provision())).toEqual([])
    await shellInHost(one, 'rm "$1"; systemctl daemon-reload', [last])
  })

  test('are restarted through their gate when it was made to do nothing', async () => {
    const override = '/etc/systemd/system/names-gate.service.d/override.conf'
    await shellInHost(
      one,
      `mkdir -p \${1%/*}; printf '[Service]\\nExecStart=\\nExecStart=/bin/true\\n' >$1
       systemctl daemon-reload; systemctl restart pdns`,
      [override],
    )
    expect(changesOf(await lab.run(['plan', '--json']))).toEqual([`remove ${override}`, 'restart pdns.service'])
    expect(changesOf(await lab.provision())).toEqual([`remove ${override}`, 'restart pdns.service'])
    expect(await sql(names.database, 'SELECT x FROM mine')).toBe('before\nwritten last')
    expect(changesOf(await lab.provision())).toEqual([])
  })

  test('are given back as they were', async () => {
    await lab.rewrite({ apps: {} })
    const run = await lab.provision(['--prune'])
    expect(changesOf(run)).toEqual(expect.arrayContaining(['start vnstat.service', 'start pdns.service']))
    await until('both to run', 30, async () => {
      const state = await shellInHost(one, 'systemctl is-active vnstat pdns || :')
      return state === 'active\nactive\n' || null
    })
    expect(await asFound()).toBe(found)
    expect(await sql(names.database, 'SELECT x FROM mine')).toBe('before\nwritten last')
    for (const file of Object.values(colours.databases)) expect(await sql(file, 'PRAGMA journal_mode')).toBe('delete')
    expect(await sql(names.database, "SELECT name FROM sqlite_master WHERE name LIKE '_litestream%'")).toBe('')
    expect(
      await shellInHost(one, `systemctl list-units --all --plain --no-legend '*-litestream*' '*-check*' '*-gate*'`),
    ).toBe('')
  })
})

describe("a unit file of the user's", () => {
  test('is laid, adopted before its database is there, and taken away with what was laid', async () => {
    const unit = path.join(path.dirname(lab.inventory), 'jotter.service')
    await writeFile(
      unit,
      `[Unit]
Description=Jots
[Service]
Type=oneshot
RemainAfterExit=yes
User=games
StateDirectory=jotter
ExecStart=/usr/bin/sqlite3 /var/lib/jotter/jots.db "CREATE TABLE IF NOT EXISTS mine (x); INSERT INTO mine VALUES ('jot-\${MARK}')"
[Install]
WantedBy=multi-user.target
`,
    )
    const jots = {
      host: 'ado-one',
      service: { unit: 'jotter.service', from: unit },
      database: '/var/lib/jotter/jots.db',
    }
    await lab.rewrite({ apps: { jots } })
    expect(codesOf(await lab.run(['plan', '--json']))).toEqual(['service-not-wal jots'])
    await lab.rewrite({ apps: { jots: { ...jots, ...switched } } })
    await lab.provision()
    expect(changesOf(await lab.provision())).toEqual([])
    await shellInHost(
      one,
      'sleep 2; systemctl stop jotter; rm -rf /var/lib/jotter/* /var/lib/jotter/.jots*; systemctl start jotter',
    )
    const words = () => sql('/var/lib/jotter/jots.db', 'SELECT group_concat(x) FROM mine')
    expect(await words()).toBe('jot-,jot-')

    // what the inventory adds: an environment, a secret in it, a file; each restarts it, and none is anybody else's to read
    const word = path.join(path.dirname(lab.inventory), 'word')
    await writeFile(word, '{{env.MARK}} on {{host.name}}')
    const more = {
      environment: { MARK: 'marked', KEY: '!secret jots-key' },
      files: { '/etc/jots/word': { from: word } },
    }
    const secrets = { 'jots-key': { command: ['echo', 'open sesame'] } }
    await lab.rewrite({ apps: { jots: { ...jots, ...switched, ...more } }, secrets })
    expect(changesOf(await lab.provision(), 'unit')).toEqual(['restart jotter.service'])
    expect(changesOf(await lab.provision())).toEqual([])
    expect(await words()).toBe('jot-,jot-,jot-marked')
    const modes = await shellInHost(
      one,
      "stat -c '%n %U:%G %a' /etc/jots/word /etc/streamside/apps/jots/*.env; cat /etc/jots/word",
    )
    expect(modes).toBe(
      `/etc/jots/word root:games 640
/etc/streamside/apps/jots/app.env root:root 600
/etc/streamside/apps/jots/app.secret.env root:root 600
/etc/streamside/apps/jots/litestream.env root:root 600
marked on ado-one`,
    )
    await lab.rewrite({ apps: {} })
    const left = await lab.provision(['--prune'])
    expect(`${left.stdout}${left.stderr}`).not.toContain('open sesame')
    expect(await shellInHost(one, 'ls /etc/jots /etc/streamside/apps 2>&1 || :')).not.toMatch(/word|jots\n/)
    expect(await shellInHost(one, 'systemctl cat jotter 2>&1 || :')).toMatch(/No files found for jotter.service/)
    expect(await words()).toBe('jot-,jot-,jot-marked')
  })
})

const appsOf = (run: Run) =>
  eventsOf(run, 'host-status').flatMap((event) => (event['status'] as { apps: AppStatus[] }).apps)
const statesOf = (run: Run) => Object.fromEntries(appsOf(run).map(({ app, state }) => [app, state]))
const codesOf = (run: Run) =>
  eventsOf(run, 'problem').map((event) => {
    const { code, app } = event['problem'] as { code: string; app: string }
    return `${code} ${app}`
  })
