import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'

/** A process as it was started: the pid alone may belong to somebody else by now. */
export interface Ran {
  pid: number
  /** Clock ticks after boot, field 22 of /proc/PID/stat. */
  start: string
  /** Kernel's boot id. */
  boot: string
}

export const bootId = async (): Promise<string> => (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()

/** State letter and start time of a process, or null when there is none. */
function processStat(pid: number): { state: string; start: string } | null {
  try {
    // the command's name stands in parentheses and may hold anything, so count from the last one
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
    return { state: fields[0] ?? '?', start: fields[19] ?? '' }
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return null
    throw error
  }
}

/** The process of this pid, to be recognised later; null when there is none. */
export async function processNow(pid: number): Promise<Ran | null> {
  const stat = processStat(pid)
  return stat === null ? null : { pid, start: stat.start, boot: await bootId() }
}

/** Whether it is that very process that runs, and not a zombie. */
export async function stillRuns(ran: Ran): Promise<boolean> {
  const stat = processStat(ran.pid)
  return stat !== null && stat.start === ran.start && stat.state !== 'Z' && ran.boot === (await bootId())
}
