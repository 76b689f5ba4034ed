#!/bin/sh
# Whether an app serves on this host: asked before it is restarted on another one.
#
# Usage: sh ./serving.sh UNITS KIND ARGUMENTS…    as root; UNITS: its unit and, after a comma, what that was called before it got another
#   name: the first that is there counts; the rest: how it is asked whether it is well (healthy.sh) when
#   nothing better is known
# Prints one line: `serving`, `none` (it was never set up here), or `down WHY`.
set -eu
export LC_ALL=C

# shellcheck source=templates/host/apply/healthy.sh
. ./healthy.sh

property() { systemctl show -P "$1" -- "$unit"; }

seconds_up() {
  read -r up _ </proc/uptime
  # both count from boot, systemd's in µs
  echo "$((${up%.*} - $(property ActiveEnterTimestampMonotonic) / 1000000))"
}

# By the check that it was seen to be well by: the one that is asked for now may be another release's. When it was not seen to be well
# since its last start, by the one that is asked for now.
is_well() { # KIND ARGUMENTS…
  if [ -e "/var/lib/streamside/unhealthy/$unit" ]; then
    app_unit=$unit
    healthy "$@"
  elif [ -s "/run/streamside/healthy/$unit" ]; then
    healthy_by "$unit" "/run/streamside/healthy/$unit"
  fi
}

units=$1; shift
for unit in $(printf %s "$units" | tr , ' '); do
  [ "$(property LoadState)" != not-found ] || continue
  state="$(property ActiveState) ($(property SubState))"
  case $state in
    'active (running)' | 'active (exited)') ;;
    *) echo "down $unit is $state"; exit 0 ;;
  esac
  # One that crashes and is started again, every few seconds, is active most of the time.
  crashes=$(property NRestarts) tries=0
  while [ "$crashes" -gt 0 ] && [ "$(seconds_up)" -lt 20 ]; do
    sleep 2
    tries=$((tries + 1)) again=$(property NRestarts)
    if [ "$again" != "$crashes" ] || [ "$tries" -gt 15 ] || [ "$(property ActiveState)" != active ]; then
      echo "down $unit ends by itself, and systemd starts it again and again ($again times so far)"
      exit 0
    fi
  done
  # one that has just been started by somebody, or has much to do, is asked once more
  tries=0
  until why=$(is_well "$@" 2>&1 >/dev/null); do
    tries=$((tries + 1))
    if [ "$tries" -ge 4 ]; then
      echo "down its health check fails: $(printf %s "${why:-it ends with an error}" | tr '\n' ' ' | cut -c1-200)"
      exit 0
    fi
    sleep 2
  done
  echo serving
  exit 0
done
echo none
