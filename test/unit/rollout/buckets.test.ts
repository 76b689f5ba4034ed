import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { SshConnection } from '../../../src/host/connection.ts'
import type { S3Replica } from '../../../src/inventory/model.ts'
import { Secret } from '../../../src/inventory/secret.ts'
import { Problem } from '../../../src/problem.ts'
import { isOnLoopback, serverOf, whyNotDirectly } from '../../../src/replica/way.ts'
import type { RunEvent } from '../../../src/report/events.ts'
import { createBuckets } from '../../../src/rollout/buckets.ts'
import { problemOf } from '../problem-of.ts'

const replica = (name: string, endpoint: string): S3Replica => ({
  name,
  type: 's3',
  endpoint,
  region: 'us-east-1',
  bucket: 'lab',
  prefix: '',
  ca: null,
  accessKeyId: new Secret('key', 'test-key'),
  secretAccessKey: new Secret('secret', 'test-secret'),
  ownership: 'conditional',
})

/** A connection that says which way it was asked for, and goes none. */
function carrier(host: string, asked: string[]): SshConnection {
  return {
    host,
    execs: 0,
    exec: () => Promise.reject(new Error('no command was expected')),
    openChannel(address, port) {
      asked.push(`${host}: ${address} ${port}`)
      const found = 'forwarding is off'
      return Promise.reject(new Problem({ code: 'forwarding-forbidden', doing: 'a test', found, next: '-' }))
    },
    close: () => Promise.resolve(),
  }
}

describe('the way to a bucket', () => {
  test('is looked for once a run for all hosts, and told once for each replica and host', async () => {
    const events: RunEvent[] = []
    const looked: string[] = []
    const asked: string[] = []
    const buckets = createBuckets(
      (event) => void events.push(event),
      (endpoint) => {
        looked.push(endpoint)
        return Promise.resolve('getaddrinfo ENOTFOUND nas.lan')
      },
    )
    for (const host of ['attic', 'cellar']) buckets.carriedBy(carrier(host, asked))
    const nas = replica('nas', 'https://nas.lan')
    for (const [host, which] of [
      ['attic', nas],
      ['attic', nas],
      ['cellar', nas],
      ['cellar', replica('owners', 'https://nas.lan')],
    ] as const) {
      const store = await buckets.openFor(host)(which)
      expect((await problemOf(store.get('x'))).host).toBe(host)
      store.close()
    }
    expect(looked).toEqual(['https://nas.lan'])
    expect(asked).toEqual(['attic: nas.lan 443', 'attic: nas.lan 443', 'cellar: nas.lan 443', 'cellar: nas.lan 443'])
    const told = (host: string, name: string) => ({
      type: 'host-step',
      host,
      step: 'bucket',
      detail: `${name} is not reachable from here (getaddrinfo ENOTFOUND nas.lan); through the SSH connection of ${host}`,
    })
    expect(events).toEqual([told('attic', 'nas'), told('cellar', 'nas'), told('cellar', 'owners')])
  })

  test('is the direct one for a host that nothing is connected to', async () => {
    const buckets = createBuckets(
      () => {},
      () => Promise.resolve('no'),
    )
    const store = await buckets.openFor('attic')(replica('nas', 'http://127.0.0.1:1'))
    expect(await problemOf(store.get('x'))).toMatchObject({
      code: 'replica-unreachable',
      found: 'connect ECONNREFUSED 127.0.0.1:1',
      host: undefined,
    })
    store.close()
  })

  test('is the newest connection of the host: an older one may be lost', async () => {
    const asked: string[] = []
    const buckets = createBuckets(
      () => {},
      () => Promise.resolve('no'),
    )
    buckets.carriedBy(carrier('attic', []))
    const store = await buckets.openFor('attic')(replica('nas', 'http://nas.lan:9000'))
    buckets.carriedBy(carrier('attic', asked))
    await problemOf(store.get('x'))
    store.close()
    expect(asked).toEqual(['attic: nas.lan 9000'])
  })

  test('to an endpoint on loopback is the host itself, even when something answers here under that address', async () => {
    const events: RunEvent[] = []
    const asked: string[] = []
    const buckets = createBuckets(
      (event) => void events.push(event),
      () => Promise.reject(new Error('nothing here is to be asked')),
    )
    buckets.carriedBy(carrier('attic', asked))
    const store = await buckets.openFor('attic')(replica('own', 'http://[::1]:9000'))
    await problemOf(store.get('x'))
    store.close()
    expect(asked).toEqual(['attic: ::1 9000'])
    expect(events).toEqual([
      expect.objectContaining({ detail: 'own is on attic itself; through the SSH connection of attic' }),
    ])
  })

  test('is the direct one when the server can be reached, whatever it answers', async () => {
    const refusing = createServer((_request, response) =>
      response.writeHead(403, { 'content-type': 'application/xml' }).end('<Error><Code>AccessDenied</Code></Error>'),
    )
    const port = await listening(refusing)
    const asked: string[] = []
    const events: RunEvent[] = []
    const buckets = createBuckets(
      (event) => void events.push(event),
      () => whyNotDirectly(`http://127.0.0.1:${port}`),
    )
    buckets.carriedBy(carrier('attic', asked))
    const denied = await buckets.openFor('attic')(replica('nas', `http://0.0.0.0:${port}`))
    expect(await problemOf(denied.get('x'))).toMatchObject({ code: 'replica-denied' })
    denied.close()
    const plain = await buckets.openFor('attic')(replica('tls', `https://0.0.0.0:${port}`))
    expect(await problemOf(plain.get('x'))).toMatchObject({ code: 'replica-not-tls' })
    plain.close()
    expect([asked, events]).toEqual([[], []])
    refusing.close()
  })
})

