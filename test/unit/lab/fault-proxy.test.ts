import { createServer, request, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createFaultProxy, type FaultProxy } from '../../lab/fault-proxy.ts'
import { checkFaults } from '../../lab/faults.ts'

interface Seen {
  method: string | undefined
  url: string | undefined
  headers: string[]
  body: string
}

let upstream: Server
let proxy: FaultProxy
let seen: Seen[]
let answerBody: Buffer

const listen = (server: Server): Promise<number> =>
  new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)))

async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of message) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

beforeEach(async () => {
  seen = []
  answerBody = Buffer.from('hello')
  upstream = createServer((incoming, outgoing) => {
    const serve = async (): Promise<void> => {
      const body = await bodyOf(incoming)
      seen.push({ method: incoming.method, url: incoming.url, headers: incoming.rawHeaders, body: body.toString() })
      outgoing.writeHead(200, { ETag: '"abc"', 'content-length': answerBody.length }).end(answerBody)
    }
    void serve()
  })
  proxy = createFaultProxy(new URL(`http://127.0.0.1:${await listen(upstream)}`))
  await listen(proxy.server)
})

afterEach(() => {
  for (const server of [proxy.server, upstream]) {
    server.closeAllConnections()
    server.close()
  }
})

type Answer = { status: number; etag: string | undefined; date: string | undefined; body: string }

/** One request to the proxy; rejects with the error's code. */
function ask(
  method: string,
  path: string,
  body = '',
  headers: string[] = ['Host', 'bucket.example:9000'],
): Promise<Answer> {
  const { port } = proxy.server.address() as AddressInfo
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port,
        method,
        path,
        agent: false,
        headers: [...headers, 'content-length', String(body.length)],
      },
      (answer) => {
        bodyOf(answer).then((bytes) => {
          resolve({
            status: answer.statusCode ?? 0,
            etag: answer.headers['etag'],
            date: answer.headers['date'],
            body: bytes.toString(),
          })
          return bytes
        }, reject)
      },
    )
    sent.on('error', (error: NodeJS.ErrnoException) => reject(new Error(error.code ?? error.message)))
    sent.end(body)
  })
}

test('a request reaches the server as it was signed: Host, order and spelling of headers, path as sent', async () => {
  const headers = [
    'Host',
    'bucket.example:9000',
    'X-Amz-Date',
    '20261121T000000Z',
    'authorization',
    'AWS4 x',
    'IF-Match',
    '"e"',
  ]
  const answer = await ask('PUT', '/lab/a%20b//c?x-id=Put%2FObject', 'body', headers)
  expect(answer).toMatchObject({ status: 200, etag: '"abc"', body: 'hello' })
  expect(seen).toHaveLength(1)
  expect(seen[0]).toMatchObject({ method: 'PUT', url: '/lab/a%20b//c?x-id=Put%2FObject', body: 'body' })
  expect(seen[0]?.headers.slice(0, headers.length)).toEqual(headers)
})

test('a fault meets the requests that fit, as often as it says, and no others', async () => {
  proxy.faults = checkFaults([
    { method: 'PUT|DELETE', path: String.raw`/owner\.json`, count: 2, do: { kind: 'status', status: 503 } },
  ])
  expect((await ask('GET', '/lab/owner.json')).status).toBe(200)
  expect((await ask('PUT', '/lab/ownerXjson')).status).toBe(200)
  const refused = await ask('PUT', '/lab/owner.json?x-id=PutObject', 'x')
  expect(refused.status).toBe(503)
  expect(refused.body).toContain('<Code>SlowDown</Code>')
  expect((await ask('DELETE', '/lab/owner.json')).status).toBe(503)
  expect((await ask('DELETE', '/lab/owner.json')).status).toBe(200)
  expect(seen.map((each) => each.method)).toEqual(['GET', 'PUT', 'DELETE'])
})

