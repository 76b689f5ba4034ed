import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { S3Replica } from '../../../src/inventory/model.ts'
import { Secret } from '../../../src/inventory/secret.ts'
import { probeConditionalWrites, requireConditionalWrites } from '../../../src/replica/conditional.ts'
import { openS3Store } from '../../../src/replica/s3-store.ts'
import type { StoreLimits } from '../../../src/replica/store.ts'
import { UnknownOutcome, type ObjectStore } from '../../../src/replica/store.ts'
import { startFaultProxy } from './fault-server.ts'
import { problemOf } from '../problem-of.ts'
import { startSeaweedFs, type RealS3 } from './seaweedfs.ts'

let s3: RealS3
let proxied: Awaited<ReturnType<typeof startFaultProxy>>
const work = mkdtempSync(join(tmpdir(), 'streamside-test-'))
const quick: StoreLimits = { readMs: 400, writeMs: 400, readPausesMs: [50] }

beforeAll(async () => {
  s3 = await startSeaweedFs()
  proxied = await startFaultProxy(s3.endpoint)
}, 60_000)

afterAll(async () => {
  await proxied.stop()
  await s3.stop()
  rmSync(work, { recursive: true })
})

async function withStore<T>(
  replica: S3Replica,
  use: (store: ObjectStore) => Promise<T>,
  limits?: StoreLimits,
): Promise<T> {
  const store = await openS3Store(replica, limits)
  try {
    return await use(store)
  } finally {
    store.close()
  }
}

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

test('a key that is not there is null; one that is comes back with its etag, and a condition on it is enforced', async () => {
  await withStore(s3.replica(), async (store) => {
    expect(await store.get('here/a')).toBeNull()
    expect(await store.put('here/a', 'one', { kind: 'absent' })).toBe('done')
    expect(await store.put('here/a', 'two', { kind: 'absent' })).toBe('conflict')
    const first = await store.get('here/a')
    expect(first?.body).toBe('one')
    expect(await store.put('here/a', 'two', { kind: 'etag', etag: first?.etag ?? '' })).toBe('done')
    expect(await store.put('here/a', 'three', { kind: 'etag', etag: first?.etag ?? '' })).toBe('conflict')
    expect(await store.put('here/missing', 'x', { kind: 'etag', etag: first?.etag ?? '' })).toBe('conflict')
    expect(await store.list('here/', 5)).toEqual(['here/a'])
  })
})

test('of twenty writers at once one is told that it created the object, and it is the one whose object is there', async () => {
  await withStore(s3.replica(), async (store) => {
    const writers = Array.from({ length: 20 }, (_, index) => store.put('race', `writer ${index}`, { kind: 'absent' }))
    const answers = await Promise.all(writers)
    expect(answers.filter((answer) => answer === 'done')).toHaveLength(1)
    expect((await store.get('race'))?.body).toBe(`writer ${answers.indexOf('done')}`)
  })
})

test('the probe finds a server that enforces conditions, and leaves nothing behind', async () => {
  const replica = s3.replica()
  await withStore(replica, async (store) => {
    expect(await probeConditionalWrites(store, replica.prefix)).toBeNull()
    expect(await store.list(`${replica.prefix}/`, 5)).toEqual([])
  })
})

test('a bucket is probed once a run; one that has failed is probed again', async () => {
  const replica = s3.replica({ endpoint: proxied.endpoint })
  const run = { probed: new Map<string, Promise<void>>(), host: 'attic' }
  await withStore(replica, async (store) => {
    proxied.proxy.faults = [{ method: 'PUT', do: { kind: 'status', status: 501 } }]
    await expect(requireConditionalWrites(store, replica, [], run)).rejects.toThrow()
    proxied.proxy.faults = []
    proxied.proxy.log.length = 0
    await Promise.all([1, 2, 3].map(() => requireConditionalWrites(store, replica, [], run)))
    expect(proxied.proxy.log.length).toBe(7)
    await requireConditionalWrites(store, replica, [], run)
    expect(proxied.proxy.log.length).toBe(7)
  })
})

test('a server that answers 501 to a condition, or ignores it, is refused with the two ways out', async () => {
  const replica = s3.replica({ endpoint: proxied.endpoint, name: 'b2' })
  proxied.proxy.faults = [{ method: 'PUT', do: { kind: 'status', status: 501 } }]
  await withStore(replica, async (store) => {
    const problem = await problemOf(
      requireConditionalWrites(store, replica, ['nas', 'other'], { probed: new Map(), host: 'attic' }),
    )
    expect(problem.code).toBe('replica-no-conditional-writes')
    expect(problem.found).toContain('501')
    expect(problem.next).toContain('`ownership: nas` (or other)')
    expect(problem.next).toContain('`ownership: emulate`')
  })
  proxied.proxy.faults = []
  // A server that takes every PUT: the condition is left out on the way.
  await withStore(replica, async (store) => {
    const deaf: ObjectStore = { ...store, put: (key, body) => store.put(key, body, { kind: 'none' }) }
    const problem = await problemOf(requireConditionalWrites(deaf, replica, [], { probed: new Map(), host: 'attic' }))
    expect(problem.found).toContain('carried out instead of being refused')
    expect(await store.list(`${replica.prefix}/`, 5)).toEqual([])
  })
})

