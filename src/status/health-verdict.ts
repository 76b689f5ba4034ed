import { readOnlyAdvice } from '../host/advice.ts'
import { duration } from '../report/duration.ts'
import type { FileSystem, Health } from './health.ts'
import { utc } from './protection.ts'
import type { Note } from './status.ts'

/** °C from which a Raspberry Pi begins to slow down (raspberrypi.com, "Frequency management and thermal control"). */
const hotCelsius = 80

type Add = (code: string, text: string, next: string) => void

/** What of a host's card, power and heat is wrong now, told by `add`; what is so no longer comes back as notes. */
export function judgeHealth(host: string, health: Health | null, now: number, add: Add): Note[] {
  if (health === null) {
    add(
      'health-unknown',
      'its card, power and file systems could not be looked at within 30 s, as when a card or a mount does not answer',
      `streamside ssh ${host} sudo dmesg`,
    )
    return []
  }
  for (const fileSystem of readOnlyOnes(health.fileSystems ?? [])) add(...readOnly(host, fileSystem))
  cardErrors(host, health, now, add)
  return [...voltage(health, add), ...heat(health, add)]
}

/** / with the others: one file system, and one fault. */
function readOnlyOnes(all: FileSystem[]): FileSystem[] {
  const found = all.filter(({ readOnly }) => readOnly)
  const root = found.filter(({ path }) => path === '/')
  return root.length > 0 ? root : found
}

function readOnly(host: string, { path, declaredReadOnly }: FileSystem): Parameters<Add> {
  return declaredReadOnly === true
    ? [
        'read-only',
        `${path} is mounted read-only, as /etc/fstab has it, and apps have to write there`,
        `take  ro  out of its line in /etc/fstab, and mount -o remount,rw ${path} as root`,
      ]
    : [
        'read-only',
        `${path} is mounted read-only, as after an error of the card${declaredReadOnly === false ? ' (/etc/fstab has it writable)' : ''}`,
        readOnlyAdvice(host),
      ]
}

function cardErrors(host: string, { ioErrors, ext4 }: Health, now: number, add: Add): void {
  if (ioErrors !== null && ioErrors.count > 0)
    add(
      'io-errors',
      `${times(ioErrors.count, 'kernel message')} since boot of disks that fail${ioErrors.last === null ? '' : `, the last ${duration(Math.max(0, now - ioErrors.last))} ago`}: ${ioErrors.lines.at(-1) ?? ''}`,
      `a card that has them is to be replaced; see them all: streamside ssh ${host} sudo journalctl -k`,
    )
  for (const { device, path, errors, last } of (ext4 ?? []).filter((each) => each.errors > 0))
    add(
      'ext4-errors',
      `the file system on ${path} (${device}) has counted ${times(errors, 'error')} since its last e2fsck${last === null ? '' : `, the last at ${utc(last)}`}`,
      'have it checked (e2fsck -f, of / at boot: fsck.mode=force on the kernel command line); when they come again, replace the card',
    )
}

function voltage({ power }: Health, add: Add): Note[] {
  if (power?.underVoltage.now === true)
    add(
      'under-voltage',
      'the power supply gives too little voltage just now: writes to the card may be lost',
      "another supply (the Raspberry Pi's own) or cable, or fewer things on its USB ports",
    )
  else if (power?.underVoltage.sinceBoot === true)
    return [
      {
        code: 'under-voltage',
        text: 'the power supply has given too little voltage since boot, and does not now: a stronger one is due',
      },
    ]
  return []
}

function heat({ power, temperature }: Health, add: Add): Note[] {
  const cooling = 'give it air or a heat sink; what is hot for long does not live long'
  if (temperature !== null && temperature.celsius >= hotCelsius)
    add('temperature', `the processor is at ${temperature.celsius} °C`, cooling)
  if (power === null) return []
  // The firmware slows down for too little voltage as well, which is told by itself.
  if (power.throttled.now === true && power.underVoltage.now !== true)
    add('throttled', 'the processor is slowed down just now, for it is too hot', cooling)
  const past: Note[] = []
  if (power.throttled.now === false && power.throttled.sinceBoot === true && power.underVoltage.sinceBoot !== true)
    past.push({ code: 'throttled', text: 'the processor was slowed down since boot, and is not now' })
  if (power.softTemperatureLimit.now === true)
    past.push({
      code: 'soft-temperature-limit',
      text: 'the processor is near its limit of heat, and runs a little slower',
    })
  return past
}

function times(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}
