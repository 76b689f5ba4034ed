import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { S3Replica } from '../../../src/inventory/model.ts'
import { ensureOwner, readOwner, realClock, type EnsureOwner } from '../../../src/replica/ensure.ts'
import { formatOwner, ownerKey, parseOwner } from '../../../src/replica/owner.ts'
import { openS3Store } from '../../../src/replica/s3-store.ts'
import type { OpenStore } from '../../../src/replica/store.ts'
import { startFaultProxy } from './fault-server.ts'
import { inventoryOf } from '../inventory/made.ts'
import { attic, cellar, ownerWith } from './owners.ts'
import { problemOf } from '../problem-of.ts'
import { startSeaweedFs, type RealS3 } from './seaweedfs.ts'

let s3: RealS3
let proxied: Awaited<ReturnType<typeof startFaultProxy>>

beforeAll(async () => {
  s3 = await startSeaweedFs()
  proxied = await startFaultProxy(s3.endpoint)
}, 60_000)

afterEach(() => {
  proxied.proxy.faults = []
})

afterAll(async () => {
  await proxied.stop()
  await s3.stop()
})

function request(replica: S3Replica, changes: Partial<EnsureOwner> = {}, others: S3Replica[] = []): EnsureOwner {
  const { inventory, app } = inventoryOf(replica, ...others)
  const identity = { host: attic.host, hostId: attic.id, uid: 990, gid: 991, dbs: ['main'] }
  return { inventory, app, ...identity, probed: new Map(), ...changes }
}

/** Writes an object as somebody else would. */
async function lay(replica: S3Replica, key: string, body: string): Promise<void> {
  const store = await openS3Store(replica)
  await store.put(key, body, { kind: 'none' })
  store.close()
}

async function lookAt(replica: S3Replica, key: string): Promise<string | null> {
  const store = await openS3Store(replica)
  const found = await store.get(key)
  store.close()
  return found?.body ?? null
}

const keyOf = (replica: S3Replica) => ownerKey(replica, 'gotify')

test('an app of an empty replica gets its owner object, and asking again changes nothing and costs one request', async () => {
  const replica = s3.replica({ endpoint: proxied.endpoint })
  expect(await readOwner(request(replica))).toBeNull()
  const made = await ensureOwner(request(replica))
  expect(made.outcome).toBe('created')
  expect(made.owner).toMatchObject({ epoch: 1, holder: attic, uid: 990, gid: 991, dbs: { main: { init: false } } })
  expect(await readOwner(request(replica))).toEqual(made.owner)
  proxied.proxy.log.length = 0
  expect(await ensureOwner(request(replica))).toEqual({ outcome: 'exists', owner: made.owner, found: made.owner.path })
  expect(proxied.proxy.log.map(({ method }) => method)).toEqual(['GET'])
})

test('a look says what would be done, or refused, and writes nothing', async () => {
  const replica = s3.replica({ endpoint: proxied.endpoint })
  proxied.proxy.log.length = 0
  const look = (changes: Partial<EnsureOwner> = {}) => ensureOwner(request(replica, { dryRun: 'read', ...changes }))
  expect(await look()).toMatchObject({ outcome: 'created' })
  await lay(replica, keyOf(replica), formatOwner(ownerWith()))
  expect(await look({ dbs: ['main', 'log'] })).toMatchObject({ outcome: 'databases-changed' })
  expect(await problemOf(() => look({ hostId: cellar.id }))).toMatchObject({ code: 'held-by-another-host' })
  const writes = proxied.proxy.log.filter(({ method }) => method !== 'GET').map(({ method }) => method)
  // the one that was laid above
  expect(writes).toEqual(['PUT'])
})

test('a database that comes or goes in the inventory comes or goes in the owner object', async () => {
  const replica = s3.replica()
  await lay(replica, keyOf(replica), formatOwner(ownerWith()))
  const more = await ensureOwner(request(replica, { dbs: ['main', 'log'] }))
  expect(more).toMatchObject({
    outcome: 'databases-changed',
    owner: { dbs: { main: { init: true }, log: { init: false } } },
  })
  const fewer = await ensureOwner(request(replica, { dbs: ['log'] }))
  expect(fewer.owner.dbs).toEqual({ log: { init: false } })
  expect(await readOwner(request(replica))).toEqual(fewer.owner)
})

