import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { once } from 'node:events'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connectHost } from '../../../src/host/connect.ts'
import type { SshConnection } from '../../../src/host/connection.ts'
import { exitCodes } from '../../../src/problem.ts'
import { openS3Store } from '../../../src/replica/s3-store.ts'
import type { StoreLimits } from '../../../src/replica/store.ts'
import { UnknownOutcome } from '../../../src/replica/store.ts'
import type { OpenChannel, Way } from '../../../src/replica/way.ts'
import { makeAuthority } from '../../lab/authority.ts'
import { know, optionsFor, startSshd, type LocalSshd } from '../host/local-sshd.ts'
import { problemOf } from '../problem-of.ts'
import { startFaultProxy } from './fault-server.ts'
import { startSeaweedFs, type RealS3 } from './seaweedfs.ts'

let s3: RealS3
let proxied: Awaited<ReturnType<typeof startFaultProxy>>
let sshd: LocalSshd
let connection: SshConnection
let carries: OpenChannel
const work = mkdtempSync(join(tmpdir(), 'streamside-test-'))
const quick: StoreLimits = { readMs: 400, writeMs: 400, readPausesMs: [50] }

beforeAll(async () => {
  ;[s3, sshd] = await Promise.all([startSeaweedFs(), startSshd()])
  proxied = await startFaultProxy(s3.endpoint)
  know(sshd)
  connection = await connectHost(sshd.host, optionsFor(sshd))
  carries = carriedBy(connection)
}, 60_000)

afterAll(async () => {
  await connection.close()
  await Promise.all([proxied.stop(), s3.stop(), sshd.stop()])
  rmSync(work, { recursive: true })
})

/** What the connection of a host does for the run. */
const carriedBy =
  (by: SshConnection): OpenChannel =>
  (address, port) =>
    by.openChannel(address, port)

/** Through the SSH connection; every address stands for this machine, as a name of the host's own network would there. */
function through(asked: string[] = [], openChannel: OpenChannel = carries): Way {
  const open: OpenChannel = (address, port) => {
    asked.push(`${address} ${port}`)
    return openChannel('127.0.0.1', port)
  }
  return { kind: 'through', host: 'pi-test', reason: 'getaddrinfo ENOTFOUND nas.lan', openChannel: open }
}

const lanEndpoint = () => `http://nas.lan:${new URL(proxied.endpoint).port}`

test('every kind of request goes through, its conditions enforced, to a name that only the host knows', async () => {
  const asked: string[] = []
  const replica = s3.replica({ endpoint: lanEndpoint() })
  const store = await openS3Store(replica, undefined, through(asked))
  expect(store.where).toBe(`bucket lab at ${replica.endpoint} (replica nas, through the SSH connection of pi-test)`)
  expect(await store.get('through/a')).toBeNull()
  expect(await store.put('through/a', 'one', { kind: 'absent' })).toBe('done')
  expect(await store.put('through/a', 'two', { kind: 'absent' })).toBe('conflict')
  const large = 'x'.repeat(900_000)
  expect(await store.put('through/large', large, { kind: 'none' })).toBe('done')
  expect((await store.get('through/large'))?.body).toBe(large)
  expect((await store.list('through/', 5)).toSorted()).toEqual(['through/a', 'through/large'])
  const writers = Array.from({ length: 5 }, (_, index) => store.put('through/race', `${index}`, { kind: 'absent' }))
  expect((await Promise.all(writers)).filter((answer) => answer === 'done')).toHaveLength(1)
  await store.remove('through/large')
  store.close()
  expect(new Set(asked)).toEqual(new Set([`nas.lan ${new URL(proxied.endpoint).port}`]))
  expect(connection.execs).toBe(0)
})