test('a lost answer to a PUT is an unknown outcome, whether or not the server had the request', async () => {
  const replica = s3.replica({ endpoint: proxied.endpoint })
  for (const fault of [
    { kind: 'drop-answer' },
    { kind: 'hang' },
    { kind: 'refuse' },
    { kind: 'status', status: 503 },
    { kind: 'status', status: 500 },
    { kind: 'status', status: 409 },
  ] as const) {
    proxied.proxy.faults = [{ method: 'PUT', do: fault }]
    await withStore(
      replica,
      (store) => expect(store.put('lost', 'x', { kind: 'none' })).rejects.toThrow(UnknownOutcome),
      quick,
    )
  }
  proxied.proxy.faults = []
})

test('a read is repeated once the network stumbles, and says so when it does not recover', async () => {
  const replica = s3.replica({ endpoint: proxied.endpoint })
  proxied.proxy.faults = [{ method: 'GET', count: 1, do: { kind: 'hang' } }]
  await withStore(replica, async (store) => expect(await store.get('none')).toBeNull(), quick)
  proxied.proxy.faults = [{ method: 'GET', do: { kind: 'hang' } }]
  const problem = await withStore(replica, (store) => problemOf(store.get('none')), quick)
  expect(problem.code).toBe('replica-unreachable')
  expect(problem.found).toContain('no answer within 0.4 s')
  expect(problem.exit).toBe(1)
  proxied.proxy.faults = []
})

test('only the server’s own NoSuchKey means "not there": a 404 of something else does not', async () => {
  const page = createHttpServer((_request, response) => response.writeHead(404).end('<html>Not Found</html>'))
  const port = await listening(page)
  const problem = await withStore(s3.replica({ endpoint: `http://127.0.0.1:${port}` }), (store) =>
    problemOf(store.get('x')),
  )
  expect(problem.code).toBe('replica-unexpected-answer')
  const fine = createHttpServer((_request, response) => response.writeHead(200).end('<html>router login</html>'))
  const other = await listening(fine)
  const listed = await withStore(s3.replica({ endpoint: `http://127.0.0.1:${other}` }), (store) =>
    problemOf(store.list('x', 5)),
  )
  expect(listed.code).toBe('replica-unexpected-answer')
  await withStore(s3.replica({ endpoint: `http://127.0.0.1:${other}` }), async (store) => {
    await expect(store.put('x', 'y', { kind: 'none' })).rejects.toThrow(UnknownOutcome)
  })
  page.close()
  fine.close()
})

test('each way to be unreachable or refused has its own words, and none of them holds a key', async () => {
  const wrong = new Secret('wrong', 'wrong-secret-value')
  const cases: [Partial<S3Replica>, string, RegExp][] = [
    [{ bucket: 'nope' }, 'replica-no-bucket', /create bucket nope, or correct bucket/],
    [{ secretAccessKey: wrong }, 'replica-denied', /correct secret-access-key/],
    [{ accessKeyId: wrong }, 'replica-denied', /correct access-key-id/],
    [{ endpoint: 'http://127.0.0.1:1' }, 'replica-unreachable', /server is up/],
    [{ endpoint: 'http://nowhere.invalid' }, 'replica-unreachable', /name service/],
    [{ endpoint: `https://127.0.0.1:${s3.endpoint.port}` }, 'replica-not-tls', /http:\/\//],
  ]
  for (const [changes, code, next] of cases) {
    const problem = await withStore(s3.replica(changes), (store) => problemOf(store.get('x')), quick)
    expect(problem).toMatchObject({ code, exit: 1 })
    expect(problem.next).toMatch(next)
    expect(problem.doing).toContain('replica nas')
    expect(JSON.stringify([problem.doing, problem.found, problem.next])).not.toMatch(
      /wrong-secret-value|test-secret|test-key/,
    )
  }
  proxied.proxy.faults = [{ do: { kind: 'status', status: 403 } }]
  const denied = await withStore(
    s3.replica({ endpoint: proxied.endpoint }),
    (store) => problemOf(store.get('x')),
    quick,
  )
  expect(denied).toMatchObject({ code: 'replica-denied' })
  expect(denied.next).toContain('rights to list, read, write and delete')
  proxied.proxy.faults = []
})

test('a server with its own authority is trusted through ca:, and refused with that word without', async () => {
  const openssl = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-days',
    '2',
    '-subj',
    '/CN=nas',
  ]
  const [key, cert] = [join(work, 'key.pem'), join(work, 'cert.pem')]
  execFileSync('openssl', [...openssl, '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert], {
    stdio: 'ignore',
  })
  const missing = '<?xml version="1.0"?><Error><Code>NoSuchKey</Code><Message>no</Message></Error>'
  const server = createHttpsServer({ key: readFileSync(key), cert: readFileSync(cert) }, (_request, response) =>
    response.writeHead(404, { 'content-type': 'application/xml' }).end(missing),
  )
  const endpoint = `https://127.0.0.1:${await listening(server)}`
  const problem = await withStore(s3.replica({ endpoint }), (store) => problemOf(store.get('x')), quick)
  expect(problem.code).toBe('replica-certificate')
  // Node's words, without its advice on how Node is to be started
  expect(problem.found).toMatch(/certificate/)
  expect(problem.found).not.toMatch(/Node|root CA/)
  expect(problem.next).toContain('name it as ca: in replica nas')
  await withStore(s3.replica({ endpoint, ca: cert }), async (store) => expect(await store.get('x')).toBeNull(), quick)
  const unreadable = await problemOf(openS3Store(s3.replica({ endpoint, ca: join(work, 'none.pem') })))
  expect(unreadable.code).toBe('ca-unreadable')
  server.close()
  server.closeAllConnections()
})
