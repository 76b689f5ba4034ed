import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { boot, bridgeAddressOf, cutPower, type LabHost, powerOff, runInHost, shellInHost } from '../lab/index.ts'
import { mainPid } from './host-state.ts'
import { arrived, foundOn, logOn, pathsOf, dial, send } from './logging-site.ts'
import { notesApp, site, type Site, until, writeRow } from './site.ts'

let lab: Site
let one: LabHost
let two: LabHost
let three: LabHost
let scratch: string

beforeAll(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'streamside-logging-'))
  const unit = path.join(scratch, 'bookkeeper.service')
  await writeFile(unit, '[Service]\nExecStart=/usr/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n')
  const service = { unit: 'bookkeeper.service', from: unit, 'logs-as': ['books.d'] }
  const apps = { lognotes: notesApp('log-three', 8141), logbook: { host: 'log-three', service } }
  const logs = { servers: ['log-one', 'log-two'], queue: 'durable', 'disk-share': '16M' }
  lab = await site('logging', [{ name: 'log-one' }, { name: 'log-two', suite: 'trixie' }, { name: 'log-three' }], {
    apps,
    logs,
  })
  one = lab.host('log-one')
  two = lab.host('log-two')
  three = lab.host('log-three')
  await lab.provision()
})

afterAll(() => rm(scratch, { recursive: true, force: true }))

describe('an event that happens on a host', () => {
  test('arrives at every log server, in a folder of the host’s name', async () => {
    for (const host of [one, two, three]) {
      const text = `told on ${host.name}`
      await logOn(host, text)
      const where = { [`${host.name}/messages.log`]: 1 }
      expect(await arrived(one, text)).toEqual(where)
      expect(await arrived(two, text)).toEqual(where)
    }
  })

  test('of an app stands in the app’s file, each of its units by its own name, and what Litestream says by its fields', async () => {
    await writeRow(three, 8141, 'a row')
    await logOn(three, 'said by the app', 'lognotes')
    expect(await arrived(one, 'said by the app')).toEqual({ 'log-three/lognotes.log': 1 })
    const file = '/var/log/hosts/log-three/lognotes.log'
    const tags = await until('all units of the app to have said something', 30, async () => {
      const said = await shellInHost(two, `cut -d' ' -f3 ${file} | sed 's/\\[.*//; s/:$//' | sort -u`)
      return said.includes('lognotes-litestream') && said.includes('lognotes-gate') ? said.trim().split('\n') : null
    })
    expect(tags).toEqual(expect.arrayContaining(['lognotes', 'lognotes-gate', 'lognotes-litestream']))
    const line = await shellInHost(two, `grep -m 1 'lognotes-litestream.*level=INFO' ${file}`)
    expect(line).toMatch(/ lognotes-litestream\[[0-9]+\]: level=INFO msg="[^"]+" \{/)
    expect(await shellInHost(two, `grep -c '\\\\/' ${file} || :`)).toBe('0\n')
  })

  test('of Litestream keeps its severity where a level of compaction stands beside it', async () => {
    const said = '{"time":"2026-01-01T00:00:00Z","level":"WARN","msg":"compacted at nine","level":9,"rows":3}'
    await logOn(three, said, 'lognotes-litestream')
    await arrived(two, 'compacted at nine')
    const line = await shellInHost(two, 'grep -h "compacted at nine" /var/log/hosts/log-three/lognotes.log')
    expect(line).toMatch(/ level=WARN msg="compacted at nine" \{ "rows": 3, "compaction_level": 9 \}$/m)
  })
})

describe('an event of an adopted service', () => {
  test.each(['bookkeeper', 'books.d', 'logbook'])('that bears the name %s stands in the app’s file', async (name) => {
    await logOn(three, `an entry by ${name}`, name)
    for (const server of [one, two])
      expect(await arrived(server, `an entry by ${name}`)).toEqual({ 'log-three/logbook.log': 1 })
  })

  test('is nobody’s on a host where it is not adopted', async () => {
    await logOn(two, 'an entry elsewhere', 'bookkeeper')
    expect(await arrived(one, 'an entry elsewhere')).toEqual({ 'log-two/messages.log': 1 })
  })
})