test('TLS is between here and the server: its name and its authority are checked, the host is not trusted', async () => {
  const right = await makeAuthority(work, 'right', 'DNS:nas.lan')
  const wrong = await makeAuthority(work, 'wrong', 'DNS:nas.lan')
  const names: (string | false | undefined)[] = []
  const missing = '<?xml version="1.0"?><Error><Code>NoSuchKey</Code><Message>no</Message></Error>'
  const server = createHttpsServer(
    { key: readFileSync(right.serverKey), cert: readFileSync(right.serverCertificate) },
    (request, response) => {
      names.push((request.socket as Socket & { servername?: string | false }).servername)
      response.writeHead(404, { 'content-type': 'application/xml' }).end(missing)
    },
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const ask = async (name: string, ca: string | null) => {
    const store = await openS3Store(s3.replica({ endpoint: `https://${name}:${port}`, ca }), quick, through())
    return store.get('x').finally(() => store.close())
  }
  expect(await ask('nas.lan', right.certificate)).toBeNull()
  expect(names).toEqual(['nas.lan'])
  for (const [name, ca, next] of [
    ['nas.lan', wrong.certificate, /was not signed by .*wrong/],
    ['nas.lan', null, /name it as ca: in replica nas/],
    ['other.lan', right.certificate, /the certificate of other\.lan does not fit/],
  ] as const)
    expect(await problemOf(ask(name, ca))).toMatchObject({
      code: 'replica-certificate',
      next: expect.stringMatching(next),
      found: expect.not.stringContaining('from here'),
    })
  server.close()
  server.closeAllConnections()
})

test('a host that cannot connect either is told with both reasons, after the usual tries', async () => {
  const asked: string[] = []
  const store = await openS3Store(s3.replica({ endpoint: 'http://nas.lan:1' }), quick, through(asked))
  expect(await problemOf(store.get('x'))).toMatchObject({
    code: 'replica-unreachable',
    found: 'pi-test cannot connect to 127.0.0.1:1: Connection refused; and from here: getaddrinfo ENOTFOUND nas.lan',
    next: 'see that 127.0.0.1:1 is up and that pi-test reaches it (nc -z 127.0.0.1 1); or run this where nas.lan:1 is reachable',
    host: 'pi-test',
    exit: exitCodes.failed,
  })
  expect(asked).toHaveLength(2)
  // Nothing was sent, so nothing is in doubt.
  expect(await problemOf(store.put('x', 'y', { kind: 'none' }))).toMatchObject({ code: 'replica-unreachable' })
  store.close()
})

test.each([
  ['AllowTcpForwarding no', 'sshd_config'],
  ['PermitOpen 127.0.0.1:2', 'PermitOpen'],
])('an sshd that may not forward (%s) is told with what to allow, and not asked again', async (line, advice) => {
  const closed = await startSshd([line])
  know(closed)
  const second = await connectHost(closed.host, optionsFor(closed))
  try {
    const asked: string[] = []
    const replica = s3.replica({ endpoint: lanEndpoint() })
    const store = await openS3Store(replica, quick, through(asked, carriedBy(second)))
    const problem = await problemOf(store.get('x'))
    store.close()
    expect(problem).toMatchObject({ code: 'replica-unreachable', host: 'pi-test', exit: exitCodes.failed })
    expect(problem.found).toMatch(/^sshd on pi-test may not forward .*; and from here: getaddrinfo ENOTFOUND nas\.lan$/)
    expect(problem.next).toContain(advice)
    expect(problem.next).toContain('AllowTcpForwarding yes or local')
    expect(problem.next).toContain('run this where nas.lan:')
    expect(asked).toHaveLength(1)
  } finally {
    await second.close()
    await closed.stop()
  }
})

test('limits in time hold: a channel that never opens, a server that never answers', async () => {
  let cut = 0
  const silent = createServer((socket) => {
    socket.resume().on('close', () => (cut += 1))
  })
  silent.listen(0, '127.0.0.1')
  await once(silent, 'listening')
  const endpoint = `http://nas.lan:${(silent.address() as AddressInfo).port}`
  const never: OpenChannel = () => new Promise(() => {})
  for (const openChannel of [never, carries]) {
    const store = await openS3Store(s3.replica({ endpoint }), quick, through([], openChannel))
    const began = performance.now()
    expect(await problemOf(store.get('x'))).toMatchObject({
      code: 'replica-unreachable',
      found: 'no answer within 0.4 s; and from here: getaddrinfo ENOTFOUND nas.lan',
    })
    expect(performance.now() - began).toBeLessThan(3000)
    await expect(store.put('x', 'y', { kind: 'none' })).rejects.toThrow(UnknownOutcome)
    store.close()
  }
  // What was given up does not stay open: two reads and a PUT.
  await expect.poll(() => cut, { timeout: 10_000 }).toBe(3)
  silent.close()
})

test('a channel that opens after its request was given up is closed again', async () => {
  let ended = 0
  const server = createServer((socket) => {
    socket.resume().on('close', () => (ended += 1))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const late: OpenChannel = async (address, port) => {
    await sleep(1000)
    return carries(address, port)
  }
  const endpoint = `http://nas.lan:${(server.address() as AddressInfo).port}`
  const store = await openS3Store(s3.replica({ endpoint }), { ...quick, readPausesMs: [] }, through([], late))
  expect((await problemOf(store.get('x'))).found).toContain('no answer within 0.4 s')
  store.close()
  await expect.poll(() => ended, { timeout: 10_000 }).toBe(1)
  server.close()
})

test('an SSH connection that is gone is said to be gone, and nothing is in doubt that was not sent', async () => {
  const dying = await startSshd()
  know(dying)
  const lost = await connectHost(dying.host, optionsFor(dying))
  const store = await openS3Store(s3.replica({ endpoint: lanEndpoint() }), undefined, through([], carriedBy(lost)))
  expect(await store.get('x')).toBeNull()
  const gone = { code: 'connection-lost', exit: exitCodes.unreachable, host: 'pi-test' }
  dying.killSessions()
  expect(await problemOf(store.get('x'))).toMatchObject(gone)
  expect(await problemOf(store.put('x', 'y', { kind: 'none' }))).toMatchObject(gone)
  store.close()
  await lost.close()
  await dying.stop()
})
