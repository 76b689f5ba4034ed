import type { Logs } from '../inventory/model.ts'

/** Ours among journald's drop-ins: they count in the order of their names, whatever folder they lie in. */
export const journaldFile = '/etc/systemd/journald.conf.d/99-streamside.conf'

/** What journald is told, in the order in which it stands in the file (journald.conf(5)). */
export function journalSettings({ journal, servers }: Logs): { key: string; value: string }[] {
  const size = `${Math.floor(journal.sizeBytes / 2 ** 20)}M`
  return [
    { key: 'Storage', value: journal.storage },
    { key: 'SystemMaxUse', value: size },
    { key: 'RuntimeMaxUse', value: size },
    { key: 'SyncIntervalSec', value: `${journal.syncSeconds}s` },
    // rsyslog has its lines from there, all of them: the first is Debian's default and not upstream's, the second everybody's
    ...(servers.length > 0
      ? [
          { key: 'ForwardToSyslog', value: 'yes' },
          { key: 'MaxLevelSyslog', value: 'debug' },
        ]
      : []),
  ]
}
