import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type LabHost, runInHost, shellInHost } from '../lab/index.ts'
import { changesOf, mainPid } from './host-state.ts'
import { arrived, logOn } from './logging-site.ts'
import { eventsOf, type Run, type Site, site, streamside, until } from './site.ts'

let lab: Site
let one: LabHost
let two: LabHost
let scratch: string

const logs = { servers: ['conf-one', 'conf-two'], queue: 'durable', 'disk-share': '16M' }
const clientFile = '/etc/rsyslog.d/10-streamside.conf'

/** Changes what stands below `logs`, for this test and those after it. */
const change = (more: Record<string, unknown>) => lab.rewrite({ apps: {}, logs: { ...logs, ...more } })
const problemsOf = (run: Run) =>
  eventsOf(run, 'problem').map((event) => event['problem'] as { code: string; found: string; next: string })
/** Of what was refused or put back nothing is left to be done, once the inventory is what it was before that. */
const planned = async () => changesOf(await lab.run(['plan', '--json']))
const stateOf = async (host: LabHost) => ({
  pid: await mainPid(host, 'rsyslog.service'),
  files: await shellInHost(
    host,
    'cat /etc/rsyslog.d/*streamside* /etc/systemd/journald.conf.d/99-streamside.conf | sha256sum',
  ),
})

beforeAll(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'streamside-logging-'))
  lab = await site('logging-files', [{ name: 'conf-one' }, { name: 'conf-two', suite: 'trixie' }], { apps: {}, logs })
  one = lab.host('conf-one')
  two = lab.host('conf-two')
  await lab.provision()
})

afterAll(() => rm(scratch, { recursive: true, force: true }))

test('a second run is one exec on each host, and changes nothing', async () => {
  const run = await lab.provision()
  expect(changesOf(run)).toEqual([])
  expect(eventsOf(run, 'host-done').map((event) => event['execs'])).toEqual([1, 1])
})

