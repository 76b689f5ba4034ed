#!/bin/sh
# Answers in one go what `status` needs to know of a host: what a plan needs (probe.sh), and how its apps and their replicas are.
# Changes nothing but what probe.sh does.
#
# Usage: sh ./status.sh           in a folder that holds a request of probe.sh, and
#   status-units                  one unit a line, and
#   status-places                 folders, one a line, encoded as probe.sh's (status/health.sh), and
#   status/*.sh                   the parts of this program
#   status-apps/APP               lines KIND TAB PATH: what is known of the app's state directory (status/loose.sh); a file an app
#
# Apps that are on the host and in no request are looked at as well (status/left.sh).
#
# Answer: that of probe.sh, then lines of TAB-separated fields, first `streamside-status 1`, last `end`. What may hold anything is
# base64. One app that cannot be looked at is a record, not the end: the others are told of all the same.
# Exit: that of probe.sh
set -eu
export LC_ALL=C
tab=$(printf '\t')

say() { # FIELD…
  out=$1; shift
  for field in "$@"; do out=$out$tab$field; done
  printf '%s\n' "$out"
}

encoded() { base64 -w0; }

units() {
  [ -s status-units ] || return 0
  # systemd counts from the same moment
  say uptime "$(cut -d. -f1 /proc/uptime)"
  xargs -r -d '\n' systemctl show --no-pager \
    -p Id,LoadState,ActiveState,SubState,UnitFileState,FragmentPath,DropInPaths,NeedDaemonReload,Result,NRestarts \
    -p ActiveEnterTimestampMonotonic,ExecMainStartTimestampMonotonic <status-units |
    sed "s/^/show$tab/"
}

remembered() { # KIND APP FILE…
  kind=$1 app=$2
  shift 2
  for file; do
    [ ! -s "$file" ] || say "$kind" "$app" "$(head -c 65536 -- "$file" | encoded)"
  done
}

one_app() { # APP UNTIL
  app=$1
  remembered claim "$app" "/var/lib/streamside/apps/$app/claim"
  remembered last-owner "$app" "/var/lib/streamside/apps/$app/last-owner"
  remembered proof "$app" "/run/streamside/proof/$app"
  remembered unproven "$app" "/run/streamside/since/$app-unproven"
  remembered alert "$app" "/var/lib/streamside/apps/$app/alerts"/* "/run/streamside/alerts/$app"/*
  rc=0
  timeout -k 2 50 sh ./status/app.sh "$app" "$2" </dev/null 2>"error-$app" || rc=$?
  [ "$rc" = 0 ] || say failed "$app" "$rc" "$(tail -c 2000 "error-$app" | sed 's/^<[0-7]>//' | encoded)"
  timeout -k 2 40 sh ./status/loose.sh "$app" <"status-apps/$app" 2>/dev/null | head -c 262144 >"loose-$app" || :
  say loose "$app" "$(encoded <"loose-$app")"
}

# A few at a time: a server that hangs costs its time once for all of them, and a small machine has memory for four Litestreams.
apps() {
  until=$(($(date +%s) + 25)) names='' running=''
  for request in status-apps/*; do
    [ -e "$request" ] || continue
    app=${request##*/}
    one_app "$app" "$until" >"app-$app" &
    names="$names $app" running="$running $!"
    case $running in \ *\ *\ *\ *)
      # shellcheck disable=SC2086 # numbers
      wait $running || :
      running=
      ;;
    esac
  done
  # shellcheck disable=SC2086 # numbers
  [ -z "$running" ] || wait $running || :
  for app in $names; do cat "app-$app"; done
}

sh ./probe.sh >answer &
probe=$!
sh ./status/left.sh >left 2>/dev/null || :
timeout -k 2 30 sh ./status/health.sh <status-places >health 2>/dev/null &
health=$!
{
  say streamside-status 1
  cat left
  units
  apps
} >status-answer
# what it could not find out in time is not in its answer, which tells by its last line whether it is whole
wait "$health" || :
rc=0
wait "$probe" || rc=$?
[ "$rc" = 0 ] || exit "$rc"
cat answer status-answer health
say end
