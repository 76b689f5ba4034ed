import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Health, parseHealth } from '../../../src/status/health.ts'

// The host's own program, on a tree that stands for the /sys, /proc and /etc of a machine.
const run = promisify(execFile)
const program = path.resolve(import.meta.dirname, '../../../templates/host/status/health.sh')
let root: string
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'streamside-health-'))
  // Never the log of the machine that this test runs on.
  await says('journalctl', 'exit 0')
  await says('dmesg', 'exit 1')
  await says('vcgencmd', 'echo "VCHI initialization failed"; exit 255')
})
afterEach(() => rm(root, { recursive: true, force: true }))

async function lay(files: Record<string, string>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(path.join(root, path.dirname(name)), { recursive: true })
    await writeFile(path.join(root, name), content)
  }
}
async function says(command: string, script: string): Promise<void> {
  await mkdir(path.join(root, 'bin'), { recursive: true })
  await writeFile(path.join(root, 'bin', command), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
}
async function look(...places: string[]): Promise<Health | null> {
  const child = run('/bin/sh', [program, root], {
    cwd: path.join(root, 'bin'),
    env: { PATH: `${path.join(root, 'bin')}:/usr/bin:/bin` },
  })
  child.child.stdin?.end(places.map((place) => `${place}\n`).join(''))
  const records = new Map<string, string[][]>()
  for (const line of (await child).stdout.split('\n')) {
    const [kind = '', ...fields] = line.split('\t')
    records.set(kind, [...(records.get(kind) ?? []), fields])
  }
  return parseHealth(records)
}

const disk = 'sys/devices/platform/axi/1000fff000.mmc/mmc_host/mmc0/mmc0:aaaa/block/mmcblk0'
const card = async (rootOptions = 'rw,noatime', whole = 'rw') => {
  await lay({
    [`${disk}/mmcblk0p2/partition`]: '2\n',
    'proc/self/mountinfo': [
      '22 1 0:5 / /proc rw - proc proc rw',
      `27 1 179:2 / / ${rootOptions} shared:1 - ext4 /dev/mmcblk0p2 ${whole}`,
      String.raw`28 27 8:1 / /srv/a\040b rw - ext4 /dev/sda1 rw`,
      '29 27 254:0 /usr/lib/os-release /run/host/os-release ro - ext4 /dev/vda rw',
      '',
    ].join('\n'),
    'etc/fstab': 'PARTUUID=x  /  ext4  defaults,noatime  0 1\n# /srv/a\\040b none none ro\n',
    'sys/fs/ext4/mmcblk0p2/errors_count': '0\n',
    'sys/fs/ext4/features/x': '',
    // of somebody else: a container sees the file systems of the whole machine
    'sys/fs/ext4/vda/errors_count': '7\n',
    'sys/devices/pci/virtio1/block/vda/size': '1\n',
    'sys/dev/block/none': '',
  })
  await symlink(path.join(root, disk, 'mmcblk0p2'), path.join(root, 'sys/dev/block/179:2'))
  await symlink(path.join(root, 'sys/devices/pci/virtio1/block/vda'), path.join(root, 'sys/dev/block/254:0'))
}
const journal = (...lines: string[]) =>
  says('journalctl', `cat <<'EOF'\n${lines.map((line) => `1795250000.123456 pi kernel: ${line}`).join('\n')}\nEOF`)

test('a machine that has nothing of it says so, and nothing is made up', async () => {
  expect(await look('/')).toEqual({ power: null, temperature: null, ioErrors: null, ext4: null, fileSystems: null })
})

describe('the power of a Raspberry Pi', () => {
  const sysfs = 'sys/devices/platform/soc/soc:firmware/get_throttled'
  const hwmon = { 'sys/class/hwmon/hwmon1/name': 'rpi_volt\n', 'sys/class/hwmon/hwmon1/in0_lcrit_alarm': '0\n' }

  test('is what the firmware says, now and since boot', async () => {
    await says('vcgencmd', 'echo throttled=0x50005')
    expect((await look())?.power).toEqual({
      source: 'vcgencmd',
      underVoltage: { now: true, sinceBoot: true },
      frequencyCapped: { now: false, sinceBoot: false },
      throttled: { now: true, sinceBoot: true },
      softTemperatureLimit: { now: false, sinceBoot: false },
    })
    await says('vcgencmd', 'echo throttled=0x50000')
    expect((await look())?.power?.underVoltage).toEqual({ now: false, sinceBoot: true })
  })

  test("is read from the kernel's file where nothing else says, on each generation's path", async () => {
    await lay({ [sysfs]: '80008\n' })
    expect((await look())?.power).toMatchObject({
      source: 'sysfs',
      underVoltage: { now: false, sinceBoot: false },
      softTemperatureLimit: { now: true, sinceBoot: true },
    })
    await rm(path.join(root, 'sys/devices'), { recursive: true })
    await lay({ 'sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled': '1\n' })
    expect((await look())?.power?.underVoltage).toEqual({ now: true, sinceBoot: true })
  })

  test("is the sensor's alarm and the kernel's log; what neither knows is null", async () => {
    await lay({ ...hwmon, [sysfs]: '50005\n' })
    expect((await look())?.power).toEqual({
      source: 'hwmon',
      underVoltage: { now: false, sinceBoot: null },
      frequencyCapped: { now: null, sinceBoot: null },
      throttled: { now: null, sinceBoot: null },
      softTemperatureLimit: { now: null, sinceBoot: null },
    })
    await journal('Linux version 6.12.25+rpt-rpi-2712')
    expect((await look())?.power?.underVoltage).toEqual({ now: false, sinceBoot: false })
    await journal('hwmon hwmon1: Undervoltage detected!', 'hwmon hwmon1: Voltage normalised')
    expect((await look())?.power?.underVoltage).toEqual({ now: false, sinceBoot: true })
    await lay({ 'sys/class/hwmon/hwmon1/in0_lcrit_alarm': '1\n' })
    expect((await look())?.power?.underVoltage).toEqual({ now: true, sinceBoot: true })
  })
})

describe('the temperature', () => {
  const zone = (n: number, type: string, value: string) =>
    lay({
      [`sys/class/thermal/thermal_zone${n}/type`]: `${type}\n`,
      [`sys/class/thermal/thermal_zone${n}/temp`]: `${value}\n`,
    })
  test("is the processor's hottest, whatever else is hotter", async () => {
    await zone(0, 'cpu-thermal', '48123')
    await zone(1, 'iwlwifi_1', '91000')
    await lay({ 'sys/class/hwmon/hwmon0/name': 'cpu_thermal\n', 'sys/class/hwmon/hwmon0/temp1_input': '49600\n' })
    expect((await look())?.temperature).toEqual({ celsius: 49.6, sensor: 'cpu_thermal' })
  })
  test('is null when a sensor says nothing that can be one', async () => {
    await zone(0, 'cpu-thermal', '-273000')
    expect((await look())?.temperature).toBeNull()
  })
})

describe('the card', () => {
  test('is sound', async () => {
    await card()
    await journal(
      'EXT4-fs (mmcblk0p2): mounted filesystem r/w. Opts: errors=remount-ro',
      'mmc1: error -110 whilst initialising SDIO card',
    )
    expect(await look('/', '/var/lib/none', String.raw`/srv/a b/x`)).toMatchObject({
      ioErrors: { count: 0 },
      ext4: [{ device: 'mmcblk0p2', path: '/', errors: 0, first: null, last: null }],
      fileSystems: [
        { path: '/', holds: ['/', '/var/lib/none'], type: 'ext4', readOnly: false, declaredReadOnly: false },
        { path: '/srv/a b', holds: ['/srv/a b/x'], readOnly: false, declaredReadOnly: null, sizeKib: null },
      ],
    })
  })

  test('has counted errors: those of this host, not of a container’s machine', async () => {
    await card()
    await lay({
      'sys/fs/ext4/mmcblk0p2/errors_count': '2\n',
      'sys/fs/ext4/mmcblk0p2/first_error_time': '1795200000\n',
      'sys/fs/ext4/mmcblk0p2/last_error_time': '1795250000\n',
    })
    expect((await look('/'))?.ext4).toEqual([
      { device: 'mmcblk0p2', path: '/', errors: 2, first: 1_795_200_000, last: 1_795_250_000 },
    ])
  })

  test.each([
    ['by its mount', 'ro,noatime', 'rw'],
    ['by its file system', 'rw,noatime', 'ro'],
    ['after an error, from Linux 6.15 on', 'rw,noatime', 'rw,emergency_ro'],
  ])('is read-only %s', async (_, own, whole) => {
    await card(own, whole)
    expect((await look('/'))?.fileSystems).toMatchObject([{ path: '/', readOnly: true, declaredReadOnly: false }])
  })

  test.each([
    'I/O error, dev mmcblk0, sector 2048 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 2',
    'blk_update_request: I/O error, dev mmcblk0, sector 2048',
    'Buffer I/O error on dev mmcblk0p2, logical block 1, async page read',
    'mmcblk0: error -110 sending stop command, original cmd response 0x900, card status 0x400900',
    'mmcblk0: recovery failed!',
    'mmc0: Timeout waiting for hardware interrupt.',
    'mmc0: cache flush error -110',
    'EXT4-fs error (device mmcblk0p2): ext4_find_entry:1682: inode #2: comm ls: reading directory lblock 0',
    'Aborting journal on device mmcblk0p2-8.',
    'EXT4-fs (mmcblk0p2): Remounting filesystem read-only',
  ])('has an error: %s', async (line) => {
    await card()
    await journal('Linux version 6.12.25', line, 'I/O error, dev mmcblk1, sector 1', 'I/O error, dev vda, sector 1')
    expect((await look('/'))?.ioErrors).toEqual({
      count: 1,
      first: 1_795_250_000,
      last: 1_795_250_000,
      lines: [line],
    })
  })

  test('is read-only by the log alone, with Linux 6.12 to 6.14, until it is mounted anew', async () => {
    await card()
    const remounted = 'EXT4-fs (mmcblk0p2): Remounting filesystem read-only'
    await journal('EXT4-fs (mmcblk0p2): mounted filesystem 0c1e r/w', remounted)
    expect((await look('/'))?.fileSystems).toMatchObject([{ path: '/', readOnly: true }])
    await journal(remounted, 'EXT4-fs (mmcblk0p2): re-mounted 0c1e r/w.')
    expect((await look('/'))?.fileSystems).toMatchObject([{ path: '/', readOnly: false }])
    await journal('EXT4-fs (mmcblk0p1): Remounting filesystem read-only')
    expect((await look('/'))?.fileSystems).toMatchObject([{ path: '/', readOnly: false }])
  })

  test('fills the log as it dies, and the answer stays small', async () => {
    await card()
    await says('journalctl', `seq 1 5000 | sed 's/.*/1795250000.123456 pi kernel: I\\/O error, dev mmcblk0, sector &/'`)
    const found = (await look('/'))?.ioErrors
    expect(found?.count).toBe(200)
    expect(found?.lines).toEqual([4998, 4999, 5000].map((n) => `I/O error, dev mmcblk0, sector ${n}`))
  })

  test('is asked about by dmesg where the journal has no kernel messages', async () => {
    await card()
    await says('dmesg', `echo '2026-11-21T11:20:03,123456+00:00 I/O error, dev mmcblk0, sector 1'`)
    expect((await look('/'))?.ioErrors).toMatchObject({ count: 1, last: Date.parse('2026-11-21T11:20:03Z') / 1000 })
  })
})

test('disks below RAID, LVM and encryption are the ones that fail', async () => {
  await lay({
    'proc/self/mountinfo': '27 1 253:0 / / rw - ext4 /dev/mapper/root rw\n',
    'sys/devices/virtual/block/dm-0/size': '1\n',
    'sys/devices/pci/ata1/block/sda/sda3/partition': '3\n',
    'sys/dev/block/none': '',
    'sys/devices/virtual/block/dm-0/slaves/none': '',
  })
  await symlink(path.join(root, 'sys/devices/virtual/block/dm-0'), path.join(root, 'sys/dev/block/253:0'))
  await symlink(
    path.join(root, 'sys/devices/pci/ata1/block/sda/sda3'),
    path.join(root, 'sys/devices/virtual/block/dm-0/slaves/sda3'),
  )
  await journal(
    'sd 0:0:0:0: [sda] tag#0 Sense Key : Medium Error [current]',
    'critical medium error, dev sda, sector 9',
  )
  expect((await look('/'))?.ioErrors).toMatchObject({ count: 2 })
})
