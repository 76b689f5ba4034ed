import { harmlessLine } from './harmless.ts'
import { pad, textWidth } from './text-width.ts'

/** Lines of journals on their way to the reader. */
export interface LogLines {
  /** Which hosts they come from; live: as they come, else in the order of time once all are there. */
  begin(hosts: string[], live: boolean): void
  take(host: string, line: string): void
  end(): void
}

/** `2026-11-21T11:20:03.123456+0000` or `…+00:00` (Debian 13): what `--output=short-iso-precise` begins a line with. */
const stamp = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(?=[+-]|Z)/

/**
 * Puts the host before each line when there are several, and lines of different hosts in the order of their times.
 * @param write gets the host (padded), or null when there is only one, and the line, harmless for a terminal
 */
export function createLogLines(write: (host: string | null, line: string) => void): LogLines {
  let several = false
  let live = false
  let width = 0
  const held: { host: string; time: string; line: string }[] = []
  const times = new Map<string, string>()
  const say = (host: string, line: string) => write(several ? pad(harmlessLine(host), width) : null, harmlessLine(line))
  return {
    begin(hosts, now) {
      several = hosts.length > 1
      live = now
      width = Math.max(0, ...hosts.map((host) => textWidth(harmlessLine(host))))
    },
    take(host, line) {
      // What a host writes to see whether anybody still reads.
      if (line === '') return
      if (live || !several) {
        say(host, line)
        return
      }
      // A line without a time goes on where the one before it left off.
      const time = stamp.exec(line)?.[0] ?? times.get(host) ?? ''
      times.set(host, time)
      held.push({ host, time, line })
    },
    end() {
      held.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0))
      for (const { host, line } of held.splice(0)) say(host, line)
    },
  }
}
