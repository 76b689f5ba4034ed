import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { execFile } from 'node:child_process'
import { type LabHost, shellInHost } from '../lab/index.ts'

const run = promisify(execFile)

/** A USB disk of the lab: a file system in a file of this machine, so that it outlives the cards of the hosts. */
export interface Disk {
  /** Plugs it in, under the name that udev would give it by its label. Mounts nothing. After each boot anew. */
  plug(host: LabHost): Promise<void>
  /** Unmounts it wherever it is, and takes its name away. */
  unplug(host: LabHost): Promise<void>
  remove(): Promise<void>
}

/** An ext4 of so many MiB. Several hosts may have it at a time: they share one kernel, as the clients of a NAS share one server. */
export async function makeDisk(label: string, mebibytes: number): Promise<Disk> {
  const folder = await mkdtemp(path.join(tmpdir(), 'streamside-disk-'))
  const image = path.join(folder, `${label}.img`)
  await run('truncate', ['-s', `${mebibytes}M`, image])
  await run('mkfs.ext4', ['-q', '-F', '-L', label, image])
  const { stdout } = await run('losetup', ['--find', '--show', image])
  const device = stdout.trim()
  const minor = device.replace(/^\D+/, '')
  return {
    plug: async (host) => {
      await shellInHost(
        host,
        '[ -e "$1" ] || mknod -m 660 "$1" b 7 "$2"; mkdir -p /dev/disk/by-label; ln -sfn "$1" "/dev/disk/by-label/$3"',
        [device, minor, label],
      )
    },
    unplug: async (host) => {
      await shellInHost(
        host,
        'rm -f "/dev/disk/by-label/$2"; while findmnt -n "$1" >/dev/null; do umount "$1" || exit 1; done; rm -f "$1"',
        [device, label],
      )
    },
    remove: async () => {
      await run('losetup', ['-d', device])
      await rm(folder, { recursive: true, force: true })
    },
  }
}
