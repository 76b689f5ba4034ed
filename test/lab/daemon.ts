import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { instanceCgroup, makeCgroup } from './cgroup.ts'
import type { Instance } from './instances.ts'
import { processNow, type Ran, stillRuns } from './ran.ts'
import { toolEnvironment, until } from './shell.ts'

interface ProcessRecord extends Ran {
  argv: string[]
}

const recordFile = (instance: Instance, name: string): string => path.join(instance.records, `${name}.pid.json`)
export const daemonLog = (instance: Instance, name: string): string => path.join(instance.records, `${name}.log`)

/**
 * Starts a process that outlives this one, within the instance's cgroup (or `cgroup`), its output appended to
 * NAME.log in the records, and records it. One that is running already stays.
 */
export async function startDaemon(
  instance: Instance,
  name: string,
  argv: [string, ...string[]],
  options: { environment?: Record<string, string>; cgroup?: string } = {},
): Promise<number> {
  const running = await daemonPid(instance, name)
  if (running !== null) return running
  const cgroup = options.cgroup ?? path.join(await instanceCgroup(instance), 'services')
  await makeCgroup(cgroup)
  await mkdir(instance.records, { recursive: true })
  const log = openSync(daemonLog(instance, name), 'a', 0o600)
  // The shell enters the cgroup before it becomes the program: there is no moment in which `down` could not find it.
  const child = spawn('sh', ['-c', 'echo $$ >"$0/cgroup.procs" && exec "$@"', cgroup, ...argv], {
    detached: true,
    stdio: ['ignore', log, log],
    env: toolEnvironment(options.environment),
    cwd: '/',
  })
  closeSync(log)
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', reject)
  })
  child.unref()
  const pid = child.pid
  const started = pid === undefined ? null : await processNow(pid)
  if (pid === undefined || started === null)
    throw new Error(`starting ${name}: it ended at once; see ${daemonLog(instance, name)}`)
  const record: ProcessRecord = { ...started, argv }
  await writeFile(`${recordFile(instance, name)}.new`, JSON.stringify(record))
  await rename(`${recordFile(instance, name)}.new`, recordFile(instance, name))
  return pid
}

/** The pid of a recorded process that is still that process and not a zombie, else null. */
export async function daemonPid(instance: Instance, name: string): Promise<number | null> {
  let record: ProcessRecord
  try {
    record = JSON.parse(await readFile(recordFile(instance, name), 'utf8')) as ProcessRecord
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
  return (await stillRuns(record)) ? record.pid : null
}

/** Sends a signal to a recorded process. Throws when it does not run. */
export async function signalDaemon(instance: Instance, name: string, signal: NodeJS.Signals): Promise<void> {
  const pid = await daemonPid(instance, name)
  if (pid === null)
    throw new Error(`${name} of the lab ${instance.name} is not running; see ${daemonLog(instance, name)}`)
  process.kill(pid, signal)
}

/** Ends a recorded process: SIGTERM, after `graceSeconds` SIGKILL. Nothing to do when it does not run. */
export async function stopDaemon(instance: Instance, name: string, graceSeconds = 5): Promise<void> {
  const gone = async (): Promise<boolean> => (await daemonPid(instance, name)) === null
  if (!(await gone())) {
    // a frozen process would keep SIGTERM waiting until it thaws
    await signalDaemon(instance, name, 'SIGCONT')
    await signalDaemon(instance, name, 'SIGTERM')
    try {
      await until(`${name} to stop`, graceSeconds, gone, 20)
    } catch {
      const pid = await daemonPid(instance, name)
      if (pid !== null) process.kill(pid, 'SIGKILL')
      await until(`${name} to end after SIGKILL`, 10, gone, 20)
    }
  }
  await rm(recordFile(instance, name), { force: true })
}
