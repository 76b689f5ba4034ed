import { beforeAll, describe, expect, test } from 'vitest'
import { deleteObjects, type LabHost, listObjects, putObject, shellInHost } from '../lab/index.ts'
import { changesOf, failSystemctl, mendSystemctl } from './host-state.ts'
import { conf, ports, problems, renamed, type Renamed } from './renamed.ts'
import { eventsOf, readRows, type Site, streamside, until, writeRow } from './site.ts'
import { appOf, statusOf } from './status-answer.ts'

let lab: Site
let one: LabHost
let shop: Renamed['shop']
let pages: Renamed['pages']
let owner: Renamed['owner']
let account: Renamed['account']

beforeAll(async () => {
  const made = await renamed('rename', 'ren-one', { shop: 'ren-shop', pages: 'ren-pages' })
  ;({ lab, host: one, shop, pages, owner, account } = made)
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
    await lab.rewrite({
      apps: {
        'ren-store': shop({ was: 'ren-shop', files: { 'a.conf': conf } }),
        'ren-site': pages({ was: 'ren-pages' }),
      },
    })
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

  test('is refused when its database is to lie elsewhere in the same run, and nothing is stopped', async () => {
    const elsewhere = { database: 'data/a.db', environment: { DATABASE: 'data/a.db' } }
    await lab.rewrite({
      apps: { 'ren-mart': shop({ was: 'ren-store', ...elsewhere }), 'ren-site': pages({ was: 'ren-pages' }) },
    })
    const plan = await lab.run(['plan', '--json'])
    expect([plan.code, problems(plan)]).toEqual([1, ['rename-moves']])
    expect(problems(await lab.provision([], 1))).toEqual(['rename-moves'])
    expect(await readRows(one, ports.shop)).toHaveLength(3)
    expect(await owner('ren-store')).toMatchObject({ holder: { host: 'ren-one' } })
    expect((await owner('ren-mart')) ?? 'none').toBe('none')
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
