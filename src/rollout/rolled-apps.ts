import type { RolledApp } from '../report/events.ts'
import type { JournalLine } from './journal.ts'

/** Puts together what a transaction says of the apps that it rolls: what was proven of each, and how it came out. */
export function rolledApps(): (line: JournalLine) => RolledApp | null {
  const proved = new Map<string, RolledApp['databases']>()
  return (line) => {
    if (line.kind === 'proved') {
      const { app, database, txid, bytes, milliseconds } = line
      const others = (proved.get(app) ?? []).filter(({ name }) => name !== database)
      proved.set(app, [...others, { name: database, txid, bytes, seconds: milliseconds / 1000 }])
    }
    if (line.kind !== 'rolled') return null
    const { app, outcome, from, to, downMilliseconds, mode } = line
    return {
      app,
      outcome,
      from,
      to,
      mode,
      downSeconds: downMilliseconds === null ? null : downMilliseconds / 1000,
      databases: proved.get(app) ?? [],
    }
  }
}