describe('what is not valid', () => {
  test('among the user’s own snippets is named by file and line; the old configuration runs on', async () => {
    const before = await stateOf(two)
    await shellInHost(two, `printf '# mine\\n\\nif $msg contains "x then {\\n' >/etc/rsyslog.d/60-mine.conf`)
    await change({ queue: 'light', journal: { size: '48M' } })
    const run = await lab.provision(['--limit', 'conf-two'], 1)
    const [problem] = problemsOf(run)
    expect(problem?.code).toBe('not-valid')
    expect(problem?.found).toMatch(/\/etc\/rsyslog\.d\/60-mine\.conf, on or before line [34]/)
    expect(problem?.next).toMatch(/60-mine\.conf on conf-two is none of streamside's: mend that there/)
    const lines = problem?.found.split('\n') ?? []
    expect(lines).toEqual([...new Set(lines)])
    expect(await stateOf(two)).toEqual(before)
    await change({})
    expect(await planned()).toEqual([])
    await change({ queue: 'light' })
    await runInHost(two, ['rm', '/etc/rsyslog.d/60-mine.conf'])
    expect(changesOf(await lab.provision(['--limit', 'conf-two']))).toEqual([
      `update ${clientFile}`,
      'restart rsyslog.service',
    ])
    await lab.provision()
  })

  test('and of which rsyslogd names another file, or none, is named all the same', async () => {
    await runInHost(two, ['touch', '/etc/rsyslog.d/70-good.conf'])
    const told = async (snippet: string) => {
      await shellInHost(two, 'printf %s "$1" >"/etc/rsyslog.d/60 mine.conf"', [snippet])
      const run = await lab.provision(['--limit', 'conf-two'])
      return eventsOf(run, 'warning').map((event) => String(event['message']).split('\n').at(-1))
    }
    const blamed = 'without /etc/rsyslog.d/60 mine.conf the configuration is valid'
    expect(await told('if $msg contains "x" then {\n  stop\n')).toEqual([blamed])
    expect(await told('# mine\n\nif $msg contains "x" then call nowhere\n')).toEqual([`${blamed}, see its line 3`])
    expect(await told('\n$NoSuchDirective on\n')).toEqual([`${blamed}, see its line 2`])
    await change({})
    const refused = problemsOf(await lab.provision(['--limit', 'conf-two'], 1))[0]
    expect(refused?.found).toContain(`${blamed}, see its line 2`)
    expect(refused?.next).toMatch(/; \/etc\/rsyslog\.d\/60 mine\.conf on conf-two is none of streamside's/)
    await change({ queue: 'light' })
    await runInHost(two, ['rm', '/etc/rsyslog.d/60 mine.conf', '/etc/rsyslog.d/70-good.conf'])
    expect(await planned()).toEqual([])
  })

  test('is told when nothing else is to be done, too: before a reboot shows it', async () => {
    const before = await stateOf(two)
    await shellInHost(two, `printf '# mine\\n\\nif $msg contains "x then {\\n' >/etc/rsyslog.d/60-mine.conf`)
    const run = await lab.provision(['--limit', 'conf-two'])
    expect(changesOf(run)).toEqual([])
    const [warning] = eventsOf(run, 'warning')
    expect(warning?.['code']).toBe('rsyslog-invalid')
    expect(warning?.['message']).toMatch(/\/etc\/rsyslog\.d\/60-mine\.conf, on or before line [34]/)
    expect(await stateOf(two)).toEqual(before)
    await runInHost(two, ['rm', '/etc/rsyslog.d/60-mine.conf'])
    expect(eventsOf(await lab.provision(), 'warning')).toEqual([])
  })

  test('in a template is named by file and line as well, for rsyslog and for journald', async () => {
    const before = await stateOf(one)
    const checkout = path.resolve(import.meta.dirname, '../..')
    for (const part of ['src', 'templates', 'package.json'])
      await cp(path.join(checkout, part), path.join(scratch, part), { recursive: true })
    await symlink(path.join(checkout, 'node_modules'), path.join(scratch, 'node_modules'))
    const cases = [
      {
        file: 'rsyslog/client.conf.hbs',
        from: 'KeepAlive="on"',
        to: 'KeepAlife="on"',
        told: /10-streamside\.conf.*line \d+/s,
      },
      {
        file: 'journald/streamside.conf.hbs',
        from: '[Journal]',
        to: '[Journal]\nStorrage=all',
        told: /99-streamside\.conf .*line 4:Storrage=all/,
      },
    ]
    for (const { file, from, to, told } of cases) {
      const template = path.join(scratch, 'templates', file)
      const text = await readFile(template, 'utf8')
      await writeFile(template, text.replace(from, to))
      const args = ['provision', '--json', '--limit', 'conf-one', '--inventory', lab.inventory]
      const run = await streamside(args, { checkout: scratch })
      expect(run.code).toBe(1)
      expect(problemsOf(run)[0]?.found).toMatch(told)
      expect(await stateOf(one)).toEqual(before)
      await writeFile(template, text)
    }
  })

  test('only once it runs, as a port that somebody else has: the old files are back, and it listens where it did', async () => {
    const before = await stateOf(one)
    await runInHost(one, [
      'systemd-run',
      '-q',
      '--unit=squatter',
      'systemd-socket-activate',
      '-l',
      `${one.address}:1514`,
      'cat',
    ])
    const journald = await mainPid(one, 'systemd-journald.service')
    await change({ queue: 'light', port: 1514, journal: { size: '48M' } })
    const [problem] = problemsOf(await lab.provision(['--limit', 'conf-one'], 1))
    expect(problem?.found).toMatch(/nothing of it listens on port 1514, which process \d+ \(.+\) has/)
    expect((await stateOf(one)).files).toBe(before.files)
    expect(await shellInHost(one, 'ss -ltnpH "sport = :514"')).toContain('rsyslogd')
    await change({ queue: 'light' })
    expect(await mainPid(one, 'systemd-journald.service')).not.toBe(journald)
    expect(await planned()).toEqual([])
    await runInHost(one, ['systemctl', 'stop', 'squatter'])
    await lab.provision()
  })
})

describe('drift', () => {
  test('of the folder that a host’s key and the tables lie in is put right, and restarts nothing', async () => {
    const before = await mainPid(one, 'rsyslog.service')
    await runInHost(one, ['chmod', '0777', '/etc/rsyslog.d/streamside', '/var/log/hosts'])
    const changed = ['update /etc/rsyslog.d/streamside', 'update /var/log/hosts']
    expect(changesOf(await lab.run(['plan', '--json'])).toSorted()).toEqual(changed)
    expect(changesOf(await lab.provision()).toSorted()).toEqual(changed)
    expect(await mainPid(one, 'rsyslog.service')).toBe(before)
    expect(changesOf(await lab.provision())).toEqual([])
  })

  const files = [
    clientFile,
    '/etc/rsyslog.d/05-streamside-server.conf',
    '/etc/rsyslog.d/streamside/hosts.json',
    '/etc/rsyslog.d/streamside/programs.json',
    '/etc/streamside/logs',
    '/etc/systemd/journald.conf.d/99-streamside.conf',
    '/etc/systemd/system/rsyslog.service.d/50-streamside.conf',
    '/etc/systemd/system/streamside-logs.service',
    '/etc/systemd/system/streamside-logs.timer',
  ]

  test('in each file is named and mended, and what runs from it restarts', async () => {
    await shellInHost(one, `for file in "$@"; do printf '# edited\\n' >>"$file"; done`, files)
    await runInHost(one, ['systemctl', 'disable', '--now', 'rsyslog.service', 'streamside-logs.timer'])
    const plan = await lab.run(['plan', '--json'])
    expect(plan.code).toBe(7)
    const named = changesOf(plan)
    expect(named).toEqual(expect.arrayContaining(files.map((file) => `update ${file}`)))
    expect(named).toEqual(
      expect.arrayContaining([
        'restart systemd-journald.service',
        'start rsyslog.service',
        'enable rsyslog.service',
        'start streamside-logs.timer',
      ]),
    )
    expect(changesOf(await lab.provision()).sort()).toEqual(named.sort())
    expect(await shellInHost(one, 'cat "$@" | grep -c edited || :', files)).toBe('0\n')
    const again = await lab.run(['provision', '--json'])
    expect(changesOf(again), again.stdout).toEqual([])
    await logOn(one, 'told after the drift')
    await arrived(two, 'told after the drift')
  })

  test('of the journal by a drop-in that counts after ours is told of', async () => {
    await shellInHost(one, `printf '[Journal]\\nStorage=none\\n' >/etc/systemd/journald.conf.d/99-zz.conf`)
    const warnings = eventsOf(await lab.provision(), 'warning')
    expect(warnings).toEqual([expect.objectContaining({ code: 'journald-overridden', host: 'conf-one' })])
    expect(String(warnings[0]?.['message'])).toContain('Storage=none from /etc/systemd/journald.conf.d/99-zz.conf')
    await runInHost(one, ['rm', '/etc/systemd/journald.conf.d/99-zz.conf'])
  })
})

test('the journal is where the inventory says, after the drop-in of Raspberry Pi OS', async () => {
  const vendor = '/usr/lib/systemd/journald.conf.d/40-rpi-volatile-storage.conf'
  await shellInHost(one, `mkdir -p "\${1%/*}" && printf '[Journal]\\nStorage=volatile\\n' >"$1"`, [vendor])
  await runInHost(one, ['systemctl', 'restart', 'systemd-journald.service'])
  expect(changesOf(await lab.provision())).toEqual([])
  await runInHost(one, ['journalctl', '--flush'])
  const kept = () =>
    shellInHost(one, 'journalctl --header | sed -n "s/^File path: \\(\\/[a-z]*\\/log\\).*/\\1/p" | sort -u')
  expect(await kept()).toContain('/var/log')
  await change({ queue: 'light', journal: { storage: 'volatile', size: '16M' } })
  const pid = await mainPid(one, 'systemd-journald.service')
  await lab.provision()
  expect(await mainPid(one, 'systemd-journald.service')).not.toBe(pid)
  await logOn(one, 'told to a volatile journal')
  await arrived(two, 'told to a volatile journal')
  await until('the line to be in the journal in memory', 10, async () => {
    const said = await shellInHost(one, 'journalctl --directory=/run/log/journal --output=cat --since=-5min')
    return said.includes('told to a volatile journal') ? true : null
  })
})

test('what a log server keeps is rotated by age, and rsyslog goes on', async () => {
  const folder = '/var/log/hosts/conf-one'
  await shellInHost(
    one,
    'echo old >"$1/messages.log.20200101T000000Z"; touch -d "31 days ago" "$1"/*Z; echo 2020-01-01 >/var/log/hosts/.day',
    [folder],
  )
  await runInHost(one, ['systemctl', 'start', 'streamside-logs.service'])
  expect(await shellInHost(one, 'ls "$1" | grep -c "^messages.log.2020" || :', [folder])).toBe('0\n')
  expect(await shellInHost(one, 'ls "$1" | grep -c "^messages.log.2"', [folder])).toBe('1\n')
  await logOn(one, 'told after the rotation')
  expect(await arrived(one, 'told after the rotation')).toEqual({ 'conf-one/messages.log': 1 })
})

test('without logs in the inventory all of it goes again, but for what was received', async () => {
  await lab.rewrite({ apps: {} })
  const run = await lab.provision()
  expect(changesOf(run)).toEqual(expect.arrayContaining([`remove ${clientFile}`, 'restart rsyslog.service']))
  for (const host of [one, two]) {
    const left =
      'find /etc/rsyslog.d /etc/systemd /etc/streamside /var/spool/rsyslog -name "*streamside*" ! -path /etc/streamside -o -path /etc/streamside/logs'
    expect(await shellInHost(host, left)).toBe('')
    expect(await shellInHost(host, 'systemctl is-active rsyslog systemd-journald; ss -ltnH "sport = :514"')).toBe(
      'active\nactive\n',
    )
    expect(await shellInHost(host, 'ls /var/log/hosts')).toContain('conf-one')
  }
  const again = await lab.provision()
  expect(changesOf(again)).toEqual([])
})