describe('a server', () => {
  let stopped: ReturnType<typeof spawn>
  let full: string

  beforeAll(async () => {
    // Nobody accepts, and the queue (one place, and one for the kernel) is full: what comes next is not answered at all.
    const program =
      'import socket,sys,time;s=socket.socket();s.bind(("127.0.0.1",0));s.listen(0);print(s.getsockname()[1],flush=True);time.sleep(60)'
    stopped = spawn('python3', ['-c', program], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [line] = (await once(stopped.stdout ?? stopped, 'data')) as [Buffer]
    full = `http://127.0.0.1:${Number(line)}`
    for (let fill = 0; fill < 3; fill += 1)
      connect(Number(line), '127.0.0.1')
        .on('error', () => {})
        .unref()
    await new Promise((resolve) => setTimeout(resolve, 200))
  })

  afterAll(() => stopped.kill('SIGKILL'))

  test('that can be reached, cannot, has no name, or does not answer in time', async () => {
    const server = createServer()
    const port = await listening(server)
    expect(await whyNotDirectly(`https://127.0.0.1:${port}`)).toBeNull()
    expect(await whyNotDirectly('http://127.0.0.1:1')).toBe('connect ECONNREFUSED 127.0.0.1:1')
    expect(await whyNotDirectly('http://nowhere.invalid')).toMatch(/nowhere\.invalid/)
    const began = performance.now()
    const { port: silent } = serverOf(full)
    expect(await whyNotDirectly(full, 300)).toBe(`127.0.0.1:${silent} does not answer within 0.3 s`)
    expect(performance.now() - began).toBeLessThan(2500)
    server.close()
  })

  test.each([
    ['http://localhost:9000', true],
    ['http://bucket.localhost', true],
    ['http://127.0.0.53', true],
    ['http://[::1]:9000', true],
    ['https://127.example.com', false],
    ['http://localhost.lan', false],
    ['http://10.0.0.1', false],
  ])('%s is on loopback: %s', (endpoint, own) => {
    expect(isOnLoopback(endpoint)).toBe(own)
  })

  test.each([
    ['https://nas.lan', 'nas.lan', 443],
    ['http://nas.lan', 'nas.lan', 80],
    ['https://[fd00::9]:9000', 'fd00::9', 9000],
  ])('%s listens on %s port %d', (endpoint, address, port) => {
    expect(serverOf(endpoint)).toEqual({ address, port })
  })
})

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}
