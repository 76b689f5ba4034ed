import { beforeAll, describe, expect, test, vi } from 'vitest'
import { bridgeAddressOf, putFile, runInHost, shellInHost } from '../lab/index.ts'
import { type Gated, gated, gatedApps, replaceOwner, rowsOnceUp } from './gated.ts'
import { eventsOf, type Site, site, until } from './site.ts'
import { allWell, appOf, codes, said, statusOf } from './status-answer.ts'

// Each test runs the command several times, and waits for hosts in between.
vi.setConfig({ testTimeout: 240_000 })

const parts = {
  ...gatedApps('sf-one', 8351, ['sf-notes', 'sf-files', 'sf-other']),
  ...gatedApps('sf-two', 8361, ['sf-second']),
}
let lab: Site
const app = (name: string): Gated => gated(lab, 'status-found', parts, name)
const one = () => lab.host('sf-one')

beforeAll(async () => {
  lab = await site('status-found', [{ name: 'sf-one' }, { name: 'sf-two', suite: 'trixie' }], { apps: parts })
  await lab.provision()
  await allWell(lab)
})

describe('files that no replica holds', () => {
  const hostile = `data/\u001b[31mred "quoted" 'and' $(touch pwned)\n\ttail`
  // 3 MB below a folder of their own, and a file of a hostile name beside the database
  beforeAll(async () => {
    await shellInHost(
      one(),
      `cd /var/lib/sf-files && mkdir -p images/2024/may && head -c 3000000 /dev/zero >images/2024/may/a.jpg &&
       : >images/empty && head -c 5000 /dev/zero >"$1" && head -c 7000 /dev/zero >data/other.db && chown -R sf-files:sf-files .`,
      [hostile],
    )
  })

  test('may lie where the app’s user does not get: that is told as what it is', async () => {
    const hidden = '/var/lib/sf-files/images/hidden'
    await shellInHost(one(), 'install -d -m 0700 "$1" && head -c 100 /dev/zero >"$1/more"', [hidden])
    const found = appOf(await statusOf(lab, '--limit', 'sf-one'), 'sf-files', 'sf-one')
    expect(found.unheld).toMatchObject({ bytes: 3_012_000, denied: 'images/hidden', partial: false })
    expect(codes(found.wrong)).toEqual(['unheld', 'unheld-denied'])
    await lab.rewrite({ apps: { ...parts, 'sf-files': { ...parts['sf-files'], unprotected: ['images'] } } })
    const accepted = appOf(await statusOf(lab, '--limit', 'sf-one'), 'sf-files', 'sf-one')
    expect(accepted.unheld).toMatchObject({ denied: null, partial: false })
    await lab.rewrite({ apps: parts })
    await shellInHost(one(), 'rm -r "$1"', [hidden])
  })

  test('are counted, and named by the highest folder that holds nothing else, whatever they are called', async () => {
    const answer = await statusOf(lab, '--limit', 'sf-one')
    expect(answer.code, said(answer)).toBe(1)
    const found = appOf(answer, 'sf-files', 'sf-one')
    expect(found.unheld).toMatchObject({
      bytes: 3_012_000,
      paths: [
        { path: 'images', bytes: 3_000_000, files: 2 },
        { path: 'data/other.db', bytes: 7000 },
        { path: hostile, bytes: 5000 },
      ],
      accepted: [],
      partial: false,
    })
    expect(codes(found.wrong)).toEqual(['unheld'])
    expect(found.replica?.protection).toBe('protected')
    const table = await lab.run(['status', '--limit', 'sf-one'])
    expect(table.stdout).not.toContain('\u001b')
    expect(table.stdout).toMatch(/^ {2}sf-files .* 2\.9 MB$/m)
    expect(table.stdout.replaceAll(/\s+/g, ' ')).toContain('images (2.9 MB), data/other.db (6.8 KB), ')
    for (const line of table.stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80)
  })

  test('are listed as accepted, not as wrong, when the inventory accepts them', async () => {
    await lab.rewrite({
      apps: { ...parts, 'sf-files': { ...parts['sf-files'], unprotected: ['./images/', 'data/other.db', hostile] } },
    })
    const answer = await statusOf(lab, '--limit', 'sf-one')
    expect(answer.code, said(answer)).toBe(0)
    const { unheld } = appOf(answer, 'sf-files', 'sf-one')
    expect(unheld).toMatchObject({ bytes: 0, paths: [] })
    expect(unheld.accepted.map(({ path, bytes }) => [path, bytes])).toEqual([
      ['images', 3_000_000],
      ['data/other.db', 7000],
      [hostile, 5000],
    ])
    const table = await lab.run(['status', '--limit', 'sf-one'])
    expect(table.stdout.replaceAll(/\n\s+/g, ' ')).toMatch(
      /sf-one sf-files: in no replica, accepted: images \(2\.9 MB\), /,
    )
    await lab.rewrite({ apps: parts })
    await shellInHost(one(), 'cd /var/lib/sf-files && rm -rf images data/other.db "$1"', [hostile])
  })
})

