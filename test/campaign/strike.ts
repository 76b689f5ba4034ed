import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { hostCgroup } from '../lab/cgroup.ts'
import { boot, cutPower, freezeS3, type LabHost, shellInHost, thawS3 } from '../lab/index.ts'
import type { Fault } from './cases.ts'
import type { Stage } from './stage.ts'

/** Whom a fault hits. */
export interface Target {
  stage: Stage
  /** The host that the boundary is on. */
  host: LabHost
  /** The orchestrator's process id. */
  pid: number
  freezeSeconds: number
}

/** Does it, and comes back when it is over: the power is on again, S3 answers, sshd takes connections. */
export async function strike(fault: Fault, { stage, host, pid, freezeSeconds }: Target): Promise<void> {
  switch (fault) {
    case 'cut-connection':
      await killSessions(host)
      // away for a while, as a router that restarts
      await shellInHost(host, 'systemctl stop ssh; sleep 2; systemctl start ssh')
      return
    case 'kill-orchestrator':
      if (alive(pid)) process.kill(pid, 'SIGKILL')
      return
    case 'power-cut':
      await cutPower(host)
      await boot(host)
      return
    case 'freeze-s3':
      await freezeS3(stage.lab.instance)
      await sleep(freezeSeconds * 1000)
      await thawS3(stage.lab.instance)
  }
}

/** From outside, at once, and nothing but sshd's own processes: what they have started does not die with a real line either. */
async function killSessions(host: LabHost): Promise<void> {
  for (const pid of processesBelow(await hostCgroup(host.instance, host.name))) {
    const command = read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')
    if (/^sshd(-session)?: /.test(command) && !command.includes('[listener]') && alive(pid))
      process.kill(pid, 'SIGKILL')
  }
}

function processesBelow(folder: string): number[] {
  const own = read(path.join(folder, 'cgroup.procs')).split('\n').filter(Boolean).map(Number)
  const below = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  return [...own, ...below.flatMap((entry) => processesBelow(path.join(folder, entry.name)))]
}

/** A process or a cgroup may end while we look. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'ENODEV', 'EOPNOTSUPP'].includes((error as NodeJS.ErrnoException).code ?? '')) return ''
    throw error
  }
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw error
  }
}