test('a fault of one client leaves the others alone', async () => {
  proxy.faults = checkFaults([{ from: '10.83.0.10', do: { kind: 'refuse' } }])
  expect((await ask('GET', '/')).status).toBe(200)
  proxy.faults = checkFaults([{ from: '127.0.0.1', do: { kind: 'refuse' } }])
  await expect(ask('GET', '/')).rejects.toThrow('ECONNRESET')
})

test('refuse: the connection is reset and the server sees nothing', async () => {
  proxy.faults = [{ do: { kind: 'refuse' } }]
  await expect(ask('PUT', '/x', 'body')).rejects.toThrow('ECONNRESET')
  expect(seen).toEqual([])
})

test('drop-answer: the server does the work, the client never hears of it', async () => {
  proxy.faults = [{ do: { kind: 'drop-answer' } }]
  await expect(ask('PUT', '/x', 'body')).rejects.toThrow('ECONNRESET')
  expect(seen).toMatchObject([{ method: 'PUT', body: 'body' }])
})

test('late: the client is cut off at once, and the request lands afterwards', async () => {
  proxy.faults = [{ do: { kind: 'late', ms: 200 } }]
  await expect(ask('PUT', '/x', 'body')).rejects.toThrow('ECONNRESET')
  expect(seen).toEqual([])
  await expect.poll(() => seen.length, { timeout: 5000 }).toBe(1)
  expect(seen[0]).toMatchObject({ method: 'PUT', url: '/x', body: 'body' })
})

test('hang: no answer comes, and the request does not reach the server', async () => {
  proxy.faults = [{ do: { kind: 'hang' } }]
  const nothing = new Promise((resolve) => setTimeout(() => resolve('nothing'), 300))
  expect(await Promise.race([ask('GET', '/').catch(() => 'error'), nothing])).toBe('nothing')
  expect(seen).toEqual([])
})

test('delay and slow: the answer is right, and comes no sooner than ordered', async () => {
  proxy.faults = [{ do: { kind: 'delay', ms: 150 } }]
  let begun = performance.now()
  expect((await ask('GET', '/')).body).toBe('hello')
  expect(performance.now() - begun).toBeGreaterThan(145)
  answerBody = Buffer.alloc(20_000, 'x')
  proxy.faults = [{ do: { kind: 'slow', bytesPerSecond: 50_000 } }]
  begun = performance.now()
  expect((await ask('GET', '/')).body).toHaveLength(20_000)
  expect(performance.now() - begun).toBeGreaterThan(300)
})

test('the log holds what was asked, answered and sent, and which fault it met', async () => {
  await ask('PUT', '/lab/a', 'x'.repeat(70_000))
  proxy.faults = [{ do: { kind: 'status', status: 403 } }]
  await ask('GET', '/lab/b')
  await expect.poll(() => proxy.log.length).toBe(2)
  expect(proxy.log).toMatchObject([
    { from: '127.0.0.1', method: 'PUT', path: '/lab/a', status: 200, bytesIn: 70_000, bytesOut: 5 },
    { method: 'GET', path: '/lab/b', status: 403, bytesIn: 0, fault: 'status' },
  ])
})

test('a server that is down resets the client’s connection', async () => {
  upstream.closeAllConnections()
  await new Promise((resolve) => upstream.close(resolve))
  await expect(ask('GET', '/')).rejects.toThrow('ECONNRESET')
})

test('an unknown fault or a broken expression is refused when it is set', () => {
  expect(() => checkFaults([{ do: { kind: 'explode' } }])).toThrow('no such fault')
  expect(() => checkFaults([{ path: '(', do: { kind: 'refuse' } }])).toThrow(/Invalid regular expression/)
  expect(() => checkFaults({})).toThrow('list')
})

test('date: the answer is from another time, and otherwise as it was', async () => {
  proxy.faults = [{ do: { kind: 'date', seconds: -600 } }]
  const answer = await ask('GET', '/bucket/key')
  expect(answer).toMatchObject({ status: 200, etag: '"abc"', body: 'hello' })
  const behind = Date.now() - Date.parse(answer.date ?? '')
  expect(behind).toBeGreaterThan(595_000)
  expect(behind).toBeLessThan(605_000)
})
