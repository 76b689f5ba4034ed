import { lstatSync, readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { digestOfFile, type FileDigest } from './file-digest.ts'
import { entryPath, releaseProblem, shown, type Reading } from './release-entry.ts'
import type { ReadRelease } from './read-source.ts'
import { signatureHolds, statSignature } from './stat-signature.ts'

/** Digests by stat signature of an earlier run, by entry path; `read` leaves in it what the next run may rely on. */
export type SeenFiles = Map<string, { signature: string; digest: FileDigest }>

/**
 * Reads a folder. `.git` is left out at every level, and nothing else: what is to stay at home belongs outside the folder
 * that is released. Files whose stat signature is in `seen` are not read again.
 * Throws Problem for what cannot be shipped (sockets, pipes, devices, setuid files).
 */
export async function readDirectory(root: string, seen: SeenFiles, reading: Reading): Promise<ReadRelease> {
  const release: ReadRelease = { entries: [], content: new Map(), newest: 0 }
  const current: SeenFiles = new Map()
  // Before anything is looked at: what changes later than two seconds before this is not remembered.
  const now = BigInt(Date.now()) * 1_000_000n

  // Synchronous on purpose: a stat from the page cache takes 5 µs, the way through the thread pool ten times that, and
  // an unchanged release costs nothing but stats.
  async function visit(folder: string): Promise<void> {
    const names = readdirSync(join(root, folder))
    for (const name of names.sort()) {
      if (name === '.git') continue
      const path = entryPath(folder === '' ? name : `${folder}/${name}`, reading)
      if (path !== null) await take(path)
    }
  }

  async function take(path: string): Promise<void> {
    const full = join(root, path)
    const stats = lstatSync(full, { bigint: true })
    release.newest = Math.max(release.newest, Number(stats.mtimeMs))
    if (stats.isDirectory()) {
      release.entries.push({ type: 'directory', path })
      await visit(path)
    } else if (stats.isSymbolicLink()) {
      release.entries.push({ type: 'link', path, target: readlinkSync(full) })
    } else if (stats.isFile()) {
      if ((stats.mode & 0o6000n) !== 0n)
        throw releaseProblem(reading, `${shown(path)} is setuid or setgid`, `take the bit away: chmod ug-s ${full}`)
      const signature = statSignature(stats)
      const known = seen.get(path)
      const digest = known?.signature === signature ? known.digest : await digestOfFile(full)
      if (signatureHolds(stats, now)) current.set(path, { signature, digest })
      const { sha256, size, machine } = digest
      const mode = (stats.mode & 0o100n) !== 0n ? '0755' : '0644'
      release.entries.push({ type: 'file', path, mode, size, sha256, machine })
      release.content.set(path, full)
    } else {
      throw releaseProblem(
        reading,
        `${shown(path)} is neither a file, a folder nor a link`,
        'remove it: sockets, pipes and devices cannot be shipped',
      )
    }
  }

  await visit('')
  seen.clear()
  for (const [path, known] of current) seen.set(path, known)
  return release
}
