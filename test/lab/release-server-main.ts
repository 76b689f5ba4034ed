/**
 * Serves a folder's files over http, as a release page's download links do.
 * Usage: node release-server-main.ts ADDRESS PORT FOLDER
 */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'

const [address = '', port = '', folder = ''] = process.argv.slice(2)

createServer((request, answer) => {
  // normalised against `/`, a path cannot climb out of the folder
  const file = path.join(
    folder,
    path.posix.normalize(`/${decodeURIComponent(new URL(request.url ?? '/', 'http://lab').pathname)}`),
  )
  stat(file)
    .then(async (found) => {
      if (!found.isFile()) throw Object.assign(new Error('not a file'), { code: 'ENOENT' })
      answer.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': found.size })
      if (request.method === 'HEAD') answer.end()
      else await pipeline(createReadStream(file), answer)
    })
    .catch((error: NodeJS.ErrnoException) => {
      if (answer.headersSent) answer.destroy()
      else answer.writeHead(error.code === 'ENOENT' ? 404 : 500).end(`${error.message}\n`)
    })
}).listen(Number(port), address)
