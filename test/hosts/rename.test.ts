import { beforeAll, describe, expect, test } from 'vitest'
import {
  boot,
  cutPower,
  deleteObjects,
  getObject,
  type LabHost,
  listObjects,
  putObject,
  setFaults,
  shellInHost,
} from '../lab/index.ts'
import {
  changesOf,
  failProgram,
  failSystemctl,
  mendProgram,
  mendSystemctl,
  pagesApp,
  transactionEnded,
} from './host-state.ts'
import { appOf, statusOf } from './status-answer.ts'
import { eventsOf, notesApp, readRows, type Run, type Site, site, streamside, until, writeRow } from './site.ts'

let lab: Site
let one: LabHost
const ports = { shop: 8171, pages: 8172 }
const conf = { from: import.meta.filename, template: false }
const shop = (more: object = {}) =>
  notesApp('ren-one', ports.shop, { files: { 'a.conf': conf, 'b.conf': conf }, ...more })
const pages = (more: object = {}) => ({ ...pagesApp('ren-one', ports.pages), ...more })
const first = { apps: { 'ren-shop': shop(), 'ren-pages': pages() } }
const second = {
  apps: { 'ren-store': shop({ was: 'ren-shop', files: { 'a.conf': conf } }), 'ren-site': pages({ was: 'ren-pages' }) },
}

interface Owner {
  holder: { host: string } | null
  path: string
  from: unknown
  dbs: Record<string, { init: boolean }>
  epoch: number
  past: { path: string; end: Record<string, string> | null }[]
}
const owner = async (app: string): Promise<Owner | null> => {
  const body = await getObject(lab.lab.instance, `rename/${app}/owner.json`)
  return body === null ? null : (JSON.parse(body.toString()) as Owner)
}
const problems = (run: Run) => eventsOf(run, 'problem').map(({ problem }) => (problem as { code: string }).code)
const account = (user: string) => shellInHost(one, 'getent passwd "$1" | cut -d: -f1,3,4,6 || :', [user])

beforeAll(async () => {
  lab = await site('rename', [{ name: 'ren-one' }], first)
  one = lab.host('ren-one')
  await lab.provision()
  await writeRow(one, ports.shop, 'kept')
})

