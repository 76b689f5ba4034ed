import { readdirSync } from 'node:fs'
import path from 'node:path'
import { hostCgroup } from './cgroup.ts'
import { readOr } from './inside.ts'
import type { LabHost } from './lab-host.ts'

/**
 * Cuts all ssh connections of a host, from outside and at once: sshd's own processes die, what they have started does not, as
 * with a line that breaks. New connections are taken.
 */
export async function cutSessions(host: LabHost): Promise<void> {
  for (const pid of processesBelow(await hostCgroup(host.instance, host.name))) {
    const command = readOr(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')
    if (/^sshd(-session)?: /.test(command) && !command.includes('[listener]')) killIfThere(pid)
  }
}

/** SIGKILL for a process that may have ended by itself. */
export function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** A cgroup may go while we look: a session that ends takes its scope with it. */
function processesBelow(folder: string): number[] {
  const own = readOr(path.join(folder, 'cgroup.procs')).split('\n').filter(Boolean).map(Number)
  return [...own, ...foldersIn(folder).flatMap(processesBelow)]
}

function foldersIn(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true })
    return entries.filter((entry) => entry.isDirectory()).map((entry) => path.join(folder, entry.name))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
