import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clearRequestLog, listObjects, runInHost, shellInHost } from '../lab/index.ts'
import { readJson } from './bucket.ts'
import { begin, journalOf, loseDatabase, rowsAfterRestart, rowsOnceUp, statusSays } from './gated.ts'
import { changesOf, mainPid, snapshotOf } from './host-state.ts'
import { hosts, odd, region, replicaSite, type ReplicaSite } from './replica-site.ts'
import { eventsOf, notesApp, type Run, until, writeRow } from './site.ts'
import { appOf, statusOf } from './status-answer.ts'
import { steal } from './thief.ts'

let at: ReplicaSite

beforeAll(async () => {
  at = await replicaSite()
})

afterAll(() => at.stop())

const problems = (run: Run) => eventsOf(run, 'problem').map((event) => event['problem'] as Record<string, string>)

const unchanged = hosts.map(() => expect.objectContaining({ outcome: 'unchanged', changes: 0, execs: 1 }))

describe('a replica that cannot keep apart who owns what, or is not whom it says', () => {
  test('is refused with what to write in the inventory, before anything is touched on the host', async () => {
    const before = await Promise.all(hosts.map((name) => snapshotOf(at.lab.host(name))))
    const b2 = { ...at.replicas['emulated'], ownership: undefined }
    const apps = {
      plain: notesApp(hosts[0], 8202, { replica: 'b2' }),
      trusting: notesApp(hosts[1], 8201, { replica: 'fake' }),
    }
    await at.lab.rewrite({ replicas: { b2, fake: { ...at.replicas['sealed'], ca: at.wrong.certificate } }, apps })
    const refused = problems(await at.provision(1))
    expect(refused).toHaveLength(2)
    expect(refused).toContainEqual(
      expect.objectContaining({
        code: 'replica-certificate',
        doing: expect.stringContaining('replica fake'),
        next: expect.stringContaining(at.wrong.certificate),
      }),
    )
    const twoWays = (name: string) =>
      expect.stringMatching(
        new RegExp(`^say under replica ${name} either \`ownership: nas\`.*; or \`ownership: emulate\`: `),
      )
    expect(refused).toContainEqual(
      expect.objectContaining({
        code: 'replica-no-conditional-writes',
        found: expect.stringContaining('HTTP 501'),
        next: twoWays('b2'),
      }),
    )

    await at.lab.rewrite({
      replicas: { b2: { ...b2, endpoint: at.fronts.deaf.endpoint } },
      apps: { plain: apps.plain },
    })
    expect(problems(await at.provision(1, ['--limit', hosts[0]]))).toEqual([
      expect.objectContaining({
        code: 'replica-no-conditional-writes',
        found: expect.stringContaining('carried out instead of being refused'),
        next: twoWays('b2'),
      }),
    ])
    for (const [index, name] of hosts.entries()) {
      const known = new Set(before[index])
      expect((await snapshotOf(at.lab.host(name))).filter((line) => !known.has(line))).toEqual([])
    }
    const left = await Promise.all(
      ['replica-emulated/', 'replica-sealed/'].map((each) => listObjects(at.instance, each)),
    )
    expect(left).toEqual([[], []])
  })
})

