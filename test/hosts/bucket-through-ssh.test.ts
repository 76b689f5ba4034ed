import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Owner } from '../../src/replica/owner.ts'
import { type Authority, makeAuthority } from '../lab/authority.ts'
import { bridgeAddressOf, type LabHost, listObjects, putFile, readAccess, shellInHost } from '../lab/index.ts'
import { readJson } from './bucket.ts'
import { changesOf, snapshotOf } from './host-state.ts'
import { type Front, frontWithoutConditions, frontWithTls } from './s3-fronts.ts'
import { eventsOf, notesApp, readRows, type Run, type Site, site, until, writeRow } from './site.ts'

const hosts = ['far-twelve', 'far-thirteen'] as const
/** Only the hosts know it. */
const name = 'nas.far.test'
/** Name, host, port and replica of each app. */
const apps = {
  sealed: { host: hosts[0], port: 8341, replica: 'nas' },
  own: { host: hosts[0], port: 8342, replica: 'own' },
  emulated: { host: hosts[1], port: 8343, replica: 'emulated' },
  lent: { host: hosts[1], port: 8344, replica: 'lent' },
} as const
type Name = keyof typeof apps

let lab: Site
let twelve: LabHost
let thirteen: LabHost
let scratch: string
let right: Authority
let wrong: Authority
let sealed: Front
let refusing: Front

/** The inventory of all apps but these, with another authority for `nas`. */
async function declare(change: { without?: Name; ca?: string } = {}): Promise<void> {
  const { s3 } = await readAccess(lab.lab.instance)
  const keys = { 'access-key-id': '!secret bucket-key', 'secret-access-key': '!secret bucket-secret' }
  const replica = (more: object) => ({ type: 's3', bucket: s3.bucket, ...keys, ...more })
  const b2 = `http://${name}:9112`
  await lab.rewrite({
    replica: { endpoint: `https://${name}:9111`, ca: change.ca ?? right.certificate, prefix: 'far-nas' },
    replicas: {
      own: replica({ endpoint: 'http://localhost:9113', prefix: 'far-own' }),
      emulated: replica({ endpoint: b2, prefix: 'far-emulated', ownership: 'emulate' }),
      lent: replica({ endpoint: b2, prefix: 'far-lent', ownership: 'nas' }),
    },
    apps: Object.fromEntries(
      Object.entries(apps)
        .filter(([app]) => app !== change.without)
        .map(([app, { host, port, replica: of }]) => [`far-${app}`, notesApp(host, port, { replica: of })]),
    ),
  })
}

beforeAll(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'streamside-far-'))
  lab = await site('far', [{ name: hosts[0] }, { name: hosts[1], suite: 'trixie' }], { apps: {} })
  const { instance } = lab.lab
  ;[twelve, thirteen] = [lab.host(hosts[0]), lab.host(hosts[1])]
  right = await makeAuthority(scratch, 'right', `DNS:${name}`)
  wrong = await makeAuthority(scratch, 'wrong', `DNS:${name}`)
  sealed = await frontWithTls(instance, 9111, right)
  refusing = await frontWithoutConditions(instance, 9112)
  const known = 'echo "$1 $2" >>/etc/hosts'
  for (const host of [twelve, thirteen]) await shellInHost(host, known, [bridgeAddressOf(instance), name])
  // A bucket on the host's own loopback.
  const socket =
    'systemd-run --quiet --socket-property=ListenStream=127.0.0.1:9113 /lib/systemd/systemd-socket-proxyd "$1":9000'
  await shellInHost(twelve, socket, [bridgeAddressOf(instance)])
  await declare()
})

afterAll(async () => {
  await Promise.all([sealed.stop(), refusing.stop()])
  await rm(scratch, { recursive: true, force: true })
})

const run = (args: string[]) => lab.run([...args, '--json'])

async function provision(exit = 0, args: string[] = []): Promise<Run> {
  const done = await run(['provision', '--accept-new', ...args])
  if (done.code !== exit) throw new Error(`exit ${done.code}, not ${exit}:\n${done.stdout}\n${done.stderr}`)
  return done
}

/** What was said of the way to a bucket: `HOST: what`, each once. */
const ways = (of: Run): string[] =>
  eventsOf(of, 'host-step')
    .filter(({ step }) => step === 'bucket')
    .map(({ host, detail }) => `${String(host)}: ${String(detail)}`)
    .sort()

const problems = (of: Run) => eventsOf(of, 'problem').map(({ problem }) => problem as Record<string, string>)

const farWay = (host: string, replica: string) =>
  expect.stringMatching(
    new RegExp(
      `^${host}: ${replica} is not reachable from here \\(.*${name}.*\\); through the SSH connection of ${host}$`,
    ),
  ) as string

const allWays = [
  farWay(hosts[1], 'emulated'),
  farWay(hosts[1], 'lent'),
  farWay(hosts[1], 'nas'),
  farWay(hosts[0], 'nas'),
  `${hosts[0]}: own is on ${hosts[0]} itself; through the SSH connection of ${hosts[0]}`,
]

