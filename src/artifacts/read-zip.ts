import { isUtf8 } from 'node:buffer'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { Transform } from 'node:stream'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { openPromise, type Entry } from 'yauzl'
import { Problem } from '../problem.ts'
import { fileDigest } from './file-digest.ts'
import { entryPath, releaseProblem, shown, type Reading } from './release-entry.ts'
import { releaseLimits, tooLarge, type ReadRelease, type ReleaseLimits } from './read-source.ts'

/** File type bits of a Unix mode (stat(2)), which zip keeps in the upper half of the external attributes. */
const typeMask = 0o170000
const regular = 0o100000
const folder = 0o040000
const symlink = 0o120000

/**
 * Unpacks a zip archive into `work` as `readTar` does. An archive made on Windows keeps no modes: there programs are told
 * by their first bytes (ELF, `#!`). yauzl checks sizes and checksums against the central directory.
 * Throws Problem.
 */
export async function readZip(
  archive: string,
  work: string,
  reading: Reading,
  limits: ReleaseLimits = releaseLimits,
): Promise<ReadRelease> {
  const release: ReadRelease = { entries: [], content: new Map(), newest: 0 }
  let bytes = 0
  try {
    const zip = await openPromise(archive, { lazyEntries: true, strictFileNames: true })
    try {
      for await (const entry of zip.eachEntry()) {
        const path = entryPath(fileName(entry), reading)
        const kind = requireShippable(entry, reading)
        if (path === null) continue
        bytes += entry.uncompressedSize
        if (bytes > limits.bytes || release.entries.length >= limits.entries) throw tooLarge(reading, limits)
        release.newest = Math.max(release.newest, entry.getLastModDate().getTime())
        if (kind.type === 'directory') {
          release.entries.push({ type: 'directory', path })
          continue
        }
        const stream = await zip.openReadStreamPromise(entry)
        if (kind.type === 'link') {
          release.entries.push({ type: 'link', path, target: await text(stream) })
          continue
        }
        const content = join(work, String(release.content.size))
        const digest = fileDigest()
        const watch = new Transform({
          transform(chunk: Buffer, _encoding, done) {
            digest.update(chunk)
            done(null, chunk)
          },
        })
        await pipeline(stream, watch, createWriteStream(content, { flags: 'wx' }))
        const { sha256, size, machine, script } = digest.result()
        const mode = (kind.executable ?? (machine !== null || script)) ? '0755' : '0644'
        release.entries.push({ type: 'file', path, mode, size, sha256, machine })
        release.content.set(path, content)
      }
    } finally {
      zip.close()
    }
  } catch (error) {
    if (error instanceof Problem) throw error
    throw releaseProblem(
      reading,
      `the archive is damaged or not portable: ${error instanceof Error ? error.message : String(error)}`,
      'make or fetch it again',
      'release-damaged',
    )
  }
  return release
}

/**
 * Without the UTF-8 flag a name counts as CP437 (APPNOTE appendix D), but Info-ZIP in a C locale, as on a build server,
 * writes UTF-8 bytes without setting it. Valid UTF-8 beyond ASCII is no accident.
 */
function fileName(entry: Entry): string {
  return isUtf8(entry.fileNameRaw) ? entry.fileNameRaw.toString('utf8') : entry.fileName
}

/** `executable` is null when the archive does not say. */
function requireShippable(
  entry: Entry,
  reading: Reading,
): { type: 'directory' } | { type: 'link' } | { type: 'file'; executable: boolean | null } {
  const name = shown(fileName(entry))
  if (entry.isEncrypted())
    throw releaseProblem(reading, `${name} is encrypted`, 'make the archive again without a password')
  // 3 = Unix, 19 = macOS (APPNOTE 4.4.2); others keep DOS attributes only.
  const system = entry.versionMadeBy >> 8
  const mode = system === 3 || system === 19 ? entry.externalFileAttributes >>> 16 : 0
  const type = mode & typeMask
  if (entry.fileName.endsWith('/') || type === folder) return { type: 'directory' }
  if (type === symlink) {
    if (entry.uncompressedSize > 4096)
      throw releaseProblem(reading, `${name} is a link of ${entry.uncompressedSize} bytes`, 'make the archive again')
    return { type: 'link' }
  }
  if (type !== regular && type !== 0)
    throw releaseProblem(
      reading,
      `${name} is neither a file, a folder nor a link`,
      'leave it out: pipes, sockets and devices cannot be shipped',
    )
  if ((mode & 0o6000) !== 0)
    throw releaseProblem(reading, `${name} is setuid or setgid`, 'take the bit away and make the archive again')
  return { type: 'file', executable: mode === 0 ? null : (mode & 0o100) !== 0 }
}