describe('a prefix of odd characters, an authority of one’s own, a region, emulated and lent ownership', () => {
  test(
    'serve after one command; each bucket that has to enforce conditions is probed once',
    { timeout: 120_000 },
    async () => {
      await at.declare()
      await clearRequestLog(at.instance)
      const first = await at.provision()
      expect(
        eventsOf(first, 'app-healthy')
          .map((event) => [event['app'], event['host']].join(' on '))
          .sort(),
      ).toEqual(at.apps.map(({ name, host }) => `${name} on ${host.name}`).sort())
      expect(await at.probed()).toEqual(
        [`/lab/${odd}/streamside-probe`, '/lab/replica-sealed/streamside-probe', '/owners/streamside-probe'].sort(),
      )
    },
  )

  test('a second run is one exec a host, and one that adds a database asks no bucket again', async () => {
    await clearRequestLog(at.instance)
    const again = await at.provision()
    expect(changesOf(again)).toEqual([])
    expect(eventsOf(again, 'host-done')).toEqual(unchanged)
    await at.declare({ databases: { later: 'data/later.db' } })
    await at.provision()
    for (const app of at.apps) expect((await at.ownerOf(app)).dbs).toHaveProperty('later', { init: false })
    expect(await at.probed()).toEqual([])
  })

  test('INIT and the high-water mark are written by the host, where the owner object lies', async () => {
    await Promise.all(
      at.apps.map(async (app) => {
        await writeRow(app.host, app.port, `of ${app.name} on ${app.host.name}`)
        await runInHost(app.host, ['systemctl', 'start', `${app.name}-check.service`], { deadlineSeconds: 50 })
        const owner = await at.ownerOf(app)
        expect(owner.dbs, await journalOf(app)).toEqual({ main: { init: true }, later: { init: false } })
        const tip = await readJson<object>(at.instance, app.bucket, `${app.prefix}${owner.path}/tip.json`)
        expect(tip).toMatchObject({ dbs: { main: expect.stringMatching(/^[0-9a-f]{16}$/) } })
        const keys = (await listObjects(at.instance, app.data)).map(({ key }) => key.slice(app.data.length))
        expect(keys).toContainEqual(expect.stringMatching(new RegExp(`^${owner.path}/main/.*\\.ltx$`)))
        const ours = keys.filter((key) => key.endsWith('.json')).sort()
        expect(ours).toEqual(app.prefix === app.data ? [`${owner.path}/tip.json`, 'owner.json'] : [])
      }),
    )
  })

  test('a deleted database comes back: CLAIM and PROVEN are written by the host', async () => {
    await Promise.all(
      at.apps.map(async (app) => {
        const before = await at.ownerOf(app)
        await loseDatabase(app)
        expect(await rowsAfterRestart(app)).toEqual([`of ${app.name} on ${app.host.name}`])
        const after = await until(`PROVEN of ${app.name}`, 20, async () => {
          const owner = await at.ownerOf(app)
          return owner.from === null ? owner : null
        })
        expect(after).toMatchObject({ epoch: before.epoch + 1, dbs: { main: { init: true } }, holder: before.holder })
        expect(after.path).not.toBe(before.path)
        expect(after.past.map((each) => each.path)).toEqual([before.path])
      }),
    )
    const again = await at.provision()
    expect(changesOf(again)).toEqual([])
    expect(eventsOf(again, 'host-done')).toEqual(unchanged)
  })

  test('requests of operator, gate and Litestream were of these kinds', async () => {
    expect([...at.fronts.sealed.regions]).toEqual([region])
    const host = await shellInHost(at.lab.host(hosts[1]), 'hostname -I')
    for (const key of ['replica-sealed/sealed/owner.json', 'replica-sealed/sealed/e0001', 'owners/kept/owner.json'])
      expect(
        at.fronts.sealed.log.some((each) => each.path.includes(key) && host.includes(each.from)),
        key,
      ).toBe(true)
    expect(at.fronts.refusing.log.filter((each) => each.path.includes('streamside-probe'))).toEqual([])
  })
})

describe('a change of the inventory that would cut a running app off from its replica', () => {
  test.each([
    ['another authority', 'sealed', { ca: () => at.wrong.certificate }, 'replica-certificate', / ca: /],
    [
      'a wrong key',
      'kept',
      { 'secret-access-key': () => '!secret notes-token' },
      'replica-denied',
      /secret-access-key:/,
    ],
    ['another prefix', 'emulated', { prefix: () => 'replica-elsewhere' }, 'claimed-elsewhere', / prefix:/],
  ])('%s: is refused before the host is touched', async (_what, name, change, code, next) => {
    const pids = () => Promise.all(at.apps.map(({ host, name: app }) => mainPid(host, `${app}-litestream`)))
    const before = await pids()
    const changed = Object.fromEntries(Object.entries(change).map(([key, value]) => [key, value()]))
    await at.declare({
      databases: { later: 'data/later.db' },
      replicas: { [name]: { ...at.replicas[name], ...changed } },
    })
    const host = at.apps.find((app) => app.name === name)?.host.name ?? ''
    const run = await at.provision(code === 'claimed-elsewhere' ? 6 : 1, ['--limit', host])
    expect(problems(run)).toEqual([expect.objectContaining({ code, next: expect.stringMatching(next) })])
    expect(await listObjects(at.instance, 'replica-elsewhere/')).toEqual([])
    expect(await pids()).toEqual(before)
  })

  test('leaves nothing to do once it is taken back', async () => {
    await at.declare({ databases: { later: 'data/later.db' } })
    const again = await at.provision()
    expect(changesOf(again)).toEqual([])
    expect(eventsOf(again, 'host-done')).toEqual(unchanged)
  })
})

