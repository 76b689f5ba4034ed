import { createHash, randomUUID } from 'node:crypto'
import { mkdir, readdir, rm, stat, utimes } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { ReleaseSource } from '../inventory/model.ts'
import { exists, isNodeError, sha256OfFile, withLock } from './cache.ts'
import { download } from './download.ts'
import { releaseDigest, writeTar } from './pack-tar.ts'
import { readArchive } from './read-archive.ts'
import { readDirectory, type SeenFiles } from './read-directory.ts'
import { canonicalEntries, releaseProblem, type Reading, type ReleaseEntry } from './release-entry.ts'
import { recallFiles, recallRelease, rememberFiles, rememberRelease } from './release-memory.ts'

export interface PackedRelease {
  /** sha256 over the canonical listing: the name of the release's folder on the host. */
  digest: string
  /** Absolute path of an uncompressed tar whose members are the release's files. */
  tar: string
  /** Size of that tar. */
  bytes: number
  /** In canonical order. */
  entries: ReleaseEntry[]
  /** The source in people's words, for messages. */
  source: string
}

/**
 * Packs a release for the hosts: a folder, an archive (.tar, .tar.gz/.tgz, .tar.xz/.txz, .tar.zst/.tzst, .zip), one file
 * (made executable, keeps its name), or any of the latter at a URL with its sha256. Packed once per content; an unchanged
 * folder costs one stat a file, an unchanged archive one stat.
 *
 * `.git` is left out of a folder, at every level, and nothing else. An archive with a single top-level folder is taken as it
 * is: the command says `./app-1.2/app`.
 * Throws Problem: `release-missing`, `release-refused`, `release-damaged`, `release-too-large`, `release-empty`,
 * `release-changing`, `release-format`, `xz-missing`, `download-*`, `checksum-mismatch`.
 */
export async function packRelease(
  source: ReleaseSource,
  options: { cacheDirectory: string; report?: (text: string) => void },
): Promise<PackedRelease> {
  const cache = join(options.cacheDirectory, 'releases')
  await mkdir(cache, { recursive: true })
  const path = source.kind === 'url' ? await fetched(source, cache, options.report) : source.path
  const name = source.kind === 'url' ? fileNameOf(source.url) : basename(source.path)
  const from = source.kind === 'url' ? source.url : source.path
  const reading: Reading = { doing: `packing ${from}` }
  const key = createHash('sha256').update(JSON.stringify(source)).digest('hex').slice(0, 32)
  const memory = join(cache, `seen-${key}.json`)

  return withLock(join(cache, `${key}.lock`), async () => {
    const stats = await statSource(path, reading)
    const isFolder = stats.isDirectory()
    if (!isFolder) {
      const recalled = await recallRelease(memory, stats)
      if (recalled) {
        const packed = await packedAlready(cache, recalled, from)
        if (packed) return packed
      }
    }
    const began = BigInt(Date.now()) * 1_000_000n
    const work = join(cache, `unpack-${randomUUID()}`)
    await mkdir(work)
    try {
      const seen: SeenFiles = isFolder ? await recallFiles(memory) : new Map()
      const read = isFolder
        ? await readDirectory(path, seen, reading)
        : await readArchive({ path, name, modified: Number(stats.mtimeMs) }, work, reading)
      const entries = canonicalEntries(read.entries, reading)
      const digest = releaseDigest(entries)
      if (isFolder) await rememberFiles(memory, seen)
      else await rememberRelease(memory, stats, began, entries)
      const done = await packedAlready(cache, entries, from)
      if (done) return done
      const tar = join(cache, `${digest}.tar`)
      await writeTar(entries, read, tar, reading)
      await forgetOld(cache)
      return { digest, tar, bytes: (await stat(tar)).size, entries, source: from }
    } finally {
      await rm(work, { recursive: true, force: true })
    }
  })
}

/** The release from the cache, if its tar is there; it counts as used now. */
async function packedAlready(cache: string, entries: ReleaseEntry[], source: string): Promise<PackedRelease | null> {
  const digest = releaseDigest(entries)
  const tar = join(cache, `${digest}.tar`)
  try {
    const bytes = (await stat(tar)).size
    const now = new Date()
    await utimes(tar, now, now)
    return { digest, tar, bytes, entries, source }
  } catch (error) {
    if (isNodeError(error) && error.code === 'ENOENT') return null
    throw error
  }
}

async function statSource(path: string, reading: Reading) {
  try {
    return await stat(path, { bigint: true })
  } catch (error) {
    if (!isNodeError(error) || (error.code !== 'ENOENT' && error.code !== 'ENOTDIR' && error.code !== 'EACCES'))
      throw error
    throw releaseProblem(
      reading,
      error.code === 'EACCES' ? 'it cannot be read' : 'it does not exist',
      'build it first, or correct from: in the inventory',
      'release-missing',
    )
  }
}

/** The file of a URL release, kept under its sum: there for the next run, and never another one. */
async function fetched(
  source: ReleaseSource & { kind: 'url' },
  cache: string,
  report?: (text: string) => void,
): Promise<string> {
  const sha256 = source.sha256.toLowerCase()
  const to = join(cache, 'downloads', sha256)
  await withLock(`${to}.lock`, async () => {
    if (await exists(to)) {
      if ((await sha256OfFile(to)) === sha256) return
      report?.(`the cached ${fileNameOf(source.url)} is damaged: fetching it again`)
    }
    report?.(`fetching ${source.url}`)
    await download({ url: source.url, to, sha256, doing: `fetching ${source.url}` })
  })
  return to
}

/** The last part of the URL's path: it tells the kind of archive, and names a file that is a release by itself. */
function fileNameOf(url: string): string {
  const last = new URL(url).pathname.split('/').findLast((part) => part !== '') ?? ''
  try {
    return decodeURIComponent(last)
  } catch {
    return last // a stray % is part of the name
  }
}

/** Milliseconds. What nobody has used for so long is packed again when it is needed. */
const keepMs = 30 * 24 * 3600 * 1000
/** Left by a run that was killed. */
const abandonedMs = 24 * 3600 * 1000

/** Tars of releases long gone, and what killed runs left: the cache does not grow for ever. */
async function forgetOld(cache: string): Promise<void> {
  for (const name of await readdir(cache)) {
    const abandoned = name.startsWith('unpack-') || name.endsWith('.part')
    if (!abandoned && !name.endsWith('.tar')) continue
    const path = join(cache, name)
    try {
      const age = Date.now() - (await stat(path)).mtimeMs
      if (age > (abandoned ? abandonedMs : keepMs)) await rm(path, { recursive: true, force: true })
    } catch (error) {
      if (!isNodeError(error) || error.code !== 'ENOENT') throw error // another run was quicker
    }
  }
}
