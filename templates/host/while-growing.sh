#!/bin/sh
# Runs a command that fills a file for as long as that may take, and ends it when it gets nowhere.
#
# Usage: while-growing.sh SECONDS FILE COMMAND…     as the app's user
# The command writes FILE.tmp and renames it to FILE (litestream restore). It is ended when FILE.tmp has not grown for SECONDS;
# once FILE is there, it is being checked, which is work of the processor alone and has no limit. No restore is too big for that,
# and none waits for a server that has stopped answering.
# Exit: the command's; 124 when it was ended, as timeout(1) says it.
set -eu
idle=$1 file=$2
shift 2

# Ends by itself only when it has ended the command.
watch() { # PID
  trap 'kill "$nap" 2>/dev/null; exit 1' TERM
  size='' since=$(cut -d. -f1 /proc/uptime)
  pause=$((idle / 10 > 5 ? 5 : 1))
  while :; do
    sleep "$pause" & nap=$!
    wait "$nap"
    [ ! -e "$file" ] || { since=$(cut -d. -f1 /proc/uptime); continue; }
    now=$(stat -c %s -- "$file.tmp" 2>/dev/null || echo none)
    # a wall clock that jumps is no reason: the time since boot
    uptime=$(cut -d. -f1 /proc/uptime)
    [ "$now" = "$size" ] || { size=$now since=$uptime; }
    [ $((uptime - since)) -lt "$idle" ] || break
  done
  # from here on it ends with 0, whoever sees the command end first
  trap '' TERM
  kill "$1" 2>/dev/null || :
  sleep 2
  kill -KILL "$1" 2>/dev/null || :
}

# 4 is Litestream's configuration; a background command of sh would read from /dev/null
"$@" <&0 &
child=$!
watch "$child" >/dev/null 2>&1 4<&- &
watcher=$!
rc=0
wait "$child" || rc=$?
kill "$watcher" 2>/dev/null || :
ended=0
wait "$watcher" || ended=$?
[ "$ended" -ne 0 ] || exit 124
exit "$rc"
