import { createHash, randomUUID } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { pack as tarPack, type Header, type Pack } from 'tar-stream'
import { fileDigest } from './file-digest.ts'
import type { ReadRelease } from './read-source.ts'
import { releaseProblem, shown, type Reading, type ReleaseEntry } from './release-entry.ts'

/**
 * The release's identity: sha256 over its canonical listing (kind, mode, name, content or target). Neither times, owners
 * nor the order of an archive count.
 */
export function releaseDigest(entries: readonly ReleaseEntry[]): string {
  const hash = createHash('sha256')
  for (const entry of entries) {
    if (entry.type === 'file') hash.update(`${JSON.stringify(['file', entry.mode, entry.path, entry.sha256])}\n`)
    else if (entry.type === 'link') hash.update(`${JSON.stringify(['link', entry.path, entry.target])}\n`)
    else hash.update(`${JSON.stringify(['directory', entry.path])}\n`)
  }
  return hash.digest('hex')
}

/**
 * Writes the release as an uncompressed tar: canonical order, root's, all members with one time. That time is the newest
 * of the source, not a constant: web servers make Last-Modified and etags of it, and with a constant one browsers would
 * keep the old release's files.
 * Throws Problem `release-changing` when a file is no longer what was hashed.
 */
export async function writeTar(
  entries: readonly ReleaseEntry[],
  source: Pick<ReadRelease, 'content' | 'newest'>,
  to: string,
  reading: Reading,
): Promise<void> {
  const part = `${to}.${randomUUID()}.part`
  const pack = tarPack()
  const writing = pipeline(pack, createWriteStream(part))
  writing.catch(() => undefined) // awaited below
  // A source dated in the future (a wrong clock) would make tar on the host complain.
  const mtime = new Date(Math.floor(Math.min(source.newest, Date.now()) / 1000) * 1000)
  try {
    for (const entry of entries) {
      const header = { name: entry.path, mtime, uid: 0, gid: 0, uname: 'root', gname: 'root' }
      if (entry.type === 'directory') await member(pack, { ...header, type: 'directory', mode: 0o755 })
      else if (entry.type === 'link')
        await member(pack, { ...header, type: 'symlink', mode: 0o777, linkname: entry.target })
      else {
        const digest = fileDigest()
        const full = source.content.get(entry.path)
        if (full === undefined) throw new Error(`no content for ${entry.path}`)
        const changing = () =>
          releaseProblem(
            reading,
            `${shown(entry.path)} changed while it was read`,
            'wait until the build has ended, then run this again',
            'release-changing',
          )
        const into = pack.entry({ ...header, type: 'file', mode: Number.parseInt(entry.mode, 8), size: entry.size })
        await pipeline(async function* counted() {
          let size = 0
          for await (const chunk of createReadStream(full)) {
            size += chunk.length
            if (size > entry.size) throw changing()
            digest.update(chunk)
            yield chunk
          }
          if (size < entry.size || digest.result().sha256 !== entry.sha256) throw changing()
        }, into)
      }
    }
    pack.finalize()
    await writing
    await rename(part, to)
  } finally {
    pack.destroy()
    await writing.catch(() => undefined)
    await rm(part, { force: true })
  }
}

function member(pack: Pack, header: Partial<Header> & { name: string }): Promise<void> {
  return new Promise((resolve, reject) => {
    pack.entry(header, (error) => (error ? reject(error) : resolve()))
  })
}