const ownerOf = async (key: string): Promise<Owner | null> => {
  const { instance } = lab.lab
  return readJson<Owner>(instance, (await readAccess(instance)).s3.bucket, key)
}

describe('a bucket that only the hosts reach', () => {
  test('is asked through their SSH connections by plan, which touches nothing', { timeout: 60_000 }, async () => {
    const plan = await run(['plan', '--accept-new'])
    expect(plan.code, plan.stdout).toBe(7)
    expect(changesOf(plan, 'owner').sort()).toEqual(
      ['emulated', 'lent', 'own', 'sealed'].map((app) => `create owner object of far-${app}`),
    )
    expect(ways(plan)).toEqual(expect.arrayContaining(allWays))
    expect(eventsOf(plan, 'warning')).toEqual([])
    expect(await listObjects(lab.lab.instance, 'far-')).toEqual([])
  })

  test('and an sshd that may not forward: said with both reasons and the way out, and the others go on', async () => {
    const line = '/etc/ssh/sshd_config.d/10-far.conf'
    await putFile(thirteen, line, 'AllowTcpForwarding no\n')
    await shellInHost(thirteen, 'systemctl reload ssh')
    const before = new Set(await snapshotOf(thirteen))
    const one = await provision(1)
    expect(problems(one)).toEqual([
      expect.objectContaining({
        code: 'replica-unreachable',
        host: hosts[1],
        doing: expect.stringMatching(new RegExp(`^reading far-.* through the SSH connection of ${hosts[1]}\\)$`)),
        found: expect.stringMatching(new RegExp(`^sshd on ${hosts[1]} may not forward .*; and from here: .*${name}`)),
        next: expect.stringMatching(
          new RegExp(
            `^allow it in sshd_config on ${hosts[1]} \\(AllowTcpForwarding yes .*; or run this where ${name}:`,
          ),
        ),
        exit: 1,
      }),
    ])
    expect(
      eventsOf(one, 'host-done')
        .map(({ host, outcome }) => `${String(host)} ${String(outcome)}`)
        .sort(),
    ).toEqual([`${hosts[1]} failed`, `${hosts[0]} changed`])
    expect((await snapshotOf(thirteen)).filter((each) => !before.has(each))).toEqual([])
    await shellInHost(thirteen, 'rm "$1" && systemctl reload ssh', [line])
  })

  test('serves after provision: 501 in both ways out, an own CA, a loopback of the host', async () => {
    const done = await provision()
    expect(eventsOf(done, 'app-healthy').map(({ app }) => app)).toEqual(
      expect.arrayContaining(['far-emulated', 'far-lent']),
    )
    for (const { host, port } of Object.values(apps)) {
      await writeRow(lab.host(host), port, `of ${port}`)
      expect(await readRows(lab.host(host), port)).toEqual([`of ${port}`])
    }
    for (const [app, key] of [
      ['sealed', 'far-nas/far-sealed'],
      ['own', 'far-own/far-own'],
      ['emulated', 'far-emulated/far-emulated'],
      ['lent', 'far-nas/far-lent'],
    ] as const) {
      const owner = await ownerOf(`${key}/owner.json`)
      expect(owner?.holder?.host, app).toBe(apps[app].host)
      const data = `far-${apps[app].replica}/far-${app}/${owner?.path}/main/`
      await until(`data of ${app} below ${data}`, 30, async () =>
        (await listObjects(lab.lab.instance, data)).some(({ key: of }) => of.endsWith('.ltx')) ? true : null,
      )
    }
  })

  test('costs a second run nothing: one exec a host', async () => {
    const again = await provision()
    expect(changesOf(again)).toEqual([])
    expect(eventsOf(again, 'host-done')).toEqual(
      hosts.map(() => expect.objectContaining({ outcome: 'unchanged', changes: 0, execs: 1 }) as unknown),
    )
    const status = await run(['status'])
    expect(status.code, status.stdout).toBe(0)
  })

  test('has TLS to this machine: another authority is refused here, before the host is touched', async () => {
    await declare({ ca: wrong.certificate })
    const refused = await provision(1, ['--limit', hosts[0]])
    expect(problems(refused)).toEqual([
      expect.objectContaining({ code: 'replica-certificate', next: expect.stringContaining(wrong.certificate) }),
    ])
    await declare()
    expect(changesOf(await provision())).toEqual([])
  })

  test('lets an app go with --prune, and takes it back', async () => {
    await declare({ without: 'own' })
    await provision(0, ['--prune', '--limit', hosts[0]])
    expect((await ownerOf('far-own/far-own/owner.json'))?.holder).toBeNull()
    await declare()
    const back = await provision(0, ['--limit', hosts[0]])
    expect(changesOf(back, 'owner')).toEqual(['update owner object of far-own'])
    expect(ways(back)).toContainEqual(expect.stringContaining('own is on'))
    expect(await readRows(twelve, apps.own.port)).toEqual([`of ${apps.own.port}`])
  })

  test('has never had a request but from the hosts', () => {
    const from = new Set([...sealed.log, ...refusing.log].map((each) => each.from))
    expect([...from].sort()).toEqual([twelve.address, thirteen.address].sort())
  })
})