describe('an event from the network', () => {
  test('is kept and not sent on, also when it comes from the log server itself', async () => {
    const sent = [
      { from: three, text: 'over the network', where: 'log-three/messages.log' },
      { from: one, text: 'over the own network', where: 'log-one/messages.log' },
    ]
    for (const { from, text, where } of sent) {
      await runInHost(from, ['logger', '--tcp', '--octet-count', '-n', one.address, '-P', '514', '-t', 'net', text])
      expect(await arrived(one, text)).toEqual({ [where]: 1 })
    }
    // what would have been sent on has been by the time that an event of its own is there
    await logOn(one, 'told after those')
    await arrived(two, 'told after those')
    for (const { text } of sent) expect(await foundOn(two, text)).toEqual({})
  })

  test('is not even taken on loopback: the log server listens on its own address alone', async () => {
    const listening = await shellInHost(one, 'ss -ltnH "sport = :514"')
    expect(listening.trim().split('\n')).toHaveLength(1)
    expect(listening).toContain(`${one.address}:514`)
  })

  test('writes nothing outside of its folder, whatever names it bears', async () => {
    const before = await pathsOf(one)
    const folder = `_unknown/${bridgeAddressOf(lab.lab.instance)}`
    await send(one, '<13>1 2026-01-01T00:00:00Z ../../x ../../../etc/cron.d/y ../z - - escape-one\n')
    await send(one, '<13>Jan  1 00:00:00 ../../x ../../../../etc/cron.d/y: escape-two\n')
    await send(one, '<13>1 2026-01-01T00:00:00Z h lognotes/../../../x - - - escape-three\n')
    await send(one, `<13>1 2026-01-01T00:00:00Z h ${'n'.repeat(300)} - - - escape-four\n`)
    for (const text of ['escape-one', 'escape-two', 'escape-four'])
      expect(await arrived(one, text)).toEqual({ [`${folder}/messages.log`]: 1 })
    // to rsyslog a program's name ends at the first slash, and that is the name of an app
    expect(await arrived(one, 'escape-three')).toEqual({ [`${folder}/lognotes.log`]: 1 })
    const after = await pathsOf(one)
    expect([...after].filter((path) => !before.has(path))).toEqual([])
  })

  test('of 64 KB, or with control characters, breaks nothing', async () => {
    const escape = '\u001b[2J\u0007\u0000\u007f'
    await send(one, `<13>1 2026-01-01T00:00:00Z h${escape} p${escape} - - - control ${escape}characters\n`)
    await send(one, `<13>1 2026-01-01T00:00:00Z h p - - - long ${'x'.repeat(65_536)}\n`)
    await send(one, `65600 <13>1 2026-01-01T00:00:00Z h p - - - counted ${'x'.repeat(65_552)}`)
    await send(one, '<13>1 2026-01-01T00:00:00Z h p - - - after the long ones\n')
    await arrived(one, 'after the long ones')
    const file = `/var/log/hosts/_unknown/${bridgeAddressOf(lab.lab.instance)}/messages.log`
    expect(Object.values(await foundOn(one, 'characters'))).toEqual([1])
    expect(await shellInHost(one, `LC_ALL=C tr -d '\\12\\40-\\176\\200-\\377' <${file} | wc -c`)).toBe('0\n')
    const folders = await shellInHost(one, 'cd /var/log/hosts && find . -type d | sort')
    expect(folders.trim().split('\n')).toEqual([
      '.',
      './_unknown',
      `./_unknown/${bridgeAddressOf(lab.lab.instance)}`,
      './log-one',
      './log-three',
      './log-two',
    ])
  })

  test('in a flood stays within the share of the disk, and the others still get through', async () => {
    const pid = await mainPid(one, 'rsyslog.service')
    const socket = await dial(one)
    const line = `<13>1 2026-01-01T00:00:00Z h p - - - ${'flood '.repeat(80)}\n`
    const sizes: number[] = []
    let waiting = 0
    for (let second = 0; second < 6; second++) {
      const next = new Promise((resolve) => setTimeout(resolve, 1000))
      // as fast as the server takes them, and 10,000 a second at most
      for (let n = 0; n < 10; n++)
        if (!socket.write(line.repeat(1000))) await new Promise((resolve) => socket.once('drain', resolve))
      if (second === 2) {
        const began = Date.now()
        await logOn(three, 'told in the flood')
        await arrived(one, 'told in the flood', 30)
        waiting = Date.now() - began
      }
      sizes.push(Number(await shellInHost(one, 'du -sb /var/log/hosts | cut -f1')))
      await next
    }
    socket.end()
    const taken = await until('the flood to be taken', 60, async () => {
      const [before, after] = [sizes.at(-1), Number(await shellInHost(one, 'sleep 1; du -sb /var/log/hosts | cut -f1'))]
      sizes.push(after)
      return before === after ? after : null
    })
    // 29 MB were sent
    expect(Math.max(...sizes)).toBeLessThanOrEqual(16 * 2 ** 20)
    expect(taken).toBeGreaterThan(2 ** 20)
    expect(waiting).toBeLessThan(20_000)
    // what was begun in the flood, too, is there for whoever may read logs
    expect(await shellInHost(one, 'find /var/log/hosts -name "*.log*" ! \\( -group adm -perm -g+r \\)')).toBe('')
    expect(await mainPid(one, 'rsyslog.service')).toBe(pid)
    // what the others have sent before is there still: a flood pushes out its own past
    expect(await foundOn(one, 'told on log-two')).not.toEqual({})
  })
})

describe('a log server that was away', () => {
  test('gets all that was told meanwhile, also over a power cut of the client', async () => {
    await powerOff(two)
    await shellInHost(three, 'for n in $(seq 1 60); do logger -t logging-test "away $n."; done')
    await until('the lines to be on the card', 20, async () => {
      const queued = await shellInHost(three, 'cat /var/spool/rsyslog/streamside-to-log-two.0*')
      return queued.includes('away 60.') ? true : null
    })
    await cutPower(three)
    await Promise.all([boot(three), boot(two)])
    await arrived(two, 'away 60.', 90)
    const said = await shellInHost(two, `grep -rhoE 'away [0-9]+\\.' /var/log/hosts/log-three | sort -u | wc -l`)
    expect(said).toBe('60\n')
    // after a boot nothing is to be done, either, once the gates have let their apps through
    await until('lognotes to be up again', 60, async () =>
      (await shellInHost(three, 'systemctl is-active lognotes.service || :')) === 'active\n' ? true : null,
    )
    const again = await lab.provision()
    expect(again.events.filter((event) => event['type'] === 'change')).toEqual([])
  })
})
