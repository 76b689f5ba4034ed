import { randomUUID } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { copyFile, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { extract as tarExtract } from 'tar-stream'
import type { Architecture } from '../inventory/model.ts'
import { Problem } from '../problem.ts'
import { exists, isNodeError, readRecord, sha256OfFile, withLock, writeWhole } from './cache.ts'
import { download, downloadText, mismatch } from './download.ts'
import { elfHeaderBytes, elfMachine, isFor, machineName } from './elf.ts'
import { requireVersion } from './litestream-version.ts'
import { signatureHolds, statSignature } from './stat-signature.ts'

export interface LitestreamRequest {
  /** e.g. `0.5.17` */
  version: string
  /** A release folder's URL, or an absolute local directory of the same shape; null = upstream's on GitHub. */
  from: string | null
  architecture: Architecture
  /** `cacheDirectory()` of cache.ts. */
  cacheDirectory: string
  /** One line of progress, for people. */
  report?: (text: string) => void
}

export interface LitestreamBinary {
  /** Absolute path on this machine. */
  binary: string
  /** Of the binary, in hex. */
  sha256: string
  version: string
}

/**
 * Upstream's names. Debian's armhf takes the ARMv6 build: Raspberry Pi OS calls itself armhf on ARMv6 boards too.
 */
const upstreamArchitecture: Record<Architecture, string> = { amd64: 'x86_64', arm64: 'arm64', armhf: 'armv6' }

/** No Litestream binary comes near this; a tarball that claims more is not one. */
const largestBinary = 512 * 1024 * 1024

/**
 * The pinned Litestream binary for a host, from the cache or fetched into it once: tarball checked against the release's
 * checksums.txt, binary checked to be for that architecture. The sum of each tarball is remembered by the first fetch, and
 * another file under the same version is refused from then on (trust on first use: upstream signs nothing). With a warm
 * cache no network call is made.
 *
 * Throws Problem: `litestream-version`, `download-*`, `checksum-mismatch`, `litestream-release` (not of upstream's shape),
 * `wrong-architecture`.
 * Source of names and shape: https://github.com/benbjohnson/litestream/releases
 */
export async function fetchLitestream(request: LitestreamRequest): Promise<LitestreamBinary> {
  requireVersion(request.version)
  const { version, architecture } = request
  const file = `litestream-${version}-linux-${upstreamArchitecture[architecture]}.tar.gz`
  const folder = join(request.cacheDirectory, 'litestream', version)
  const binary = join(folder, upstreamArchitecture[architecture], 'litestream')
  const record = join(folder, `${file}.json`)
  const doing = `fetching Litestream ${version} for ${architecture}`

  const wait = (pid: number) => request.report?.(`another streamside (pid ${pid}) is fetching Litestream ${version}`)
  return withLock(
    join(folder, `${file}.lock`),
    async () => {
      const known = await readRecord(record)
      if (known && (await exists(binary))) {
        const sha256 = await checkCached(binary, record, known)
        if (sha256 !== null) return { binary, sha256, version }
        request.report?.(`the cached Litestream ${version} is damaged: fetching it again`)
      }
      const source = request.from ?? `https://github.com/benbjohnson/litestream/releases/download/v${version}`
      const release: ReleaseFolder = { source, file, doing }
      const expected = await listedSum(release)
      const trusted = known?.['tarball']
      if (typeof trusted === 'string' && trusted !== expected) throw changedRelease(release, trusted, expected)

      request.report?.(`fetching ${file} from ${source}`)
      const work = join(folder, `fetch-${randomUUID()}`)
      await mkdir(work, { recursive: true })
      try {
        const tarball = join(work, file)
        await fetchTarball(release, expected, tarball)
        const unpacked = join(work, 'litestream')
        await extractBinary(tarball, unpacked, doing)
        await requireArchitecture(unpacked, request, doing)
        const sha256 = await sha256OfFile(unpacked)
        await mkdir(join(folder, upstreamArchitecture[architecture]), { recursive: true })
        await rename(unpacked, binary)
        await writeWhole(
          record,
          `${JSON.stringify({ version, file, from: source, tarball: expected, binary: sha256, fetched: new Date() })}\n`,
        )
        return { binary, sha256, version }
      } finally {
        await rm(work, { recursive: true, force: true })
      }
    },
    wait,
  )
}

/**
 * The sha256 of the cached binary, or null when it is not the one that was put there. Hashed again only when its stat
 * signature has moved: this file is going to run as a service on every host, but 50 ms a run are worth saving.
 */
async function checkCached(binary: string, record: string, known: Record<string, unknown>): Promise<string | null> {
  const began = BigInt(Date.now()) * 1_000_000n
  const stats = await stat(binary, { bigint: true })
  const expected = known['binary']
  if (typeof expected !== 'string') return null
  if (known['signature'] === statSignature(stats)) return expected
  if ((await sha256OfFile(binary)) !== expected) return null
  if (signatureHolds(stats, began))
    await writeWhole(record, `${JSON.stringify({ ...known, signature: statSignature(stats) })}\n`)
  return expected
}

interface ReleaseFolder {
  source: string
  file: string
  doing: string
}

function isUrl(source: string): boolean {
  return /^https?:\/\//.test(source)
}

/** checksums.txt: lines `<sha256>  <file>`. */
async function listedSum({ source, file, doing }: ReleaseFolder): Promise<string> {
  const place = isUrl(source) ? `${source.replace(/\/+$/, '')}/checksums.txt` : join(source, 'checksums.txt')
  const text = isUrl(source) ? await downloadText(place, doing) : await readLocal(place, doing)
  for (const line of text.split('\n')) {
    const [sum, name] = line.trim().split(/\s+\*?/)
    if (name === file && sum !== undefined && /^[0-9a-f]{64}$/i.test(sum)) return sum.toLowerCase()
  }
  throw notARelease(doing, `${place} has no sha256 of ${file}`)
}

async function fetchTarball({ source, file, doing }: ReleaseFolder, sha256: string, to: string): Promise<void> {
  if (isUrl(source)) {
    await download({ url: `${source.replace(/\/+$/, '')}/${file}`, to, sha256, doing })
    return
  }
  const from = join(source, file)
  try {
    await copyFile(from, to)
  } catch (error) {
    throw localProblem(error, from, doing)
  }
  const found = await sha256OfFile(to)
  if (found !== sha256) throw mismatch(doing, from, sha256, found)
}

async function readLocal(path: string, doing: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw localProblem(error, path, doing)
  }
}