describe('an app that was given another name', () => {
  let uid = ''

  test('is one that leaves and one that is new, as long as was: does not say more', async () => {
    uid = (await account('ren-shop')).split(':')[1] ?? ''
    await lab.rewrite({ apps: { 'ren-store': shop(), 'ren-pages': pages() } })
    const plan = await lab.run(['plan', '--json'])
    expect(eventsOf(plan, 'warning').map(({ code, app }) => [code, app])).toEqual([['app-left', 'ren-shop']])
    expect(changesOf(plan, 'user')).toEqual(['create ren-store'])
  })

  test('is named by plan, which touches nothing', async () => {
    await lab.rewrite(second)
    const plan = await lab.run(['plan', '--json'])
    expect([plan.code, problems(plan)]).toEqual([7, []])
    expect(changesOf(plan, 'app')).toEqual(['stop ren-pages', 'stop ren-shop', 'update ren-site', 'update ren-store'])
    expect(changesOf(plan, 'owner')).toEqual(['create owner object of ren-store'])
    expect(changesOf(plan, 'user')).toEqual([])
    expect(await readRows(one, ports.shop)).toEqual(['kept'])
    const status = await statusOf(lab)
    expect(appOf(status, 'ren-shop', 'ren-one')).toMatchObject({
      state: 'running',
      left: { text: 'is called ren-store in the inventory' },
      wrong: [],
    })
  })

  test('keeps its rows, files and user when the operator dies in the middle, and the next run ends it', async () => {
    await writeRow(one, ports.shop, 'written last')
    // Between RELEASE under the one name and CREATE under the other.
    let pid = 0
    await streamside(['provision', '--json', '--inventory', lab.inventory], {
      onStart: (started) => {
        pid = started
      },
      onLine: (line) => {
        if (line.includes('"step":"rename"')) process.kill(pid, 'SIGKILL')
      },
    })
    expect((await owner('ren-store')) ?? 'none').toBe('none')
    // It follows what the host is at, and makes the owner object that its gate waits for.
    await lab.provision()
    expect((await owner('ren-shop'))?.holder).toBe(null)
    expect(await readRows(one, ports.shop)).toEqual(['kept', 'written last'])
    expect(await owner('ren-store')).toMatchObject({
      holder: { host: 'ren-one' },
      from: null,
      dbs: { main: { init: true } },
    })
    expect(await account('ren-store')).toBe(`ren-store:${uid}:${uid}:/var/lib/ren-store\n`)
    expect(await account('ren-shop')).toBe('')
    expect(await shellInHost(one, 'cd /var/lib/ren-store && ls *.conf && stat -c %U . data/notes.db')).toBe(
      'a.conf\nren-store\nren-store\n',
    )
    const left =
      'ls -d /var/lib/ren-shop /opt/ren-shop /etc/streamside/apps/ren-shop /etc/systemd/system/ren-shop* /var/lib/ren-pages /opt/ren-pages 2>/dev/null || :'
    expect(await shellInHost(one, left)).toBe('')
    // The replica of the earlier name is its history.
    expect((await listObjects(lab.lab.instance, 'rename/ren-shop/e0001-')).length).toBeGreaterThan(0)
    await writeRow(one, ports.shop, 'under the new name')
    const again = await lab.provision()
    expect([changesOf(again), eventsOf(again, 'warning')]).toEqual([[], []])
    const plan = await lab.run(['plan', '--json'])
    expect(plan.code).toBe(0)
    // was: is no longer needed, and that is told where nobody takes it for something to be done
    expect(eventsOf(plan, 'note').map(({ message }) => message)).toEqual([
      expect.stringMatching(
        /^ren-site on ren-one is no longer called ren-pages: .*was: ren-pages may leave the inventory$/,
      ),
      expect.stringMatching(/^ren-store on ren-one is no longer called ren-shop/),
    ])
  })

  test('comes back from its replica under the new name', async () => {
    await shellInHost(
      one,
      'systemctl stop ren-store.service ren-store-litestream.service; rm -rf /var/lib/ren-store/data/* /var/lib/ren-store/data/.notes*; systemctl start --no-block ren-store.service',
    )
    const rows = await until('the app to serve again', 60, () => readRows(one, ports.shop).catch(() => null))
    expect(rows).toEqual(['kept', 'written last', 'under the new name'])
  })

  test('is refused when the new name has data in the bucket, and nothing is stopped', async () => {
    await lab.rewrite({ apps: { 'ren-mart': shop({ was: 'ren-store' }), 'ren-site': pages({ was: 'ren-pages' }) } })
    await putObject(lab.lab.instance, 'rename/ren-mart/e0001-00000000/main/x', Buffer.from('x'))
    const run = await lab.provision([], 6)
    expect(problems(run)).toEqual(['replica-not-empty'])
    expect(await readRows(one, ports.shop)).toHaveLength(3)
    await deleteObjects(lab.lab.instance, 'rename/ren-mart/')
  })

  test('goes on when a run failed after its user had its new name', async () => {
    await lab.rewrite({ apps: { 'ren-third': shop({ was: 'ren-store' }), 'ren-site': pages({ was: 'ren-pages' }) } })
    await failSystemctl(one, 'daemon-reload')
    expect((await lab.run(['provision', '--json'])).code).toBe(1)
    await mendSystemctl(one)
    expect(await account('ren-store')).toBe('')
    await lab.provision()
    expect(await readRows(one, ports.shop)).toHaveLength(3)
    expect(changesOf(await lab.provision())).toEqual([])
  })
})

describe('a rename that was cut off', () => {
  /** How the app is called just now. */
  let name = 'ren-third'
  let uid = ''
  const call = (next: string, was?: string, more: object = {}) =>
    lab.rewrite({
      apps: { [next]: shop(was === undefined ? more : { ...more, was }), 'ren-site': pages({ was: 'ren-pages' }) },
    })
  const cuts = {
    groupmod: { program: '/usr/sbin/usermod', pattern: '*' },
    usermod: { program: '/usr/bin/mv', pattern: '"-T -- /var/lib/ren-"* | "-T -- /var/lib/cut-"*' },
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
    const all = `cut -d: -f1 /etc/passwd /etc/group | grep -e ^ren- -e ^cut- | sort -u
      ls /var/lib /opt /etc/streamside/apps /etc/systemd/system | grep -e ^ren- -e ^cut- | sed 's/\\(-gate\\|-litestream\\|-check\\)*\\.\\(service\\|timer\\)$//' | sort -u
      stat -c '%U %G' /var/lib/${now} /var/lib/${now}/data/notes.db | sort -u`
    const found = (await shellInHost(one, all)).trim().split('\n')
    expect([...new Set(found)].filter((line) => line !== 'ren-site').sort()).toEqual([now, `${now} ${now}`])
    expect(await owner(now)).toMatchObject({ holder: { host: 'ren-one' }, from: null, dbs: { main: { init: true } } })
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
      setFaults(lab.lab.instance, [{ method, path: '/rename/cut-held/e000', do: status }])
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
    expect(await shellInHost(one, 'systemctl is-active ren-site.service')).toBe('active\n')
    await shellInHost(one, 'rmdir /var/lib/cut-last')
    await failSystemctl(one, 'daemon-reload')
    expect((await lab.run(['provision', '--json', '--prune'])).code).toBe(1)
    await mendSystemctl(one)
    await without('cut-other', 'cut-last')
    await lab.provision(['--prune'])
    expect(await shellInHost(one, 'ls -d /opt/ren-site /etc/systemd/system/ren-site* 2>/dev/null || :')).toBe('')
    await isCalled('cut-other')
    await hasItsRows()
  })
})
