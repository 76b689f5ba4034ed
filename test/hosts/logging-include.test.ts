import { beforeAll, describe, expect, test } from 'vitest'
import { type LabHost, shellInHost } from '../lab/index.ts'
import { changesOf, mainPid } from './host-state.ts'
import { arrived, logOn } from './logging-site.ts'
import { eventsOf, type Run, type Site, site } from './site.ts'

let lab: Site
let one: LabHost
let two: LabHost

const logs = { servers: ['inc-one', 'inc-two'], 'disk-share': '16M' }
const clientFile = '/etc/rsyslog.d/10-streamside.conf'
const problemsOf = (run: Run) =>
  eventsOf(run, 'problem').map((event) => event['problem'] as { code: string; found: string; next: string })

beforeAll(async () => {
  lab = await site('logging-include', [{ name: 'inc-one' }, { name: 'inc-two', suite: 'trixie' }], { apps: {}, logs })
  one = lab.host('inc-one')
  two = lab.host('inc-two')
  await lab.provision()
})

describe('a rsyslog.conf that includes nothing of /etc/rsyslog.d', () => {
  const own = 'module(load="imuxsock")\nmodule(load="imklog")\n*.* /var/log/everything.log\n'
  const codes = (run: Run) => problemsOf(run).map(({ code }) => code)

  test('is told by plan and status when its line goes, and provision refuses', async () => {
    const before = await mainPid(two, 'rsyslog.service')
    await shellInHost(two, `cp -a /etc/rsyslog.conf /root/ && sed -i 's/^.IncludeConfig/#&/' /etc/rsyslog.conf`)
    expect(codes(await lab.run(['plan', '--json']))).toEqual(['rsyslog-not-included'])
    const [problem] = problemsOf(await lab.provision(['--limit', 'inc-two'], 1))
    expect(problem?.found).toContain(`/etc/rsyslog.d/05-streamside-server.conf and ${clientFile}`)
    expect(problem?.next).toMatch(/include\(file="\/etc\/rsyslog\.d\/\*\.conf"\) .* \/etc\/rsyslog\.conf on inc-two/)
    expect((await lab.run(['status', '--json'])).stdout).toContain('"code":"rsyslog-not-included"')
    expect(await mainPid(two, 'rsyslog.service')).toBe(before)
  })

  test('is refused before anything is laid, and forwards once it has the line', async () => {
    await lab.rewrite({ apps: {} })
    await lab.provision(['--limit', 'inc-two'])
    await shellInHost(two, 'printf %s "$1" >/etc/rsyslog.conf', [own])
    await lab.rewrite({ apps: {}, logs })
    expect(codes(await lab.run(['plan', '--json', '--limit', 'inc-two']))).toEqual(['rsyslog-not-included'])
    expect(codes(await lab.provision(['--limit', 'inc-two'], 1))).toEqual(['rsyslog-not-included'])
    expect(await shellInHost(two, 'ls /etc/rsyslog.d | grep "streamside.*conf" || :')).toBe('')
    await shellInHost(two, `echo 'include(file="/etc/rsyslog.d/*.conf")' >>/etc/rsyslog.conf`)
    await lab.provision(['--limit', 'inc-two'])
    await logOn(two, 'told by a configuration of their own')
    await arrived(one, 'told by a configuration of their own')
    await shellInHost(two, 'mv /root/rsyslog.conf /etc/rsyslog.conf && systemctl restart rsyslog')
    const again = await lab.provision()
    expect(changesOf(again)).toEqual([])
    expect(eventsOf(again, 'host-done').map((event) => event['execs'])).toEqual([1, 1])
  })

  test('is refused by the host itself where the package comes with the run', async () => {
    await lab.rewrite({ apps: {} })
    await lab.provision(['--limit', 'inc-two'])
    await shellInHost(
      two,
      'cp -a /etc/rsyslog.conf /root/ && DEBIAN_FRONTEND=noninteractive apt-get remove -y -qq rsyslog >/dev/null 2>&1 && printf %s "$1" >/etc/rsyslog.conf',
      [own],
      { deadlineSeconds: 120 },
    )
    await lab.rewrite({ apps: {}, logs })
    // nothing is known of it as long as there is no rsyslog
    expect(codes(await lab.run(['plan', '--json', '--limit', 'inc-two']))).toEqual([])
    expect(codes(await lab.provision(['--limit', 'inc-two'], 1))).toEqual(['rsyslog-not-included'])
    expect(await shellInHost(two, 'ls /etc/rsyslog.d | grep "streamside.*conf" || :')).toBe('')
    await shellInHost(two, 'mv /root/rsyslog.conf /etc/rsyslog.conf && systemctl restart rsyslog')
    await lab.provision()
    expect(changesOf(await lab.run(['plan', '--json']))).toEqual([])
  })
})
