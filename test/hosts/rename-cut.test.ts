import { beforeAll, describe, expect, test } from 'vitest'
import { boot, cutPower, type LabHost, setFaults, shellInHost } from '../lab/index.ts'
import { changesOf, failProgram, failSystemctl, mendProgram, mendSystemctl, transactionEnded } from './host-state.ts'
import { ports, problems, renamed, type Renamed } from './renamed.ts'
import { readRows, type Site, streamside, until, writeRow } from './site.ts'

let lab: Site
let one: LabHost
let shop: Renamed['shop']
let pages: Renamed['pages']
let owner: Renamed['owner']
let account: Renamed['account']

beforeAll(async () => {
  const made = await renamed('rename-cut', 'cut-one', { shop: 'cut-shop', pages: 'cut-site' })
  ;({ lab, host: one, shop, pages, owner, account } = made)
})

describe('a rename that was cut off', () => {
  /** How the app is called just now. */
  let name = 'cut-shop'
  let uid = ''
  const call = (next: string, was?: string, more: object = {}) =>
    lab.rewrite({
      apps: { [next]: shop(was === undefined ? more : { ...more, was }), 'cut-site': pages() },
    })
  const cuts = {
    groupmod: { program: '/usr/sbin/usermod', pattern: '*' },
    usermod: { program: '/usr/bin/mv', pattern: '"-T -- /var/lib/cut-"*' },
    mv: { program: '/usr/bin/systemctl', pattern: 'daemon-reload' },
  }
  /** Begins the rename and has it fail after that part. */
  async function cutAfter(part: keyof typeof cuts, next: string, was: string): Promise<void> {
    const { program, pattern } = cuts[part]
    await call(next, was)
    await failProgram(one, program, pattern)
    try {
      expect((await lab.run(['provision', '--json'])).code).toBe(1)
    } finally {
      await mendProgram(one, program)
    }
  }
  /** All of it has the name, and nothing of the host any other one. */
  async function isCalled(now: string): Promise<void> {
    expect(await account(now)).toBe(`${now}:${uid}:${uid}:/var/lib/${now}\n`)
    const all = `cut -d: -f1 /etc/passwd /etc/group | grep ^cut- | sort -u
      ls /var/lib /opt /etc/streamside/apps /etc/systemd/system | grep ^cut- | sed 's/\\(-gate\\|-litestream\\|-check\\)*\\.\\(service\\|timer\\)$//' | sort -u
      stat -c '%U %G' /var/lib/${now} /var/lib/${now}/data/notes.db | sort -u`
    const found = (await shellInHost(one, all)).trim().split('\n')
    expect([...new Set(found)].filter((line) => line !== 'cut-site').sort()).toEqual([now, `${now} ${now}`])
    expect(await owner(now)).toMatchObject({ holder: { host: 'cut-one' }, from: null, dbs: { main: { init: true } } })
    expect(changesOf(await lab.provision())).toEqual([])
    name = now
  }
  let rows: string[] = []
  async function hasItsRows(): Promise<void> {
    expect(await readRows(one, ports.shop)).toEqual(rows)
    rows.push(`${name} ${rows.length}`)
    await writeRow(one, ports.shop, rows.at(-1) ?? '')
  }

  test('after its group had it, and given up, is as it was before', async () => {
    uid = (await account(name)).split(':')[1] ?? ''
    rows = await readRows(one, ports.shop)
    const before = await owner(name)
    await cutAfter('groupmod', 'cut-group', name)
    await call(name)
    const run = await lab.provision()
    expect(changesOf(run, 'owner')).toEqual([`update owner object of ${name}`])
    await isCalled(name)
    expect(await owner(name)).toMatchObject({ epoch: before?.epoch, path: before?.path })
    await hasItsRows()
  })

  test.each([
    ['the user', 'usermod', 'by the name that it has', 'cut-user'],
    ['the folder', 'mv', 'by the name that it was to have', 'cut-folder'],
  ] as const)('after %s had it (%s), goes on to a third name, %s', async (_, part, by, half) => {
    const last = name
    await cutAfter(part, half, last)
    await call(`${half}-third`, by === 'by the name that it has' ? last : half)
    await lab.provision()
    await isCalled(`${half}-third`)
    expect((await owner(last))?.holder).toBe(null)
    expect(await owner(half)).toBe(null)
    await hasItsRows()
  })

  test('by a power cut, and by a second one on the way to a third name, is given up', async () => {
    const last = name
    for (const [part, next, was] of [
      ['usermod', 'cut-power', last],
      ['mv', 'cut-again', 'cut-power'],
    ] as const) {
      const { program, pattern } = cuts[part]
      await call(next, was)
      await failProgram(one, program, pattern, ': >/run/here; sleep 60')
      const run = lab.run(['provision', '--json'])
      await until('the cut', 60, async () => ((await shellInHost(one, 'ls /run/here || :')) === '' ? null : true))
      await cutPower(one)
      await boot(one)
      expect((await run).code).not.toBe(0)
      await mendProgram(one, program)
    }
    await call(last)
    await lab.provision()
    await isCalled(last)
    await hasItsRows()
  })

  test('when all was in place but the start, is given up, and goes to a third name', async () => {
    const last = name
    const killedAtStart = async (next: string) => {
      await call(next, last)
      await failSystemctl(one, '"start --no-block "*')
      let pid = 0
      await streamside(['provision', '--json', '--inventory', lab.inventory], {
        onStart: (started) => (pid = started),
        onLine: (line) => {
          if (line.includes('"step":"files"')) process.kill(pid, 'SIGKILL')
        },
      })
      await transactionEnded(one)
      await mendSystemctl(one)
      expect([await owner(next), await account(last)]).toEqual([null, ''])
    }
    await killedAtStart('cut-start')
    await call(last)
    await lab.provision()
    await isCalled(last)
    await hasItsRows()
    await killedAtStart('cut-start')
    await call('cut-later', last)
    await lab.provision()
    await isCalled('cut-later')
    await hasItsRows()
  })

  test('when its gate could not take the files up, is given up; what the new name was told of them then is told anew', async () => {
    const last = name
    const quick = { health: { http: `http://127.0.0.1:${ports.shop}/health`, within: '6s' } }
    const status = { kind: 'status' as const, status: 503 }
    const faultOn = (method: string) =>
      setFaults(lab.lab.instance, [{ method, path: '/rename-cut/cut-held/e000', do: status }])
    await call('cut-held', last, quick)
    await faultOn('GET')
    expect((await lab.run(['provision', '--json'])).code).not.toBe(0)
    await setFaults(lab.lab.instance, [])
    const order = await owner('cut-held')
    expect(order).toMatchObject({ epoch: 1, from: { local: expect.any(String) } })
    await call(last)
    await lab.provision()
    await isCalled(last)
    await hasItsRows()

    // Taken up this time, and not proven: nothing says any more that the files are those of the old name.
    await call('cut-held', last, quick)
    await faultOn('PUT')
    const run = lab.run(['provision', '--json'])
    await until('the gate to take the files up', 60, async () =>
      (await shellInHost(one, 'ls /var/lib/streamside/apps/cut-held/claim 2>/dev/null || :')) === '' ? null : true,
    )
    await cutPower(one)
    await boot(one)
    expect((await run).code).not.toBe(0)
    const { epoch, from, path } = (await owner('cut-held'))!
    expect([epoch, path === order?.path]).toEqual([2, false])
    expect(from).not.toEqual(order?.from)
    await call(last)
    const refused = await lab.provision([], 1)
    expect([problems(refused), changesOf(refused)]).toEqual([['rename-done'], []])
    await setFaults(lab.lab.instance, [])
    await call('cut-proven', last)
    await lab.provision()
    await isCalled('cut-proven')
    expect(await owner('cut-held')).toMatchObject({ holder: null, from: null })
    await hasItsRows()
  })

  test('and one that is done, comes back to an earlier name with what was written since', async () => {
    const before = await owner('cut-later')
    await call('cut-later', name)
    await lab.provision()
    await isCalled('cut-later')
    await hasItsRows()
    const { epoch, past, path } = (await owner('cut-later'))!
    expect([epoch, path === before?.path]).toEqual([2, false])
    expect(past.at(-1)).toMatchObject({ path: before?.path, end: { main: expect.any(String) } })
  })

  test('while another app leaves, and in the way of which something stands: nothing is touched before that is known', async () => {
    const without = (next: string, was: string) => lab.rewrite({ apps: { [next]: shop({ was }) } })
    await shellInHost(one, 'mkdir /var/lib/cut-last')
    await without('cut-last', name)
    const run = await lab.provision(['--prune'], 1)
    expect(problems(run)).toEqual(['in-the-way'])
    expect(await readRows(one, ports.shop)).toEqual(rows)
    expect(await shellInHost(one, 'systemctl is-active cut-site.service')).toBe('active\n')
    await shellInHost(one, 'rmdir /var/lib/cut-last')
    await failSystemctl(one, 'daemon-reload')
    expect((await lab.run(['provision', '--json', '--prune'])).code).toBe(1)
    await mendSystemctl(one)
    await without('cut-other', 'cut-last')
    await lab.provision(['--prune'])
    expect(await shellInHost(one, 'ls -d /opt/cut-site /etc/systemd/system/cut-site* 2>/dev/null || :')).toBe('')
    await isCalled('cut-other')
    await hasItsRows()
  })
})
