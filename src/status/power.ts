import { type KernelMessage, toldUnderVoltage } from './kernel-log.ts'

/** Now, and at any time since boot; null when nothing on the host says. */
export interface NowAndSince {
  now: boolean | null
  sinceBoot: boolean | null
}

/** What a Raspberry Pi's firmware says of its supply and of what it does about heat. */
export interface Power {
  /** `hwmon`: the kernel's sensor of the supply, and its log for what was; it knows of no more than the voltage. */
  source: 'vcgencmd' | 'sysfs' | 'hwmon'
  underVoltage: NowAndSince
  frequencyCapped: NowAndSince
  throttled: NowAndSince
  softTemperatureLimit: NowAndSince
}

/** What the host's program found: the firmware's own word, the sensor's alarm, and the kernel's log where it could be read. */
export interface PowerSeen {
  throttled: { source: string; text: string } | null
  alarm: boolean | null
  kernel: KernelMessage[] | null
}

/**
 * The state of the supply; null on a machine without a Raspberry Pi's firmware. The bits are those of `vcgencmd get_throttled`
 * (raspberrypi.com, "The vcgencmd command"): 0 to 3 now, 16 to 19 since boot.
 */
export function powerOf({ throttled, alarm, kernel }: PowerSeen): Power | null {
  const digits = /^(?:throttled=)?(?:0x)?([0-9a-f]{1,8})$/i.exec(throttled?.text.trim() ?? '')?.[1]
  const logged = kernel === null ? null : toldUnderVoltage(kernel)
  const unknown = { now: null, sinceBoot: null }
  if (throttled !== null && digits !== undefined) {
    const bits = Number.parseInt(digits, 16)
    const bit = (at: number) => Math.floor(bits / 2 ** at) % 2 === 1
    const both = (at: number): NowAndSince => ({ now: bit(at), sinceBoot: bit(at) || bit(at + 16) })
    const voltage = both(0)
    return {
      source: throttled.source === 'vcgencmd' ? 'vcgencmd' : 'sysfs',
      // The kernel's driver resets the firmware's memory each time that it asks; its log keeps what it was told.
      underVoltage: {
        now: voltage.now === true || alarm === true,
        sinceBoot: voltage.sinceBoot === true || alarm === true || logged === true,
      },
      frequencyCapped: both(1),
      throttled: both(2),
      softTemperatureLimit: both(3),
    }
  }
  if (alarm === null) return null
  return {
    source: 'hwmon',
    underVoltage: { now: alarm, sinceBoot: alarm ? true : logged },
    frequencyCapped: unknown,
    throttled: unknown,
    softTemperatureLimit: unknown,
  }
}
