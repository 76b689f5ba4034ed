import { execFileSync } from 'node:child_process'
import { stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type LabHost, type LoopDisk, makeLoopDisk, removeLoopDisk, runInHost, shellInHost } from '../lab/index.ts'
import { eventsOf, notesApp, type Site, site } from './site.ts'
import { allWell, codes, said, statusOf } from './status-answer.ts'

const place = '/var/lib/ch-notes'
const parts = {
  'ch-notes': notesApp('ch-one', 8371),
}
let lab: Site
let one: LabHost
let disk: LoopDisk

/** A real ext4 on a disk of its own, which is seen in the host alone. */
beforeAll(async () => {
  lab = await site('card-health', [{ name: 'ch-one' }], { apps: parts })
  one = lab.host('ch-one')
  disk = await makeLoopDisk(lab.lab.instance, 'card', 256)
  execFileSync('tune2fs', ['-e', 'continue', disk.device])
  const device = (await stat(disk.device)).rdev & 0xff
  await shellInHost(
    one,
    `mknod /dev/card b 7 "$1" && mkdir -p ${place} && mount /dev/card ${place} && rmdir ${place}/lost+found`,
    [String(device)],
  )
  await lab.provision()
  await allWell(lab)
})
afterAll(async () => {
  await shellInHost(one, `systemctl stop 'ch-notes*'; umount --lazy ${place} || :`)
  await removeLoopDisk(lab.lab.instance, disk)
})

const found = async () => {
  const answer = await statusOf(lab)
  const status = answer.hosts.get('ch-one')
  if (!status) throw new Error(said(answer))
  return { ...answer, status, wrong: codes(status.wrong) }
}

describe('the health of a card', () => {
  test('is told in one exec, and what a machine has not is null', async () => {
    const answer = await found()
    expect(answer.code, said(answer)).toBe(0)
    expect(eventsOf(answer, 'host-done')).toMatchObject([{ execs: 1 }])
    expect(answer.status.health).toMatchObject({
      power: null,
      // a container has no kernel log of its own
      ioErrors: null,
      ext4: [{ path: place, errors: 0, first: null, last: null }],
      fileSystems: [{ path: '/' }, { path: place, type: 'ext4', readOnly: false, declaredReadOnly: null }],
    })
    expect(answer.status.disks.find((disk) => disk.path === place)?.availableKib).toBeLessThan(256 * 1024)
    expect(answer.status.notes).toEqual([])
  })

  test('is bad once the file system has counted an error, with exit 1 and what to do', async () => {
    // what a directory that cannot be read comes to: fs/ext4/sysfs.c
    await writeFile(`/sys/fs/ext4/${path.basename(disk.device)}/trigger_fs_error`, 'a block that is bad')
    const answer = await found()
    expect(answer.code, said(answer)).toBe(1)
    expect(answer.wrong).toEqual(['ext4-errors'])
    const [ext4] = answer.status.health?.ext4 ?? []
    expect(ext4).toMatchObject({ path: place, errors: 1 })
    expect(Math.abs((ext4?.last ?? 0) - Date.now() / 1000)).toBeLessThan(120)
    const table = (await lab.run(['status'])).stdout
    expect(table).toMatch(/ {2}card errors$/m)
    expect(table.replaceAll(/\s+/g, ' ')).toMatch(
      /file system on \/var\/lib\/ch-notes \(loop\d+\) has counted 1 error .* next: have it checked/,
    )
    for (const line of table.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80)
  })

  test('is bad when a file system that an app writes to has become read-only', async () => {
    await shellInHost(
      one,
      `systemctl stop ch-notes ch-notes-litestream ch-notes-check.timer && mount -o remount,ro ${place}`,
    )
    const answer = await found()
    await shellInHost(one, `mount -o remount,rw ${place} && systemctl start ch-notes ch-notes-check.timer`)
    expect(answer.code, said(answer)).toBe(1)
    expect(answer.wrong).toEqual(expect.arrayContaining(['read-only', 'ext4-errors']))
    expect(answer.status.wrong.find(({ code }) => code === 'read-only')?.text).toMatch(
      /^\/var\/lib\/ch-notes is mounted read-only/,
    )
    expect(answer.status.disks.find((disk) => disk.path === place)?.readOnly).toBe(true)
  })

  test('is bad when the kernel has told of I/O errors since boot, of this disk alone', async () => {
    // Lines as a kernel writes them, in a journal as journald keeps it: a container gets none of its own.
    const kernel = [
      'Linux version 6.12.25+rpt-rpi-v8',
      'I/O error, dev mmcblk7, sector 1 op 0x0:(READ) flags 0x0',
      `I/O error, dev ${path.basename(disk.device)}, sector 2048 op 0x1:(WRITE) flags 0x800`,
      `Buffer I/O error on dev ${path.basename(disk.device)}, logical block 256, lost async page write`,
      'hwmon hwmon1: Undervoltage detected!',
    ]
    await shellInHost(
      one,
      `DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends systemd-journal-remote >/dev/null
       boot=$(tr -d - </proc/sys/kernel/random/boot_id) n=0
       for line; do
         n=$((n + 1))
         printf '__REALTIME_TIMESTAMP=%s000000\\n__MONOTONIC_TIMESTAMP=%s\\n_BOOT_ID=%s\\n_TRANSPORT=kernel\\nSYSLOG_IDENTIFIER=kernel\\n_HOSTNAME=ch-one\\nMESSAGE=%s\\n\\n' "$(date +%s)" "$n" "$boot" "$line"
       done | /usr/lib/systemd/systemd-journal-remote --output="/var/log/journal/$(cat /etc/machine-id)/kernel.journal" -`,
      kernel,
      { deadlineSeconds: 200 },
    )
    const answer = await found()
    expect(answer.code, said(answer)).toBe(1)
    expect(answer.wrong).toEqual(['io-errors', 'ext4-errors'])
    expect(answer.status.health).toMatchObject({
      ioErrors: { count: 2, lines: kernel.slice(2, 4) },
      // nothing here says what the voltage is: a line is no sensor
      power: null,
    })
    await runInHost(one, ['apt-get', 'purge', '-y', '-qq', 'systemd-journal-remote'])
  })
})
