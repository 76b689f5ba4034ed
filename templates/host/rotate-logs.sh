#!/bin/sh
# Keeps what a log server has received within its share of the disk, and no longer than the inventory says.
#
# Usage: rotate-logs.sh             by rsyslog, which waits for it, when a file has reached its size (omfile, rotation.sizeLimit;
#                                   these versions do not say which file)
#        rotate-logs.sh --hourly    by the timer: age as well, and once a day every file, so that age is told by a file's name
# Reads /etc/streamside/logs: lines  size BYTES (of a file that is written to) · share BYTES or PERCENT% · keep DAYS
#
# /var/log/hosts/HOST/FILE.log is written to; FILE.log.TIME is not any more. Names are made of tables of streamside's own and of
# IP addresses: no blanks in them. Over the share, the oldest file of the host that takes most goes first: who floods pushes out what
# is its own.
# Exit: 0 done, 1 something could not be moved or removed (rsyslog then tries again).
set -eu
export LC_ALL=C
umask 027
root=/var/log/hosts
[ -d "$root" ] || exit 0
cd "$root"
while read -r key value; do
  case $key in size) size=$value ;; share) share=$value ;; keep) keep=$value ;; esac
done </etc/streamside/logs

# rsyslog has a thread for each of its queues, and there is the timer
exec 9>.lock
flock 9

retire() { # FILE
  now=$(date -u +%Y%m%dT%H%M%SZ)
  to=$1.$now
  count=0
  while [ -e "$to" ]; do count=$((count + 1)); to=$1.$now-$count; done
  mv -T -- "$1" "$to"
  # rsyslog gives group adm to what it opens first, and not to what it goes on in after this: the folder does
  chmod g+s -- "${1%/*}"
}

live() { find . -type f -name '*.log' "$@" -print; }

case $share in
  *%) total=$(df -k --output=size . | tail -n 1); bytes=$((total * 1024 * ${share%?} / 100)) ;;
  *) bytes=$share ;;
esac

if [ "${1-}" = --hourly ]; then
  # of an rsyslog that has rotated before folders did
  find . -mindepth 2 -type f ! -group adm -exec chgrp -h adm {} +
  find . -mindepth 1 -type d ! -perm -g+s -exec chmod g+s {} +
  find . -type f -name '*.log.*' -mtime "+$((keep - 1))" -delete
  today=$(date -u +%F)
  if [ "$(cat .day 2>/dev/null || :)" != "$today" ]; then
    live -size +0 | while read -r file; do retire "$file"; done
    # it goes on writing to what it has open, whatever that is called by now
    systemctl kill --kill-whom=main --signal=HUP rsyslog.service
    printf '%s\n' "$today" >.day
  fi
  find . -mindepth 2 -type d -path './_unknown/*' -mmin +60 -empty -delete
else
  live -size "+$((size - 1))c" | while read -r file; do retire "$file"; done
fi

# Room for what the files that are written to may still grow, but never more than half: else many hosts would leave no past.
reserve=$(($(live | wc -l) * size))
[ "$reserve" -le $((bytes / 2)) ] || reserve=$((bytes / 2))
find . -type f -name '*.log.*' -printf '%T@ %s %p\n' | sort -n | awk -v limit="$((bytes - reserve))" '
  {
    folder = $3
    sub(/\/[^\/]*$/, "", folder)
    total += $2; taken[folder] += $2
    name[folder, ++count[folder]] = $3; weight[folder, count[folder]] = $2
  }
  END {
    while (total > limit) {
      biggest = ""
      for (folder in taken) if (biggest == "" || taken[folder] > taken[biggest]) biggest = folder
      if (biggest == "" || taken[biggest] <= 0) break
      first = ++gone[biggest]
      total -= weight[biggest, first]; taken[biggest] -= weight[biggest, first]
      print name[biggest, first]
      if (first == count[biggest]) delete taken[biggest]
    }
  }' | xargs -r rm -f --
