import { existsSync } from 'node:fs'
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Suite } from './apt-source.ts'
import { machineArchitecture, type MachineArchitecture } from './download.ts'
import { type Instance, listInstances } from './instances.ts'
import { listHosts } from './lab-host.ts'
import { withLock } from './lock.ts'
import { bringPrograms, findProgram } from './machine.ts'
import { runFolder } from './paths.ts'
import { bootId } from './ran.ts'
import { $ } from './shell.ts'

const folder = '/proc/sys/fs/binfmt_misc'
const entry = path.join(folder, 'streamside-lab-arm64')
const mountMark = path.join(runFolder, 'binfmt-misc-mounted')
const lock = path.join(runFolder, 'emulation.lock')
const qemu = 'qemu-aarch64-static'

/** An ELF file's first 20 bytes: 64 bits, little endian, program or shared object, AArch64; from qemu's qemu-binfmt-conf.sh. */
const magic = String.raw`\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00`
const mask = String.raw`\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff`

/** Whether hosts of this architecture run through qemu here. */
export const isEmulated = (architecture: MachineArchitecture): boolean => architecture !== machineArchitecture()

/**
 * For all services of an emulated host: what a real arm64 kernel does and qemu 7.2 cannot (both tried). A process under it has a
 * second thread of qemu's own, and with more than one the kernel makes no user namespace (EINVAL of unshare(2): such units end
 * with 217/USER); units with credentials end with 243/CREDENTIALS. Here and not in each unit's own folder, where it would be
 * somebody's override.
 */
export const emulationDropIn = {
  file: 'etc/systemd/system/service.d/50-qemu.conf',
  content: '[Service]\nPrivateUsers=no\nLoadCredential=\n',
}

/**
 * Has the kernel start arm64 programs with qemu, in hosts too; brings qemu first. An entry of our own beside the machine's,
 * and looked at before it, because Debian's lacks C. The flags (kernel, admin-guide/binfmt-misc): F opens qemu now, so that
 * it is found in a host's root, where there is none; C lets sudo become root; P keeps argv[0]; O comes with C.
 */
export async function emulate(
  host: { suite: Suite; architecture: MachineArchitecture },
  say: (line: string) => void,
): Promise<void> {
  if (!isEmulated(host.architecture)) return
  if (host.architecture !== 'arm64') throw new Error('on an arm64 machine the lab runs arm64 hosts only')
  await bringPrograms({ [qemu]: 'qemu-user-static' }, say)
  if (host.suite === 'trixie') await requireNewQemu()
  const interpreter = await findProgram(qemu)
  await withLock(lock, 60, async () => {
    if (existsSync(entry)) return
    if (!existsSync(path.join(folder, 'register'))) {
      await mkdir(runFolder, { recursive: true })
      await writeFile(mountMark, await bootId())
      const mounted = await $`mount -t binfmt_misc binfmt_misc ${folder}`.nothrow()
      if (mounted.exitCode !== 0)
        throw new Error(`an arm64 host needs binfmt_misc of this machine's kernel: ${mounted.stderr.trim()}`)
    }
    const rule = `:${path.basename(entry)}:M::${magic}:${mask}:${interpreter}:POCF`
    await writeFile(path.join(folder, 'register'), rule)
  })
}

/** Undoes what `emulate` did, once no host of any instance needs it. Programs that qemu runs already go on. */
export async function endEmulation(): Promise<void> {
  if (!existsSync(entry) && !existsSync(mountMark)) return
  await withLock(lock, 60, async () => {
    // within the lock: `up` declares its hosts before it asks for it
    for (const instance of await listInstances()) {
      if (await hasEmulated(instance)) return
    }
    if (existsSync(entry)) await writeFile(entry, '-1')
    if (!existsSync(mountMark)) return
    const ours = (await readFile(mountMark, 'utf8')) === (await bootId())
    // entries that somebody has made since would go with the mount
    const empty = existsSync(folder) && (await readdir(folder)).every((name) => ['register', 'status'].includes(name))
    if (ours && !empty) return
    if (ours && existsSync(path.join(folder, 'register'))) await $`umount ${folder}`
    await rm(mountMark)
  })
}

async function hasEmulated(instance: Instance): Promise<boolean> {
  try {
    return (await listHosts(instance)).some((host) => isEmulated(host.architecture))
  } catch (error) {
    // it is being taken down at this moment, and comes here itself afterwards
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}

/** The systemd of Debian 13 (257) does not start under qemu 7, which Debian 12 has (tried): said before minutes are spent. */
async function requireNewQemu(): Promise<void> {
  const { stdout } = await $`${qemu} --version`
  const version = /version ((\d+)[\d.]*)/.exec(stdout)
  if (Number(version?.[2]) < 8)
    throw new Error(
      `an arm64 host of trixie does not start under this machine's qemu (${version?.[1]}); arm64 hosts run bookworm here`,
    )
}