test('a database is not added where an earlier one of its name lies, and is under another name', async () => {
  const replica = s3.replica({ endpoint: proxied.endpoint })
  await lay(replica, keyOf(replica), formatOwner(ownerWith()))
  const folder = `${replica.prefix}/gotify/${ownerWith().path}/log/`
  await lay(replica, `${folder}0000/0000000000000001-0000000000000001.ltx`, 'earlier')
  const dbs = ['main', 'log']
  for (const dryRun of ['read', 'probe'] as const) {
    const problem = await problemOf(ensureOwner(request(replica, { dbs, dryRun })))
    expect(problem).toMatchObject({ code: 'database-was-here', exit: 6, host: 'pi-attic', app: 'gotify' })
    expect(problem.found).toContain(folder)
  }
  const look = (changes: Partial<EnsureOwner>) => ensureOwner(request(replica, { dryRun: 'read', ...changes }))
  // a name that begins alike is another one
  expect(await look({ dbs: ['main', 'log2', 'lo'] })).toMatchObject({ outcome: 'databases-changed' })
  // a run before this one had looked and laid it, and was cut off before it wrote the owner object
  expect(await look({ dbs, laid: dbs })).toMatchObject({ outcome: 'databases-changed' })
  // judged ahead: what lies there when it is written is of this very run
  expect(await ensureOwner(request(replica, { dbs }))).toMatchObject({ outcome: 'databases-changed' })
  proxied.proxy.log.length = 0
  expect(await look({ dbs })).toMatchObject({ outcome: 'exists' })
  expect(await look({ dbs: ['main'] })).toMatchObject({ outcome: 'databases-changed' })
  expect(proxied.proxy.log).toHaveLength(2)
})

test('what was let go of is not taken back with a name that had another database', async () => {
  const replica = s3.replica()
  const { path } = ownerWith()
  const past = [{ path, host: attic.host, end: { main: '0000000000000001' } }]
  await lay(replica, keyOf(replica), formatOwner(ownerWith({ holder: null, past })))
  await lay(replica, `${replica.prefix}/gotify/${path}/log/0000/x.ltx`, 'earlier')
  const back = (dbs: string[]) => ensureOwner(request(replica, { dryRun: 'read', claimPath: path, dbs }))
  expect(await problemOf(back(['main', 'log']))).toMatchObject({ code: 'database-was-here' })
  expect(await back(['main'])).toMatchObject({ outcome: 'taken-back' })
})

test('a prefix with data but without an owner object is never started over', async () => {
  const replica = s3.replica()
  const lying = `${replica.prefix}/gotify/generations/0123/wal`
  await lay(replica, lying, 'data')
  const problem = await problemOf(ensureOwner(request(replica)))
  expect(problem).toMatchObject({ code: 'replica-not-empty', exit: 6, host: 'pi-attic', app: 'gotify' })
  expect(problem.found).toContain(lying)
  expect(problem.next).toContain('streamside import gotify')
  expect(await lookAt(replica, keyOf(replica))).toBeNull()
})

test('an owner object that is lost, or looked for in the wrong place, is not made again', async () => {
  const replica = s3.replica()
  const problem = await problemOf(ensureOwner(request(replica, { claimed: true })))
  expect(problem).toMatchObject({ code: 'claimed-elsewhere', exit: 6, host: 'pi-attic', app: 'gotify' })
  expect(problem.found).toContain(`below ${replica.prefix}/gotify/ in bucket ${replica.bucket}`)
  expect(problem.found).toContain('hosts: was changed to host: (its data lay under gotify@pi-attic')
  expect(problem.next).toMatch(/prefix:.*--new-history gotify/)
  expect(await lookAt(replica, keyOf(replica))).toBeNull()
})

test('an app of several hosts is not made beside data that a host holds as those of one', async () => {
  const replica = s3.replica()
  const each = request(replica)
  const look = () => ensureOwner({ ...each, app: { ...each.app, instancePerHost: true }, dryRun: 'read' })
  await lay(replica, keyOf(replica), formatOwner(ownerWith({ holder: cellar })))
  expect(await problemOf(look)).toMatchObject({
    code: 'held-as-one',
    exit: 6,
    found: expect.stringContaining(`${cellar.host} holds them: host: was changed to hosts:`),
  })
  await lay(replica, keyOf(replica), formatOwner(ownerWith({ holder: null })))
  expect(await look()).toMatchObject({ outcome: 'created' })
})

test('an app whose name begins with another’s is not mistaken for it', async () => {
  const replica = s3.replica()
  await lay(replica, `${replica.prefix}/gotify-old/owner.json`, 'whatever')
  expect((await ensureOwner(request(replica))).outcome).toBe('created')
})

test('another holder, a released object, other numbers of the user and garbage each have their own words', async () => {
  const cases = [
    [formatOwner(ownerWith({ holder: cellar })), 'held-by-another-host', /pi-cellar/, /move gotify --to pi-attic/],
    [
      formatOwner(ownerWith({ holder: { ...cellar, host: 'pi-attic' } })),
      'held-by-another-host',
      /card or board/,
      /restore pi-attic/,
    ],
    [formatOwner(ownerWith({ holder: null })), 'released', /let go/, /restore pi-attic/],
    [formatOwner(ownerWith({ uid: 5, gid: 6 })), 'identity-clash', /990.*5 and 6/, /usermod/],
    ['{}', 'owner-unreadable', /not an owner object/, /who wrote/],
  ] as const
  for (const [body, code, found, next] of cases) {
    const replica = s3.replica()
    await lay(replica, keyOf(replica), body)
    const problem = await problemOf(ensureOwner(request(replica, { dbs: ['main', 'log'] })))
    expect(problem.code).toBe(code)
    expect(problem.found).toMatch(found)
    expect(problem.next).toMatch(next)
    expect(await lookAt(replica, keyOf(replica))).toBe(body)
  }
})

