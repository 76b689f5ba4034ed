import { firstRunArguments } from './first-run.ts'

/** Arguments of a kernel's command line by which something is told of a first boot: an earlier card's are not to stay. */
const ours = /^(systemd\.(run|run_success_action|run_failure_action|unit)=|ds=nocloud|cfg80211\.ieee80211_regdom=)/

/**
 * cmdline.txt of a boot partition, one line, as it is to be.
 * @param kind how the image's first boot is told
 * @param country of the Wi-Fi; null = none
 */
export function commandLine(text: string, kind: 'cloud-init' | 'firstrun', country: string | null): string {
  const kept = text
    .split('\n', 1)
    .flatMap((line) => line.split(/\s+/))
    .filter((word) => word !== '' && !ours.test(word))
  const more = kind === 'firstrun' ? firstRunArguments : []
  const radio = country === null ? [] : [`cfg80211.ieee80211_regdom=${country}`]
  return `${[...kept, ...more, ...radio].join(' ')}\n`
}