describe('an app with a capability of its own, for a port below 1024', () => {
  test('cannot read the keys of its backups: Litestream has another one', async () => {
    const host = at.lab.host(hosts[1])
    const own = await shellInHost(host, 'sed -n "s/^CapEff:[[:space:]]*//p" "/proc/$1/status"', [
      await mainPid(host, 'sealed'),
    ])
    expect(Number.parseInt(own, 16)).toBe(1 << 10) // CAP_NET_BIND_SERVICE
    const files = ['litestream.env', 'owner.curl'].map((file) => `/etc/streamside/apps/sealed/${file}`)
    const intruder = { app: 'sealed', inside: true, capabilities: ['net_bind_service'] }
    const tried = await steal(host, intruder, files)
    expect(Object.keys(tried)).toHaveLength(8)
    expect(Object.values(tried).filter((came) => !/^E(ACCES|PERM|NOENT)$/.test(came))).toEqual([])
    // With Litestream's as well he would have them: it is this capability that keeps him out.
    const both = await steal(host, { ...intruder, capabilities: ['net_bind_service', 'net_broadcast'] }, files)
    expect(both['environ']).toContain('AWS_SECRET_ACCESS_KEY=')
  })
})

describe('data that are down, while the server that keeps the owner object is up', () => {
  test(
    'do not keep an app from its own files, are named, and get what was written meanwhile',
    { timeout: 240_000 },
    async () => {
      const kept = at.apps.find(({ name }) => name === 'kept')!
      const objects = async () => (await listObjects(at.instance, kept.data)).length
      // what an app has not made yet it makes for the first time with its replica alone
      const later = 'PRAGMA journal_mode = WAL; CREATE TABLE later (a); INSERT INTO later VALUES (1)'
      await shellInHost(kept.host, 'setpriv --reuid kept --regid kept --clear-groups sqlite3 "$1" "$2"', [
        '/var/lib/kept/data/later.db',
        later,
      ])
      await until('later in the replica', 60, async () => {
        await runInHost(kept.host, ['systemctl', 'start', 'kept-check.service'], { deadlineSeconds: 50 })
        return (await at.ownerOf(kept)).dbs['later']?.init === true ? true : null
      })
      await at.fronts.refusing.close()
      await runInHost(kept.host, ['systemctl', 'stop', 'kept.service'], { deadlineSeconds: 90 })
      await begin(kept, 'start')
      const before = await rowsOnceUp(kept, 60)
      await statusSays(
        kept,
        /start, offline: replica kept .*:9102.* cannot be reached .*; the files here are this host's own/,
      )
      await writeRow(kept.host, kept.port, 'while the data were down')
      expect(await rowsOnceUp(kept)).toEqual([...before, 'while the data were down'])
      expect(appOf(await statusOf(at.lab), kept.name, kept.host.name).wrong).toContainEqual(
        expect.objectContaining({
          code: 'replica-unreachable',
          text: expect.stringMatching(/^replica kept .*:9102.* cannot be reached/),
          next: expect.stringMatching(/^start the server/),
        }),
      )
      const had = await objects()
      await at.fronts.refusing.open()
      await until('what was written meanwhile in the replica', 60, async () => ((await objects()) > had ? true : null))
    },
  )
})
