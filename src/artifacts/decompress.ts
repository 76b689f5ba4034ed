import { spawn } from 'node:child_process'
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { isNodeError } from './cache.ts'
import { releaseProblem, type Reading } from './release-entry.ts'

export type Compression = 'none' | 'gzip' | 'xz' | 'zstd'

/** The decompressed bytes of a file. Reading throws Problem when xz is missing or refuses, zlib's error when that does. */
export function decompressed(archive: string, compression: Compression, reading: Reading): AsyncIterable<Buffer> {
  if (compression === 'xz') return xzOutput(archive, reading)
  const file = createReadStream(archive)
  if (compression === 'none') return file
  const unpack = compression === 'gzip' ? createGunzip() : createZstdDecompress()
  file.once('error', (error) => unpack.destroy(error))
  unpack.once('close', () => file.destroy())
  return file.pipe(unpack)
}

/** Node has no xz. The program is started with the file as its stdin; the limit keeps a hostile header from taking all memory. */
async function* xzOutput(archive: string, reading: Reading): AsyncGenerator<Buffer> {
  const file = await open(archive)
  const child = spawn('xz', ['--decompress', '--stdout', '--memlimit-decompress=1GiB'], {
    stdio: [file.fd, 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], LC_ALL: 'C' },
  })
  const { stdout, stderr } = child
  if (!stdout || !stderr) throw new TypeError('xz was started without pipes')
  let complaint = ''
  stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint += text
  })
  const ended = new Promise<number | Error | null>((resolve) => {
    child.once('error', resolve)
    child.once('close', resolve)
  })
  try {
    for await (const chunk of stdout) {
      if (Buffer.isBuffer(chunk)) yield chunk
    }
    const end = await ended
    if (end instanceof Error) throw notStarted(end, reading)
    if (end !== 0)
      throw releaseProblem(
        reading,
        `the archive is damaged or cut off: ${complaint.trim() || `xz ended with ${end}`}`,
        'make or fetch it again',
        'release-damaged',
      )
  } catch (error) {
    // A program that could not be started closes its pipe early, which is what reading notices first.
    const end = child.pid === undefined ? await ended : null
    throw end instanceof Error ? notStarted(end, reading) : error
  } finally {
    child.kill()
    await file.close()
  }
}

function notStarted(error: Error, reading: Reading): Error {
  if (!isNodeError(error) || error.code !== 'ENOENT') return error
  return releaseProblem(
    reading,
    'unpacking .xz needs the program xz, which is not on this machine',
    'install it (Debian: apt-get install xz-utils; macOS: brew install xz), or pack the release as .tar.gz or .tar.zst',
    'xz-missing',
  )
}
