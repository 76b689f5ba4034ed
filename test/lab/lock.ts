import { spawn } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'

/**
 * Runs `work` while holding an exclusive lock on `file`. Node has no flock(2): the util-linux program holds it, and its
 * stdin is our pipe, so that the lock falls when this process ends in whatever way, SIGKILL included.
 * Throws when the lock was not free within `seconds`.
 */
export async function withLock<T>(file: string, seconds: number, work: () => Promise<T>): Promise<T> {
  await mkdir(path.dirname(file), { recursive: true })
  const holder = spawn('flock', ['--wait', String(seconds), file, 'sh', '-c', 'echo held; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    // out of the terminal's foreground group: a Ctrl-C must not open the lock while the clean-up still runs
    detached: true,
  })
  const gone = new Promise<void>((resolve) => holder.once('close', () => resolve()))
  const held = await new Promise<boolean>((resolve, reject) => {
    holder.once('error', reject)
    holder.stdout.once('data', () => resolve(true))
    holder.once('exit', () => resolve(false))
  })
  if (!held)
    throw new Error(
      `another lab command has been holding ${file} for ${seconds} s; wait for it, or see who it is: fuser ${file}`,
    )
  try {
    return await work()
  } finally {
    holder.stdin.end()
    await gone
  }
}