test('another holder is named', async () => {
  const other = app('sf-other')
  const back = await replaceOwner(other, (owner) => ({
    ...owner,
    holder: { host: 'pi-elsewhere', id: 'e'.repeat(64) },
  }))
  const answer = await statusOf(lab, '--limit', 'sf-one')
  await back()
  expect(answer.code, said(answer)).toBe(1)
  const found = appOf(answer, 'sf-other', 'sf-one')
  expect(found.owner).toMatchObject({ read: true, thisHost: false, holder: 'pi-elsewhere' })
  expect(found.wrong[0]?.text).toMatch(/sf-other is held by pi-elsewhere|another host holds sf-other/)
  expect(appOf(answer, 'sf-notes', 'sf-one').wrong).toEqual([])
  // the timer may have seen it too, and then the app is fenced until its next start
  await runInHost(other.host, ['systemctl', 'restart', '--no-block', 'sf-other.service'])
  await rowsOnceUp(other)
  await allWell(lab)
})

test('an owner object that is gone is a replica that is not sound: exit 6', async () => {
  const back = await replaceOwner(app('sf-other'), () => null)
  const answer = await statusOf(lab)
  await back()
  expect(answer.code, said(answer)).toBe(6)
  expect(appOf(answer, 'sf-other', 'sf-one').wrong[0]).toMatchObject({ code: 'owner-gone', exit: 6 })
  await allWell(lab)
})

test('a host that is not reached does not keep the others from answering: exit 3, and 1 when something is wrong beside it', async () => {
  const away = { address: bridgeAddressOf(lab.lab.instance), port: 9 }
  await lab.rewrite({ apps: parts, hosts: { 'sf-one': {}, 'sf-two': {}, 'sf-away': away } })
  const answer = await statusOf(lab)
  expect(answer.code, said(answer)).toBe(3)
  expect([...answer.hosts.keys()].sort()).toEqual(['sf-one', 'sf-two'])
  expect(eventsOf(answer, 'problem')).toMatchObject([
    { problem: { code: 'connection-refused', host: 'sf-away', exit: 3 } },
  ])
  const table = await lab.run(['status'])
  expect(table.stdout).toMatch(/^sf-away {2}unreachable: /m)
  expect(table.stdout).toMatch(/3 hosts, 1 not seen, nothing wrong on the others/)
  await runInHost(one(), ['systemctl', 'stop', 'sf-notes'])
  expect((await statusOf(lab)).code).toBe(1)
  await runInHost(one(), ['systemctl', 'start', 'sf-notes'])
  await lab.rewrite({ apps: parts })
  await allWell(lab)
})

test('drift is what plan says', async () => {
  await shellInHost(
    one(),
    'chmod 0600 /etc/systemd/system/sf-notes.service && echo "# mine" >>/etc/systemd/system/sf-files-gate.service',
  )
  const answer = await statusOf(lab, '--limit', 'sf-one')
  expect(answer.code, said(answer)).toBe(1)
  const plan = await lab.run(['plan', '--json', '--limit', 'sf-one'])
  const changes = eventsOf(plan, 'change').map(
    (event) => event['change'] as { kind: string; name: string; reason: string; action: string },
  )
  expect(changes.length).toBeGreaterThanOrEqual(2)
  const { drift } = answer.hosts.get('sf-one') ?? {}
  expect(drift).toEqual({
    known: true,
    changes: changes.map(({ kind, name, action, reason }) => ({ kind, name, action, reason })),
  })
  await lab.provision()
  await allWell(lab)
})

test('of a host whose / has become read-only the replicas are told all the same', async () => {
  // a journal that is open for writing would keep the mount busy; a card's error asks nobody
  const volatile = '/run/systemd/journald.conf.d/volatile.conf'
  await putFile(one(), volatile, '[Journal]\nStorage=volatile\n')
  await shellInHost(one(), 'systemctl restart systemd-journald')
  await until('/ to be read-only', 20, async () =>
    (await shellInHost(one(), 'mount -o remount,bind,ro / 2>/dev/null && echo yes || :')) === '' ? null : true,
  )
  try {
    const answer = await statusOf(lab, '--limit', 'sf-one')
    expect(answer.code, said(answer)).toBe(1)
    expect(codes(answer.hosts.get('sf-one')?.wrong ?? [])).toContain('read-only')
    const found = appOf(answer, 'sf-notes', 'sf-one')
    expect(codes(found.wrong)).not.toContain('not-looked-at')
    expect(found.replica?.databases[0]?.remote, JSON.stringify(found.replica)).toMatch(/[0-9a-f]{16}/)
  } finally {
    await shellInHost(one(), `mount -o remount,bind,rw /; rm ${volatile}; systemctl restart systemd-journald`)
  }
})

test('a release that is not on this machine keeps nobody from seeing how the hosts are', async () => {
  const release = { from: '/nonexistent/release', command: './notes' }
  await lab.rewrite({ apps: { ...parts, 'sf-notes': { ...parts['sf-notes'], release } } })
  const answer = await statusOf(lab, '--limit', 'sf-one')
  await lab.rewrite({ apps: parts })
  expect(answer.code, said(answer)).toBe(1)
  const found = answer.hosts.get('sf-one')
  expect(found?.drift).toEqual({ known: false, reason: expect.stringContaining('/nonexistent/release') })
  expect(codes(found?.wrong ?? [])).toEqual(['drift-unknown'])
  expect(appOf(answer, 'sf-notes', 'sf-one')).toMatchObject({ state: 'running', wrong: [] })
})
