import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { extract as tarExtract, type Header } from 'tar-stream'
import { Problem } from '../problem.ts'
import { decompressed, type Compression } from './decompress.ts'
import { fileDigest } from './file-digest.ts'
import { entryPath, releaseProblem, shown, type Reading } from './release-entry.ts'
import { releaseLimits, tooLarge, type ReadRelease, type ReleaseLimits } from './read-source.ts'

/**
 * Unpacks a tar archive into `work`: contents become numbered files there, so that no name or link of the archive ever
 * reaches the file system. Throws Problem for what cannot be shipped and for damaged archives.
 */
export async function readTar(
  archive: string,
  compression: Compression,
  work: string,
  reading: Reading,
  limits: ReleaseLimits = releaseLimits,
): Promise<ReadRelease> {
  const release: ReadRelease = { entries: [], content: new Map(), newest: 0 }
  const extract = tarExtract()
  const feeding = pipeline(decompressed(archive, compression, reading), extract)
  // Awaited below; a failure before that must not count as unhandled.
  feeding.catch(() => undefined)
  let bytes = 0
  try {
    for await (const entry of extract) {
      const { header } = entry
      const path = entryPath(header.name, reading)
      const type = requireShippable(header, reading)
      if (path === null) {
        entry.resume()
        continue
      }
      const size = header.size
      // A pax header may claim any text as a size.
      if (!Number.isSafeInteger(size) || size < 0) throw tooLarge(reading, limits)
      bytes += size
      if (bytes > limits.bytes || release.entries.length >= limits.entries) throw tooLarge(reading, limits)
      release.newest = Math.max(release.newest, header.mtime.getTime())
      if (type === 'file') {
        const content = join(work, String(release.content.size))
        const digest = fileDigest()
        const watch = new Transform({
          transform(chunk: Buffer, _encoding, done) {
            digest.update(chunk)
            done(null, chunk)
          },
        })
        await pipeline(entry, watch, createWriteStream(content, { flags: 'wx' }))
        const { sha256, machine } = digest.result()
        const mode = (header.mode & 0o100) === 0 ? '0644' : '0755'
        release.entries.push({ type: 'file', path, mode, size, sha256, machine })
        release.content.set(path, content)
      } else {
        entry.resume()
        if (type === 'directory') release.entries.push({ type, path })
        else release.entries.push({ type, path, target: header.linkname })
      }
    }
    await feeding
  } catch (error) {
    extract.destroy()
    if (error instanceof Problem) throw error
    // The decompressor says better what was wrong with its input than tar does with what came out.
    const feedingFailure: unknown = await feeding.then(
      () => null,
      (reason: unknown) => reason,
    )
    if (feedingFailure instanceof Problem) throw feedingFailure
    throw releaseProblem(
      reading,
      `the archive is damaged or cut off: ${error instanceof Error ? error.message : String(error)}`,
      'make or fetch it again',
      'release-damaged',
    )
  }
  return release
}

function requireShippable(header: Header, reading: Reading): 'file' | 'directory' | 'link' {
  const name = shown(header.name)
  const refuse = (why: string, next: string) => releaseProblem(reading, `${name} ${why}`, next)
  // A sparse member's bytes are a map and the parts between the holes, not the file.
  if (typeof header.pax === 'object' && Object.keys(header.pax ?? {}).some(isSparseKey))
    throw refuse('is stored sparse', 'make the archive again without --sparse')
  switch (header.type) {
    case 'file':
    case 'contiguous-file':
      if ((header.mode & 0o6000) !== 0)
        throw refuse('is setuid or setgid', 'take the bit away and make the archive again')
      return 'file'
    case 'directory':
      return 'directory'
    case 'symlink':
      return 'link'
    case 'link':
      throw refuse('is a hard link', 'make the archive again with --hard-dereference')
    default:
      throw refuse(
        header.type ? `is a ${header.type}` : 'is of a kind unknown to portable tar',
        'leave it out: only files, folders and symbolic links can be shipped',
      )
  }
}

function isSparseKey(key: string): boolean {
  return key.startsWith('GNU.sparse')
}
