/** A message of the kernel. */
export interface KernelMessage {
  /** Epoch s; null when the line does not say. */
  time: number | null
  text: string
}

export interface IoErrors {
  /** Of the last 20,000 kernel messages since boot; at most 200 are looked at. */
  count: number
  /** Epoch s. */
  first: number | null
  last: number | null
  /** The last three. */
  lines: string[]
}

/** Lines of `journalctl --output=short-unix` or `dmesg --time-format=iso`. */
export function parseKernelLines(text: string): KernelMessage[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const journal = /^(\d{9,11})\.\d+ \S+ \S+: (.*)$/.exec(line)
      if (journal) return { time: Number(journal[1]), text: journal[2] ?? '' }
      const dmesg = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)[,.]\d+([+-]\d\d:\d\d) (.*)$/.exec(line)
      if (dmesg) return { time: Date.parse(`${dmesg[1]}${dmesg[2]}`) / 1000, text: dmesg[3] ?? '' }
      return { time: null, text: line }
    })
}

/**
 * What the kernel says when a disk fails: block/blk-core.c ("I/O error, dev mmcblk0, sector 8", "critical medium error, dev sda"),
 * fs/buffer.c ("Buffer I/O error on dev"), drivers/mmc ("mmc0: Timeout waiting for hardware interrupt", "mmcblk0: error -110
 * sending stop command"), drivers/nvme ("nvme0: controller is down", "I/O 8 QID 3 timeout"), sd ("Sense Key : Medium Error"), and
 * file systems ("EXT4-fs error (device mmcblk0p2)", "Aborting journal on device", "Remounting filesystem read-only"). Of mounts
 * the kernel tells options too: `errors=remount-ro` is no error.
 */
const failures = [
  /\bI\/O error\b/i,
  /\bcritical (medium|target|nexus|transport) error\b/i,
  /\b(Medium|Hardware) Error\b/,
  /^mmc\w*: .*(\berror -?\d+|timeout|timed out|recovery failed|\berror status)/i,
  /^nvme.*(\btimeout\b|controller is down|I\/O Error)/i,
  /\b(EXT4|F2FS|BTRFS|XFS)(-fs)? ?(error|critical)\b/i,
  /\bAborting journal\b|\bJBD2: .*\berror\b/i,
  /\bRemounting filesystem read-only\b/i,
  /\brejecting I\/O to (offline|dead) device\b/i,
]

/**
 * Which of the messages tell of a failure of these devices.
 * @param devices names as the kernel has them: `mmcblk0`, `mmcblk0p2`, `mmc0`, `sda`
 */
export function ioErrors(messages: KernelMessage[], devices: string[]): IoErrors {
  const found = messages.filter(
    ({ text }) => failures.some((failure) => failure.test(text)) && devices.some((device) => names(text, device)),
  )
  const times = found.flatMap(({ time }) => (time === null ? [] : [time]))
  return {
    count: found.length,
    first: times[0] ?? null,
    last: times.at(-1) ?? null,
    lines: found.slice(-3).map(({ text }) => text.slice(0, 200)),
  }
}

/** `mmcblk0` is named by `mmcblk0p2` and by `mmcblk0p2-8` (its journal), and not by `mmcblk01`; `sda` by `sda1`, not by `sdab`. */
function names(text: string, device: string): boolean {
  const name = device.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
  const partition = /\d$/.test(device) ? 'p' : ''
  return new RegExp(`(^|[^A-Za-z0-9_])${name}(${partition}\\d+)?([^A-Za-z0-9_]|$)`).test(text)
}

/** Whether the supply was too low: drivers/hwmon/raspberrypi-hwmon.c, and the firmware's driver before it. */
export function toldUnderVoltage(messages: KernelMessage[]): boolean {
  return messages.some(({ text }) => /under-?voltage detected/i.test(text))
}

/**
 * Whether the last word on a device is that its ext4 has become read-only: Linux 6.12 to 6.14 refuse writes then and leave the
 * mount's options as they were (isReadOnly), so that only the log tells.
 */
export function toldReadOnly(messages: KernelMessage[], devices: string[]): boolean {
  const last = messages.findLast(
    ({ text }) =>
      /^EXT4-fs.*(Remounting filesystem read-only|mounted)/.test(text) && devices.some((device) => names(text, device)),
  )
  return last !== undefined && /Remounting filesystem read-only/.test(last.text)
}
