import { type LabHost, type LoopDisk, putFile, shellInHost } from '../lab/index.ts'

// The disk that a job's replica lies on: what a USB disk is to a machine at home. It is there at each boot, before anything is mounted.

export const diskLabel = 'campaign'
/** Where the inventory has it mounted. */
export const diskRoot = '/mnt/campaign'
const service = 'lab-disk.service'

/** Plugs it in for good: the host finds it at each boot from now on. */
export async function plugAtBoot(host: LabHost, { device }: LoopDisk): Promise<void> {
  const minor = device.replace(/^\D+/, '')
  const make = `[ -e ${device} ] || mknod -m 660 ${device} b 7 ${minor}; mkdir -p /dev/disk/by-label; ln -sfn ${device} /dev/disk/by-label/${diskLabel}`
  // not where streamside lays units: what lies there is compared
  await putFile(
    host,
    `/usr/lib/systemd/system/${service}`,
    `[Unit]\nDefaultDependencies=no\nBefore=local-fs-pre.target sysinit.target\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c '${make}'\n`,
  )
  await shellInHost(
    host,
    'mkdir -p /usr/lib/systemd/system/sysinit.target.wants && ln -s "../$1" "/usr/lib/systemd/system/sysinit.target.wants/$1" && systemctl daemon-reload && systemctl start "$1"',
    [service],
  )
}

/** Pulls it out at work: files that are open on it stay with who has them. */
export async function pull(host: LabHost, { device }: LoopDisk): Promise<void> {
  await shellInHost(host, 'umount --lazy "$1" 2>/dev/null || :; rm -f "/dev/disk/by-label/$2" "$3"', [
    diskRoot,
    diskLabel,
    device,
  ])
}

/** Plugs it in again: udev, which the lab has not, would have systemd mount it. */
export async function plugAgain(host: LabHost): Promise<void> {
  await shellInHost(
    host,
    'systemctl restart "$1"; mount=$(systemd-escape --path --suffix=mount "$2"); ! systemctl cat "$mount" >/dev/null 2>&1 || systemctl start "$mount"',
    [service, diskRoot],
  )
}
