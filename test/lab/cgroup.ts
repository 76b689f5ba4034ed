import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, readFile, rmdir, statfs, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { until } from './shell.ts'

/**
 * Every process of an instance lives in a cgroup of that instance. It is the record that cannot be lost: whoever killed the
 * lab command in whatever moment, `down` finds each process here, and nothing of anybody else's.
 */

const cgroup2Magic = 0x63677270

/** Where cgroup v2 is mounted: the only hierarchy, or beside the old ones (`unified`, systemd's hybrid layout). */
export async function cgroupRoot(): Promise<string> {
  for (const candidate of ['/sys/fs/cgroup', '/sys/fs/cgroup/unified']) {
    if (existsSync(candidate) && (await statfs(candidate)).type === cgroup2Magic) return candidate
  }
  throw new Error(
    'no cgroup v2 is mounted at /sys/fs/cgroup or /sys/fs/cgroup/unified; the lab needs it to run systemd hosts',
  )
}

export async function instanceCgroup(instance: { name: string }): Promise<string> {
  return path.join(await cgroupRoot(), `streamside-lab-${instance.name}`)
}

/** A host's own cgroup: nspawn and all of the host in it, so that it measures and kills exactly one host. */
export async function hostCgroup(instance: { name: string }, host: string): Promise<string> {
  return path.join(await instanceCgroup(instance), `host-${host}`)
}

/** Makes a cgroup and hands the machine's controllers down to it, where there are any (hybrid layouts have none in v2). */
export async function makeCgroup(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  for (const parent of [path.dirname(path.dirname(folder)), path.dirname(folder)]) {
    const file = path.join(parent, 'cgroup.subtree_control')
    if (!existsSync(file)) continue
    for (const controller of (await readFile(path.join(parent, 'cgroup.controllers'), 'utf8'))
      .split(/\s+/)
      .filter(Boolean)) {
      // One at a time: a controller that is busy elsewhere (cpu with realtime tasks) must not keep the others away.
      await writeFile(file, `+${controller}`).catch((error: NodeJS.ErrnoException) => {
        if (!['EBUSY', 'EINVAL', 'EOPNOTSUPP', 'ENOENT'].includes(error.code ?? '')) throw error
      })
    }
  }
}

/** True while a process is in the cgroup or below it. */
export function cgroupPopulated(folder: string): boolean {
  try {
    return readFileSync(path.join(folder, 'cgroup.events'), 'utf8').includes('populated 1')
  } catch (error) {
    if (['ENOENT', 'ENODEV'].includes((error as NodeJS.ErrnoException).code ?? '')) return false
    throw error
  }
}

/** SIGKILLs everything in the cgroup at one stroke, as a power cut does, and waits until it is gone. */
export async function killCgroup(folder: string): Promise<void> {
  if (!existsSync(folder)) return
  await writeFile(path.join(folder, 'cgroup.kill'), '1')
  await until(`the processes in ${folder} to end after SIGKILL`, 20, () => !cgroupPopulated(folder), 10)
}

/**
 * Removes an empty cgroup with all below it; nothing to do when it is not there. In the hybrid layout nspawn mirrors the
 * tree into the old hierarchy `name=systemd`; that goes with it.
 */
export async function removeCgroup(folder: string): Promise<void> {
  await removeTree(folder)
  const root = await cgroupRoot()
  if (root.endsWith('/unified')) await removeTree(path.join(path.dirname(root), 'systemd', path.relative(root, folder)))
}

async function removeTree(folder: string): Promise<void> {
  if (!existsSync(folder)) return
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await removeTree(path.join(folder, entry.name))
  }
  // EBUSY: the kernel lets go of a cgroup's last task a moment after it has counted it out
  await until(`the empty cgroup ${folder} to be removable`, 5, () =>
    rmdir(folder).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'EBUSY') return false
        if (error.code === 'ENOENT') return true
        throw error
      },
    ),
  )
}

/** CPU time that a cgroup has used since it was made, in seconds (v2 counts it with or without the cpu controller). */
export async function cgroupCpuSeconds(folder: string): Promise<number> {
  const stat = await readFile(path.join(folder, 'cpu.stat'), 'utf8')
  return Number(/^usage_usec (\d+)/m.exec(stat)?.[1] ?? Number.NaN) / 1e6
}
