/**
 * The fault proxy as a process of its own.
 * Usage: node fault-proxy-main.ts LISTEN_ADDRESS LISTEN_PORT UPSTREAM_URL CONTROL_SOCKET
 * Control (HTTP over the unix socket, JSON): GET|PUT /faults (the whole list) · GET|DELETE /log · POST /listen {on}
 * `listen off` closes the port and all connections, so that clients meet "connection refused", as with a server that is down.
 */
import { rmSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import { createFaultProxy } from './fault-proxy.ts'
import { checkFaults } from './faults.ts'

const [address = '', port = '', upstream = '', control = ''] = process.argv.slice(2)
const proxy = createFaultProxy(new URL(upstream), console.error)

async function listen(on: boolean): Promise<void> {
  if (on === proxy.server.listening) return
  await new Promise<void>((resolve, reject) => {
    if (on) {
      proxy.server.once('error', reject)
      proxy.server.listen(Number(port), address, () => resolve())
    } else {
      proxy.server.close(() => resolve())
      proxy.server.closeAllConnections()
    }
  })
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return JSON.parse(Buffer.concat(chunks).toString() || 'null')
}

async function answer(request: IncomingMessage): Promise<unknown> {
  switch (`${request.method} ${request.url}`) {
    case 'GET /faults':
      return proxy.faults
    case 'PUT /faults':
      proxy.faults = checkFaults(await bodyOf(request))
      return proxy.faults
    case 'GET /log':
      return proxy.log
    case 'DELETE /log':
      proxy.log = []
      return []
    case 'POST /listen':
      await listen(((await bodyOf(request)) as { on: boolean }).on)
      return { listening: proxy.server.listening }
    default:
      throw new Error(`no such control: ${request.method} ${request.url}`)
  }
}

rmSync(control, { force: true })
createServer((request, reply) => {
  answer(request).then(
    (value) => reply.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value)),
    (error: unknown) => reply.writeHead(400).end(String(error)),
  )
}).listen(control)
await listen(true)