test('a CREATE whose answer is lost, or that lands late, ends as one owner object', async () => {
  for (const fault of [{ kind: 'drop-answer' }, { kind: 'late', ms: 700 }, { kind: 'status', status: 503 }] as const) {
    const replica = s3.replica({ endpoint: proxied.endpoint })
    proxied.proxy.faults = [{ method: 'PUT', path: '.*owner\\.json.*', count: 1, do: fault }]
    const made = await ensureOwner(request(replica))
    expect(made.outcome).toBe('created')
    await realClock.sleep(1000)
    expect(await readOwner(request(replica))).toEqual(made.owner)
  }
})

test('two operators at once make one owner object, and both are told of the same one', async () => {
  const replica = s3.replica()
  const both = await Promise.all([ensureOwner(request(replica)), ensureOwner(request(replica))])
  expect(both.map(({ outcome }) => outcome).sort()).toEqual(['created', 'exists'])
  expect(both[0].owner).toEqual(both[1].owner)
})

test('two hosts at once: one holds it, the other is told by whom', async () => {
  const replica = s3.replica()
  const answers = await Promise.allSettled([
    ensureOwner(request(replica)),
    ensureOwner(request(replica, { host: cellar.host, hostId: cellar.id })),
  ])
  const holder = (await readOwner(request(replica)))?.holder?.host
  const refused = answers.find((answer) => answer.status === 'rejected')
  expect(answers.filter((answer) => answer.status === 'fulfilled').length).toBe(1)
  expect(refused?.reason).toMatchObject({ code: 'held-by-another-host', found: `it is held by ${holder}` })
})

test('an owner object that is made between the look and the listing is judged, by whatever names a listing shows it', async () => {
  const replica = s3.replica()
  const open: OpenStore = async () => {
    const store = await openS3Store(replica)
    const list = async () => {
      await lay(replica, keyOf(replica), formatOwner(ownerWith({ holder: cellar })))
      // as a directory names its first version
      return [keyOf(replica).replace(/\.json$/, '.1.json')]
    }
    return { ...store, list }
  }
  expect(await problemOf(() => ensureOwner(request(replica, { open })))).toMatchObject({ code: 'held-by-another-host' })
})

test('ownership: NAME keeps the owner object on the other replica, and still looks at the data', async () => {
  const keeper = s3.replica({ name: 'keeper' })
  const data = s3.replica({ name: 'b2', endpoint: proxied.endpoint, ownership: { replica: 'keeper' } })
  // As Backblaze: no conditional write ever gets through to the data's server.
  proxied.proxy.faults = [{ method: 'PUT', do: { kind: 'status', status: 501 } }]
  const made = await ensureOwner(request(data, {}, [keeper]))
  expect(made.outcome).toBe('created')
  expect(parseOwner((await lookAt(keeper, keyOf(keeper))) ?? '', 'it')).toEqual(made.owner)

  const used = s3.replica({ name: 'b2', ownership: { replica: 'keeper' } })
  await lay(used, `${used.prefix}/gotify/e0001-00000000/main/0000.ltx`, 'data')
  const problem = await problemOf(ensureOwner(request(used, {}, [s3.replica({ name: 'keeper' })])))
  expect(problem.code).toBe('replica-not-empty')
})

test('ownership: emulate works on a server without conditional writes', async () => {
  const replica = s3.replica({ endpoint: proxied.endpoint, ownership: 'emulate' })
  let slept = 0
  const clock = {
    now: () => 0,
    sleep(ms: number) {
      slept += ms
      return Promise.resolve()
    },
  }
  const made = await ensureOwner(request(replica, { clock }))
  expect(made.outcome).toBe('created')
  expect(slept).toBe(5000)
  expect((await ensureOwner(request(replica, { clock, dbs: ['main', 'log'] }))).outcome).toBe('databases-changed')
  expect(proxied.proxy.log.length).toBeGreaterThan(0)
})

test('under ownership: emulate a write that comes within the five seconds is seen, and judged anew', async () => {
  const replica = s3.replica({ ownership: 'emulate' })
  const rival = formatOwner(ownerWith({ holder: cellar }))
  const clock = { now: () => 0, sleep: () => lay(replica, keyOf(replica), rival) }
  const problem = await problemOf(ensureOwner(request(replica, { clock })))
  expect(problem.code).toBe('held-by-another-host')
  expect(await lookAt(replica, keyOf(replica))).toBe(rival)
})

test('a bucket without conditional writes and without a word about it is refused before anything is written', async () => {
  const replica = s3.replica({ endpoint: proxied.endpoint, bucket: 'lab' })
  proxied.proxy.faults = [{ method: 'PUT', do: { kind: 'status', status: 501 } }]
  const problem = await problemOf(ensureOwner(request(replica, {}, [s3.replica({ name: 'keeper' })])))
  expect(problem.code).toBe('replica-no-conditional-writes')
  expect(problem.next).toContain('`ownership: keeper`')
  expect(await lookAt({ ...replica, endpoint: s3.endpoint.origin }, keyOf(replica))).toBeNull()
})