function localProblem(error: unknown, path: string, doing: string): unknown {
  if (!isNodeError(error)) return error
  if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR' && error.code !== 'EACCES' && error.code !== 'EISDIR')
    return error
  return notARelease(doing, `${path} cannot be read (${error.code})`)
}

/** Takes the one member `litestream` out, whatever else lies in the tarball; nothing is written under a name it chose. */
async function extractBinary(tarball: string, to: string, doing: string): Promise<void> {
  const extract = tarExtract()
  const feeding = pipeline(createReadStream(tarball), createGunzip(), extract)
  // Awaited below; a failure before that must not count as unhandled.
  feeding.catch(() => undefined)
  let found = false
  try {
    for await (const entry of extract) {
      const { name, type, size } = entry.header
      if (!found && type === 'file' && (name === 'litestream' || name === './litestream')) {
        if (size > largestBinary) throw notARelease(doing, `its litestream claims ${size} bytes`)
        await pipeline(entry, createWriteStream(to, { mode: 0o755 }))
        found = true
      } else entry.resume()
    }
    await feeding
  } catch (error) {
    extract.destroy()
    if (error instanceof Problem) throw error
    throw notARelease(doing, `the tarball is damaged: ${error instanceof Error ? error.message : String(error)}`)
  }
  if (!found) throw notARelease(doing, 'the tarball has no member litestream')
}

async function requireArchitecture(binary: string, { architecture }: LitestreamRequest, doing: string): Promise<void> {
  const file = await open(binary)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(elfHeaderBytes), 0, elfHeaderBytes, 0)
    const machine = elfMachine(buffer.subarray(0, bytesRead))
    if (machine === null) throw notARelease(doing, 'its litestream is not an ELF program')
    if (isFor(machine, architecture)) return
    throw new Problem({
      code: 'wrong-architecture',
      doing,
      found: `the binary in the tarball is for ${machineName(machine)}, not for ${architecture}`,
      next: 'correct the release folder that litestream: from: names',
    })
  } finally {
    await file.close()
  }
}

function changedRelease({ source, file, doing }: ReleaseFolder, trusted: string, now: string): Problem {
  return new Problem({
    code: 'checksum-mismatch',
    doing,
    found: `${source} now lists sha256 ${now} for ${file}; the one fetched before had ${trusted}`,
    next: 'a published release does not change: find out who replaced it. If it was you, remove that version’s folder from the cache',
  })
}

function notARelease(doing: string, found: string): Problem {
  return new Problem({
    code: 'litestream-release',
    doing,
    found,
    next: 'name a folder with upstream’s tarballs and checksums.txt as from: under litestream:, or leave from: out',
  })
}
