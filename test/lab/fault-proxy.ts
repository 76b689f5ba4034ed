import {
  Agent,
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { errorBody, takeFault, type Fault, type FaultAction, type RequestRecord } from './faults.ts'

export interface FaultProxy {
  server: Server
  /** Replaced as a whole to change what happens from the next request on. */
  faults: Fault[]
  log: RequestRecord[]
}

interface Exchange {
  proxy: FaultProxy
  upstream: URL
  agent: Agent
  incoming: IncomingMessage
  outgoing: ServerResponse
  record: RequestRecord
}

/**
 * An HTTP proxy before one server that passes requests through byte by byte (streams; headers in their order and spelling,
 * Host included, because S3 signatures cover it), does to chosen ones what `faults` say, and logs all. When the server does
 * not take connections, the client's is reset. `complain` gets a line for each request that failed unasked.
 */
export function createFaultProxy(upstream: URL, complain: (line: string) => void = () => {}): FaultProxy {
  const agent = new Agent({ keepAlive: true })
  const proxy: FaultProxy = { server: createServer(), faults: [], log: [] }
  // Requests that hang are what this proxy is for.
  proxy.server.requestTimeout = 0
  proxy.server.headersTimeout = 0
  proxy.server.keepAliveTimeout = 60_000
  proxy.server.on('request', (incoming, outgoing) => {
    const started = performance.now()
    const from = (incoming.socket.remoteAddress ?? '').replace(/^::ffff:/, '')
    const { method = 'GET', url: path = '/' } = incoming
    const record: RequestRecord = { at: Date.now(), from, method, path, status: null, bytesIn: 0, bytesOut: 0, ms: 0 }
    const action = takeFault(proxy.faults, record)
    if (action !== null) record.fault = action.kind
    outgoing.once('close', () => {
      record.ms = Math.round(performance.now() - started)
      proxy.log.push(record)
    })
    handle({ proxy, upstream, agent, incoming, outgoing, record }, action).catch((error: unknown) => {
      complain(`${method} ${path}: ${String(error)}`)
      incoming.socket.resetAndDestroy()
    })
  })
  return proxy
}

async function handle(exchange: Exchange, action: FaultAction | null): Promise<void> {
  const { incoming, outgoing, record } = exchange
  switch (action?.kind) {
    case 'refuse':
      incoming.socket.resetAndDestroy()
      return
    case 'hang':
      incoming.on('data', (chunk: Buffer) => (record.bytesIn += chunk.length))
      return
    case 'status': {
      // the body is read first: a client that is still sending might otherwise see a reset instead of the answer
      for await (const chunk of incoming) record.bytesIn += (chunk as Buffer).length
      record.status = action.status
      const body = Buffer.from(incoming.method === 'HEAD' ? '' : errorBody(action.status, record.path))
      record.bytesOut = body.length
      outgoing.writeHead(action.status, { 'content-type': 'application/xml', 'content-length': body.length })
      outgoing.end(body)
      return
    }
    case 'late': {
      const chunks: Buffer[] = []
      for await (const chunk of incoming) chunks.push(chunk as Buffer)
      record.bytesIn = Buffer.concat(chunks).length
      incoming.socket.resetAndDestroy()
      await sleep(action.ms)
      const sent = send(exchange)
      sent.end(Buffer.concat(chunks))
      const answer = await response(sent)
      answer.resume()
      return
    }
    case 'delay':
      await sleep(action.ms)
      break
    case 'slow':
    case 'drop-answer':
    case 'date':
    case undefined:
      break
  }
  await pass(exchange, action)
}

async function pass(exchange: Exchange, action: FaultAction | null): Promise<void> {
  const { incoming, outgoing, record } = exchange
  const speed = action?.kind === 'slow' ? action.bytesPerSecond : null
  const sent = send(exchange)
  // a client that gives up takes its request to the server with it
  outgoing.once('close', () => sent.destroy())
  // piped, not pipelined: a server that answers before it has read the whole body must not cost the client that answer
  meter(incoming, speed, (bytes) => (record.bytesIn += bytes))
    .on('error', () => sent.destroy())
    .pipe(sent)
  const answer = await response(sent)
  if (action?.kind === 'drop-answer') {
    answer.resume()
    await new Promise<void>((resolve) => answer.once('close', () => resolve()))
    incoming.socket.resetAndDestroy()
    return
  }
  record.status = answer.statusCode ?? 502
  const headers = action?.kind === 'date' ? postdated(answer.rawHeaders, action.seconds) : answer.rawHeaders
  outgoing.writeHead(record.status, answer.statusMessage, headers)
  await pipeline(
    meter(answer, speed, (bytes) => (record.bytesOut += bytes)),
    outgoing,
  )
}

/** Header names and values in turn, as Node gives them raw. */
function postdated(headers: string[], seconds: number): string[] {
  return headers.map((value, index) =>
    index % 2 === 1 && headers[index - 1]?.toLowerCase() === 'date'
      ? new Date(Date.parse(value) + seconds * 1000).toUTCString()
      : value,
  )
}

function send({ upstream, agent, incoming }: Exchange): ReturnType<typeof httpRequest> {
  return httpRequest({
    host: upstream.hostname,
    port: upstream.port,
    agent,
    method: incoming.method,
    path: incoming.url,
    headers: incoming.rawHeaders,
  })
}

function response(sent: ReturnType<typeof httpRequest>): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    sent.once('response', resolve)
    sent.on('error', reject)
  })
}

/** Counts what flows through and, given a speed, holds it back to that. */
function meter(source: Readable, bytesPerSecond: number | null, count: (bytes: number) => void): Readable {
  async function* counted(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    const slice = bytesPerSecond === null ? Infinity : Math.max(1, Math.floor(bytesPerSecond / 20))
    for await (const chunk of chunks) {
      for (let start = 0; start < chunk.length; start += slice) {
        const part = chunk.subarray(start, start + slice)
        count(part.length)
        yield part
        if (bytesPerSecond !== null) await sleep((part.length / bytesPerSecond) * 1000)
      }
    }
  }
  return Readable.from(counted(source), { objectMode: false })
}
