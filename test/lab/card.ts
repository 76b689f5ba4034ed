import { existsSync } from 'node:fs'
import { chmod, chown, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { sourcesList, type AptSource } from './apt-source.ts'
import { emulationDropIn, isEmulated } from './emulation.ts'
import { sudoPassword, type LabHost } from './lab-host.ts'
import { $, until } from './shell.ts'

/**
 * A host's SD card: an overlay whose upper folder is all that the host has ever written. Throwing the upper away is a dead
 * card replaced by a freshly flashed one.
 *
 * What it cannot show: a power cut here ends processes, not the kernel. The page cache survives it, so data that were
 * written but never fsynced survive as well; only a real card loses them. What a process had not yet written is lost.
 */
interface Card {
  folder: string
  /** The root as the host sees it, also while the host is off. */
  root: string
}

export function cardOf(host: LabHost): Card {
  const folder = path.join(host.instance.disks, 'hosts', host.name)
  return { folder, root: path.join(folder, 'root') }
}

async function isMounted(root: string): Promise<boolean> {
  return (await readFile('/proc/mounts', 'utf8')).includes(` ${root} overlay `)
}

/** Puts the host's card in; flashes one (the base tree plus what the imager writes) when it has none. */
export async function insertCard(host: LabHost, base: string, source: AptSource, authorizedKey: string): Promise<void> {
  const { folder, root } = cardOf(host)
  if (await isMounted(root)) return
  const baseFile = path.join(folder, 'flashed-from')
  // a lab command that was killed while it flashed leaves a card without this last mark
  if (!existsSync(baseFile)) await rm(folder, { recursive: true, force: true })
  const lower = existsSync(baseFile) ? await readFile(baseFile, 'utf8') : base
  for (const part of ['upper', 'work', 'root']) await mkdir(path.join(folder, part), { recursive: true })
  const options = `lowerdir=${lower},upperdir=${path.join(folder, 'upper')},workdir=${path.join(folder, 'work')}`
  await $`mount -t overlay overlay -o ${options} ${root}`
  if (existsSync(baseFile)) return
  await flash(host, root, source, authorizedKey)
  await writeFile(baseFile, lower)
}

/** What Raspberry Pi Imager writes onto a card (name, user, key), and how the lab's network reaches packages. */
async function flash(host: LabHost, root: string, source: AptSource, authorizedKey: string): Promise<void> {
  const nameservers = source.resolvers.map((address) => `nameserver ${address}\n`).join('')
  const known = source.resolvers.length > 0 ? '' : source.hostsFile
  const files: Record<string, string> = {
    'etc/hostname': `${host.name}\n`,
    'etc/hosts': `127.0.0.1 localhost\n127.0.1.1 ${host.name}\n::1 localhost ip6-localhost\n${known}`,
    'etc/resolv.conf': nameservers,
    'etc/apt/sources.list': sourcesList(source, host.suite),
    'etc/apt/apt.conf.d/50lab-source': source.options,
  }
  if (isEmulated(host.architecture)) {
    files[emulationDropIn.file] = emulationDropIn.content
    await mkdir(path.join(root, path.dirname(emulationDropIn.file)), { recursive: true })
  }
  for (const [name, content] of Object.entries(files)) await writeFile(path.join(root, name), content)
  const keys = path.join(root, 'home/pi/.ssh/authorized_keys')
  await writeFile(keys, authorizedKey, { mode: 0o600 })
  await chown(keys, 1000, 1000)
  const sudoers = { free: 'pi ALL=(ALL) NOPASSWD: ALL\n', password: 'pi ALL=(ALL) ALL\n', none: null }[host.sudo]
  if (sudoers !== null) {
    // the file's name on Raspberry Pi OS
    const file = path.join(root, 'etc/sudoers.d/010_pi-nopasswd')
    await writeFile(file, sudoers)
    await chmod(file, 0o440)
  }
  await $({ input: `pi:${sudoPassword}\n` })`chroot ${root} chpasswd`
}

/** Takes the card out of a host that is off: unmounts it, and with `destroy` throws it away. */
export async function removeCard(host: LabHost, destroy: boolean): Promise<void> {
  const { folder, root } = cardOf(host)
  // the last process of a killed host may hold the mount for a moment after it has left its cgroup
  await until(`${root} to be unmounted`, 10, async () => {
    if (!(await isMounted(root))) return true
    await $`umount ${root}`.nothrow()
    return !(await isMounted(root))
  })
  if (destroy) await rm(folder, { recursive: true, force: true })
}
