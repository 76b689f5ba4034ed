import { painter } from './colour.ts'
import { harmlessLine } from './harmless.ts'
import { pad, textWidth } from './text-width.ts'

/** A line of a journal, and the host that it comes from. */
export interface LogLine {
  host: string
  line: string
}

/** A line for people: the host before it when there are several, nothing in it that a terminal would obey. */
export function formatLogLine({ host, line }: LogLine, hosts: string[], color: boolean): string {
  const text = harmlessLine(line)
  if (hosts.length <= 1) return text
  const width = Math.max(...hosts.map((name) => textWidth(harmlessLine(name))))
  return `${painter(color)('cyan', pad(harmlessLine(host), width))}  ${text}`
}

/** `2026-11-21T11:20:03.123456+0000` or `…+00:00` (Debian 13): what `--output=short-iso-precise` begins a line with. */
const stamp = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(?=[+-]|Z)/

/** Lines of several hosts in the order of their times. One without a time goes on where the one before it left off. */
export function inOrder(lines: LogLine[]): LogLine[] {
  const times = new Map<string, string>()
  const timed = lines.map((entry) => {
    const time = stamp.exec(entry.line)?.[0] ?? times.get(entry.host) ?? ''
    times.set(entry.host, time)
    return { ...entry, time }
  })
  return timed
    .sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0))
    .map(({ host, line }) => ({ host, line }))
}
