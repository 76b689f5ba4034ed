/** What to do about a host's clock. Not set by streamside: whose clock is right it cannot know. */
export function clockAdvice(host: string): string {
  return (
    `let it reach a time server (streamside ssh ${host} timedatectl timesync-status), or set it from this machine's: ` +
    `streamside ssh ${host} sudo date -us "$(date -u +%FT%TZ)"; then run provision again`
  )
}

/** What to do about a rsyslog.conf that includes nothing of /etc/rsyslog.d. Its owner's to mend: where in it, only they know. */
export function includeAdvice(host: string): string {
  return (
    `add the line  include(file="/etc/rsyslog.d/*.conf")  to /etc/rsyslog.conf on ${host}, after its modules, then there: ` +
    'sudo systemctl restart rsyslog; then run provision again'
  )
}

/** What to do about a file system that is read-only. */
export function readOnlyAdvice(host: string): string {
  return (
    `look for mmc, ext4 and I/O errors (streamside ssh ${host} sudo dmesg): a card that has them is to be replaced. ` +
    'If there are none, mount -o remount,rw as root, and see why /etc/fstab has it so; then run provision again'
  )
}
