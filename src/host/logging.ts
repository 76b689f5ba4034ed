import type { JournaldSetting } from './observed.ts'

/** What `rsyslogd -N1` (base64) complains of, without what it says of itself, and each line once. */
export function rsyslogComplaint(encoded: string | undefined): { rsyslogComplaint?: string } {
  if (encoded === undefined) return {}
  const lines = Buffer.from(encoded, 'base64').toString().split('\n')
  const told = lines.filter((line) => line !== '' && !line.includes('config validation run'))
  return { rsyslogComplaint: [...new Set(told.map((line) => line.replace(/ \[v[0-9.]* try .*\]$/, '')))].join('\n') }
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
