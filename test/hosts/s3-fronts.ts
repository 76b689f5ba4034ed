import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { Server } from 'node:net'
import { PutObjectCommand } from '@aws-sdk/client-s3'
import { bridgeAddressOf, type Instance, readAccess, type RequestRecord, s3Client } from '../lab/index.ts'
import type { Authority } from '../lab/authority.ts'
import { createFaultProxy } from '../lab/fault-proxy.ts'
import { errorBody } from '../lab/faults.ts'

/** A server of another kind before the lab's, which passes on byte by byte whatever it does not answer itself. */
export interface Front {
  endpoint: string
  /** What reached the lab's server through it. */
  log: RequestRecord[]
  /** The regions that requests were signed for. */
  regions: Set<string>
  /** Connections are refused, until `open`. */
  close(): Promise<void>
  open(): Promise<void>
  stop(): Promise<void>
}

/** What a front does to a request: true when it has answered it. */
type Answers = (incoming: IncomingMessage, outgoing: ServerResponse) => boolean

const conditional = ({ headers }: IncomingMessage): boolean =>
  headers['if-match'] !== undefined || headers['if-none-match'] !== undefined

/** As Backblaze B2: 501 for every conditional write. */
export async function frontWithoutConditions(instance: Instance, port: number): Promise<Front> {
  return front(instance, port, (incoming, outgoing) => {
    if (incoming.method !== 'PUT' || !conditional(incoming)) return false
    incoming.resume()
    incoming.once('end', () => {
      outgoing.writeHead(501, { 'content-type': 'application/xml' }).end(errorBody(501, incoming.url ?? ''))
    })
    return true
  })
}

/** As some older servers: a condition is not looked at, the write is carried out. */
export async function frontThatIgnoresConditions(instance: Instance, port: number): Promise<Front> {
  const client = await s3Client(instance)
  // The headers are signed, so what goes on without them is a request of the front's own.
  const write = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk as Buffer)
    const [, bucket = '', ...key] = new URL(incoming.url ?? '', 'http://front').pathname.split('/')
    const put = { Bucket: bucket, Key: key.map(decodeURIComponent).join('/'), Body: Buffer.concat(chunks) }
    const { ETag = '' } = await client.send(new PutObjectCommand(put))
    outgoing.writeHead(200, { etag: ETag }).end()
  }
  return front(instance, port, (incoming, outgoing) => {
    if (incoming.method !== 'PUT' || !conditional(incoming)) return false
    write(incoming, outgoing).catch((error: unknown) => outgoing.destroy(error as Error))
    return true
  })
}

/** HTTPS with a certificate of one's own authority. */
export async function frontWithTls(instance: Instance, port: number, authority: Authority): Promise<Front> {
  const [key, cert] = await Promise.all([readFile(authority.serverKey), readFile(authority.serverCertificate)])
  return front(
    instance,
    port,
    () => false,
    (listener) => createServer({ key, cert }, listener),
  )
}

async function front(
  instance: Instance,
  port: number,
  answers: Answers,
  wrap?: (listener: RequestListener) => Server & { closeAllConnections(): void },
): Promise<Front> {
  const { s3 } = await readAccess(instance)
  const proxy = createFaultProxy(new URL(s3.endpoint), console.error)
  const [pass] = proxy.server.listeners('request') as RequestListener[]
  const regions = new Set<string>()
  const listener: RequestListener = (incoming, outgoing) => {
    regions.add(/Credential=[^/]*\/\d+\/([^/]*)\//.exec(incoming.headers.authorization ?? '')?.[1] ?? 'unsigned')
    if (!answers(incoming, outgoing)) pass?.(incoming, outgoing)
  }
  proxy.server.removeAllListeners('request').on('request', listener)
  const server = wrap?.(listener) ?? proxy.server
  const address = bridgeAddressOf(instance)
  const open = async (): Promise<void> => {
    server.listen(port, address)
    await once(server, 'listening')
  }
  const close = async (): Promise<void> => {
    if (!server.listening) return
    server.close()
    server.closeAllConnections()
    await once(server, 'close')
  }
  await open()
  return {
    endpoint: `${wrap ? 'https' : 'http'}://${address}:${port}`,
    log: proxy.log,
    regions,
    close,
    open,
    stop: close,
  }
}
