/**
 * Serves a folder's files over http, as a release page's download links do.
 * Usage: node release-server-main.ts ADDRESS PORT FOLDER
 */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'

const [address = '', port = '', folder = ''] = process.argv.slice(2)

async function serve(request: IncomingMessage, answer: ServerResponse): Promise<void> {
  // normalised against `/`, a path cannot climb out of the folder
  const { pathname } = new URL(request.url ?? '/', 'http://lab')
  const file = path.join(folder, path.posix.normalize(`/${decodeURIComponent(pathname)}`))
  const found = await stat(file)
  if (!found.isFile()) throw Object.assign(new Error(`${pathname} is not a file`), { code: 'ENOENT' })
  answer.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': found.size })
  if (request.method === 'HEAD') answer.end()
  else await pipeline(createReadStream(file), answer)
}

createServer((request, answer) => {
  serve(request, answer).catch((error: NodeJS.ErrnoException) => {
    if (answer.headersSent) answer.destroy()
    else answer.writeHead(error.code === 'ENOENT' ? 404 : 500).end(`${error.message}\n`)
  })
}).listen(Number(port), address)
