import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { sourcesList, type AptSource, type Suite } from './apt-source.ts'
import { cgroupRoot, killCgroup, makeCgroup, removeCgroup } from './cgroup.ts'
import type { MachineArchitecture } from './download.ts'
import { isEmulated } from './emulation.ts'
import { withLock } from './lock.ts'
import { baseFolder } from './paths.ts'
import { $ } from './shell.ts'

// What Raspberry Pi OS Lite and these trees have in common; deliberately without rsyslog, jq, sqlite3, curl and Python.
const packages =
  'systemd,systemd-sysv,systemd-timesyncd,libpam-systemd,dbus,openssh-server,ca-certificates,iproute2,sudo,procps'

const customise = path.join(import.meta.dirname, 'customise-base.sh')

/** What a base tree is made for. */
export interface Kind {
  suite: Suite
  architecture: MachineArchitecture
}

/** Each kind once. */
export function kindsOf(hosts: Kind[]): Kind[] {
  return [
    ...new Map(hosts.map(({ suite, architecture }) => [`${suite} ${architecture}`, { suite, architecture }])).values(),
  ]
}

/**
 * The root of a bare Debian host, made on first use (15 to 20 s; minutes under qemu, which the caller switches on) and never
 * written again: hosts are overlays over it. Its folder's name holds a digest of the recipe, so a changed recipe makes a new
 * tree; trees of older recipes are removed when no host stands on them.
 */
export async function baseTree(of: Kind, source: AptSource, say: (line: string) => void): Promise<string> {
  const script = await readFile(customise, 'utf8')
  const stamp = createHash('sha256').update(`${packages}\n${script}`).digest('hex').slice(0, 12)
  const kind = `${of.suite}-${of.architecture}`
  const tree = path.join(baseFolder(), `${kind}-${stamp}`)
  if (existsSync(tree)) return tree
  await mkdir(baseFolder(), { recursive: true })
  await withLock(path.join(baseFolder(), `${kind}.lock`), isEmulated(of.architecture) ? 2400 : 900, async () => {
    if (existsSync(tree)) return
    say(`making the base tree of ${kind} (once${isEmulated(of.architecture) ? '; this takes minutes' : ''})`)
    await removeLeftovers(kind)
    const work = await mkdtemp(path.join(baseFolder(), `.work-${kind}-`))
    try {
      await rename(await bootstrap(of, source, work, script, kind), tree)
    } finally {
      await removeLeftovers(kind)
    }
    await removeOldTrees(kind, tree)
  })
  return tree
}

async function bootstrap(of: Kind, source: AptSource, work: string, script: string, kind: string): Promise<string> {
  const lists = path.join(work, 'sources.list')
  const aptOptions = path.join(work, 'apt.conf')
  const root = path.join(work, 'root')
  await writeFile(lists, sourcesList(source, of.suite))
  await writeFile(aptOptions, source.options)
  // In a cgroup, because mmdebstrap goes on when this process is killed, and would still be writing beside the next try.
  const cgroup = await buildCgroup(kind)
  await makeCgroup(cgroup)
  // mmdebstrap would look for the machine's own entry of binfmt_misc, which may not be there
  const foreign = isEmulated(of.architecture) ? [`--arch=${of.architecture}`, '--skip=check/qemu'] : []
  const enter = 'echo $$ >"$0/cgroup.procs" && exec "$@"'
  const made =
    await $`sh -c ${enter} ${cgroup} mmdebstrap --quiet --mode=root --variant=minbase ${foreign} --include=${packages} --aptopt=${aptOptions} ${of.suite} ${root} ${lists}`.nothrow()
  if (made.exitCode !== 0) throw new Error(`mmdebstrap could not make the base tree of ${kind}:\n${made.stderr}`)
  const customised = await $({ input: script })`chroot ${root} sh -s`.nothrow()
  if (customised.exitCode !== 0)
    throw new Error(`customise-base.sh failed in the tree of ${kind}:\n${customised.stderr}`)
  // mmdebstrap leaves its --aptopt behind as the tree's own; hosts get the options of the machine they boot on
  await rm(path.join(root, 'etc/apt/apt.conf.d/99mmdebstrap'), { force: true })
  return root
}

const buildCgroup = async (kind: string): Promise<string> => path.join(await cgroupRoot(), `streamside-base-${kind}`)

/** Ends and removes what a killed run left behind. Only with the lock held. */
async function removeLeftovers(kind: string): Promise<void> {
  const cgroup = await buildCgroup(kind)
  await killCgroup(cgroup)
  await removeCgroup(cgroup)
  for (const name of await readdir(baseFolder())) {
    if (!name.startsWith(`.work-${kind}-`)) continue
    // mmdebstrap mounts /proc, /sys and devices in the tree: nothing may be removed through such a mount
    const folder = path.join(baseFolder(), name)
    for (const mount of await mountsBelow(folder)) await $`umount ${mount}`
    await $`rm -rf --one-file-system ${folder}`
  }
}

/** Mount points below a folder, the innermost first. */
async function mountsBelow(folder: string): Promise<string[]> {
  const mounts = (await readFile('/proc/mounts', 'utf8')).split('\n').map((line) => line.split(' ')[1] ?? '')
  return mounts.filter((mount) => mount.startsWith(`${folder}/`)).toReversed()
}

async function removeOldTrees(kind: string, current: string): Promise<void> {
  const mounts = await readFile('/proc/mounts', 'utf8')
  for (const name of await readdir(baseFolder())) {
    const tree = path.join(baseFolder(), name)
    if (!name.startsWith(`${kind}-`) || tree === current || mounts.includes(`lowerdir=${tree},`)) continue
    await rm(tree, { recursive: true, force: true })
  }
}
