import { type Instance, type LabHost, makeLoopDisk, removeLoopDisk, shellInHost } from '../lab/index.ts'

/** A USB disk of the lab: a file system in a file of this machine, so that it outlives the cards of the hosts. */
export interface Disk {
  /** `/dev/loopN` of this machine. */
  device: string
  /** Plugs it in, under the name that udev would give it by its label. Mounts nothing. After each boot anew. */
  plug(host: LabHost): Promise<void>
  /** Unmounts it wherever it is, and takes its name away. */
  unplug(host: LabHost): Promise<void>
  remove(): Promise<void>
}

/** An ext4 of so many MiB. Several hosts may have it at a time: they share one kernel, as the clients of a NAS share one server. */
export async function makeDisk(instance: Instance, label: string, mebibytes: number): Promise<Disk> {
  const disk = await makeLoopDisk(instance, label, mebibytes)
  const { device } = disk
  const minor = device.replace(/^\D+/, '')
  return {
    device,
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
    remove: () => removeLoopDisk(instance, disk),
  }
}
