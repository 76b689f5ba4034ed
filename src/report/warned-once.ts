import type { Report } from './events.ts'

/** A report that passes the same warning on once: a host that waits for others is looked at twice, and what it is warned of is the same. */
export function warnedOnce(report: Report): Report {
  const warned = new Set<string>()
  return (event) => {
    if (event.type === 'warning') {
      const words = JSON.stringify(event)
      if (warned.has(words)) return
      warned.add(words)
    }
    report(event)
  }
}
