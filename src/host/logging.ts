import type { JournaldSetting } from './observed.ts'

/** What rsyslog would refuse its configuration for, decoded from base64; see templates/host/rsyslog.sh. */
export function rsyslogComplaint(encoded: string | undefined): { rsyslogComplaint?: string } {
  return encoded === undefined ? {} : { rsyslogComplaint: Buffer.from(encoded, 'base64').toString().trimEnd() }
}

/** Snippets of ours that rsyslog's configuration does not include; see templates/host/rsyslog.sh. */
export function rsyslogUnread(files: string | undefined): { rsyslogUnread?: string[] } {
  return files === undefined ? {} : { rsyslogUnread: files.split(' ') }
}

/**
 * The settings that `systemd-analyze cat-config systemd/journald.conf` (base64) comes to. It prints every file after a line
 * `# /path`, in the order in which they count; the last assignment of a key is the one that does, an empty one sets the default.
 */
export function parseJournald(encoded: string | undefined): Map<string, JournaldSetting> | null {
  if (encoded === undefined) return null
  const settings = new Map<string, JournaldSetting>()
  let file = ''
  for (const line of Buffer.from(encoded, 'base64').toString().split('\n')) {
    const header = /^# (\/\S+\.conf)$/.exec(line)
    if (header) file = header[1] ?? ''
    const [, key = '', value = ''] = /^\s*([A-Za-z]+)\s*=\s*(.*?)\s*$/.exec(line) ?? []
    if (key !== '') settings.set(key, { value, file })
  }
  return settings
}
