import { createReadStream } from 'node:fs'
import { createHash, randomUUID } from 'node:crypto'
import { mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { homedir, hostname } from 'node:os'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'

/** $STREAMSIDE_CACHE, or streamside below the user's cache folder. Everything in it can be fetched or made again. */
export function cacheDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  return (
    environment['STREAMSIDE_CACHE'] || join(environment['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'streamside')
  )
}

/** Writes a small file so that a reader, or a crash, sees the old one or the whole new one. */
export async function writeWhole(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const beside = `${path}.${randomUUID()}`
  try {
    await writeFile(beside, content)
    await rename(beside, path)
  } catch (error) {
    await rm(beside, { force: true })
    throw error
  }
}

/** A record of ours in the cache, or null when there is none or a crash of the machine has cut it. */
export async function readRecord(path: string): Promise<Record<string, unknown> | null> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (isNodeError(error) && error.code === 'ENOENT') return null
    throw error
  }
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : null
  } catch {
    return null
  }
}

export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}

export async function exists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if (isNodeError(error) && error.code === 'ENOENT') return false
    throw error
  }
}

export function isNodeError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error
}

/**
 * Runs `work` while no other streamside of this machine does the same: two runs at once would both download. The lock is a
 * file with the pid of its holder, for flock(2) is not within Node's reach. A lock whose process is gone is taken over.
 * What is written under it is renamed into place anyway, so a lock that failed would cost a download, never a wrong file.
 */
export async function withLock<T>(path: string, work: () => Promise<T>, waiting?: (pid: number) => void): Promise<T> {
  await mkdir(dirname(path), { recursive: true })
  let told = false
  for (;;) {
    if (await take(path)) break
    const holder = await lockHolder(path)
    if (holder === null) await rm(path, { force: true })
    else if (!told) {
      told = true
      waiting?.(holder)
    }
    await sleep(100)
  }
  try {
    return await work()
  } finally {
    await rm(path, { force: true })
  }
}

async function take(path: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx')
    await file.writeFile(`${process.pid} ${hostname()}\n`)
    await file.close()
    return true
  } catch (error) {
    if (isNodeError(error) && error.code === 'EEXIST') return false
    throw error
  }
}

/** The pid that holds the lock; null when it is nobody's any more. */
async function lockHolder(path: string): Promise<number | null> {
  let text: string
  let age: number
  try {
    text = await readFile(path, 'utf8')
    age = Date.now() - (await stat(path)).mtimeMs
  } catch (error) {
    if (isNodeError(error) && error.code === 'ENOENT') return null
    throw error
  }
  const [pid, host] = text.trim().split(' ')
  // Empty: its holder is between open and write, or died there.
  if (pid === undefined || pid === '') return age < 5000 ? 0 : null
  // A home folder on NFS: that machine's pids are not ours, so only its age tells.
  if (host !== hostname()) return age < 3_600_000 ? Number(pid) : null
  try {
    process.kill(Number(pid), 0)
    return Number(pid)
  } catch (error) {
    return isNodeError(error) && error.code === 'EPERM' ? Number(pid) : null
  }
}
