#!/bin/sh
# Every two minutes: is this app still this host's, and does the replica hold what it should?
#
# Usage: check.sh APP          as root, by APP-check.service
# Exit: 0, whatever was found: what is wrong is an alert (alerts/ in the app's folder, identifier streamside-alert).
# shellcheck disable=SC2154,SC2034 # variables are shared with the parts below
set -eu
export LC_ALL=C
umask 077
app=$1
lib=${0%/*}
for part in state verdict facts store s3 directory replica daemon deleted prove fence rescue attributes; do
  # shellcheck source=/dev/null
  . "$lib/$part.sh"
done

# Since when something has been the case: kept below /run, for after a boot the count begins anew. -> $since, or null
lasting() { # NAME true|false|known (only asks)
  run_folder since
  file=$run/since/$app-$1
  since=null
  case $2 in
    false) rm -f "$file" ;;
    true) [ -s "$file" ] || date +%s >"$file" ;;
  esac
  [ ! -s "$file" ] || read -r since <"$file"
}

decide() {
  get_owner 3
  remember_owner
  lasting unread known
  ask "{\"ask\":\"timer\",$(facts),\"unreadSince\":$since}"
  if [ "$act" = tell ]; then lasting unread true; else lasting unread false; fi
}

# Another host holds the app. The stop hook of the app takes the lock itself, and uploads into the own old path what it can.
fence() {
  said=$text
  release_lock
  systemctl stop "$unit"
  take_lock 60 || { say 4 'another program is at work on this app; tried again'; exit 0; }
  # while the lock was not held anything may have happened
  decide
  [ "$act" = fence ] || { say 5 "not fenced after all: $text"; exit 0; }
  say 3 "$code: $text.${next:+ Next: $next.}"
  fence_files
}

# A directory that is mounted again: a Litestream that its mount kept from starting, or has taken along, is not started by
# anybody else. Nor is a mount tried again that has failed (the server was off); one that somebody has unmounted stays so.
after_mount() {
  [ "$owner_mode" = directory ] || return 0
  if [ "$curl:$http" = 0:200 ]; then
    [ -e "$run/running/$app" ] || return 0
    case $(systemctl show -P SubState "$app-litestream.service") in
      dead | failed) start_litestream --no-block || say 4 "$app-litestream.service could not be started" ;;
    esac
  else
    mount=$(systemd-escape --path --suffix=mount -- "$replica_root")
    [ "$(systemctl show -P ActiveState "$mount")" != failed ] || systemctl start --no-block "$mount" || say 4 "$mount could not be started"
  fi
}

# What was mounted for reading only stays so for a Litestream that ran by then: its namespace has a mount of its own, which
# `remount,rw` does not reach. This program's is of now. Killed, not stopped: systemd starts it again, and the lock is held here.
see_writable() {
  [ "$owner_mode" = directory ] || return 0
  case $sync in *'replica sync: '*'read-only file system'*) ;; *) return 0 ;; esac
  # said where the file system is read-only, too
  as_app timeout -k 2 10 test -w "$owner_url/$(claimed_path)" || return 0
  say 4 "$replica_root can be written to again, and Litestream does not see it: it is started anew"
  systemctl kill --signal=SIGKILL "$app-litestream.service" || say 3 "$app-litestream.service could not be killed"
}

# Its own check keeps it down from then on, before it has counted from 1 again over what the path holds.
halt_lost() {
  [ "$(systemctl show -P MainPID "$app-litestream.service")" != 0 ] || return 0
  say 3 "place-lost: $text"
  systemctl kill --signal=SIGKILL "$app-litestream.service" || say 3 "$app-litestream.service could not be killed"
}

look_after() {
  let_go_on
  note_attributes
  look_local
  # what this run proves is of later than what it has just looked at
  tip_before=$(remembered tip)
  proof 20
  [ -z "$plans" ] || remember_data "$plans"
  why=$text held=false
  ! is lost || halt_lost
  ! is held || held=true
  if [ "$held" = true ]; then lasting unproven false; else lasting unproven true; fi
  unproven_since=$since proven_tip=$tip
  if [ "$put" != null ] && ! carry_over; then
    # 412: read again at once, for the holder may have changed
    say 5 "$text"
    decide
    [ "$act" = prove ] || { act_on; return; }
  fi
  write_tip || :
  if [ "$held" = true ]; then rescue_over; restored_over; else see_writable; fi
  look_back
  watch "{\"ask\":\"watch\",$(facts),\"tip\":$tip_before,\"told\":$(told_alerts),\"sync\":{${sync#,}},\"plans\":{${plans#,}},\"unprovenSince\":$unproven_since,\"why\":$(json "$why"),\"past\":$past}"
  run_folder proof
  printf '{"time":%s,"held":%s,"text":%s,"dbs":%s}\n' "$(date +%s)" "$held" "$(json "$why")" "$proven_tip" >"$run/proof/$app"
}

# That files were gone, or older than the replica, and have been restored, is told for a day, or until the next start.
restored_over() {
  for folder in "$state/alerts" "$run/alerts/$app"; do
    find "$folder" -maxdepth 1 \( -name 'gate-no-files*' -o -name 'gate-stale-files*' \) -mmin +1440 -delete 2>/dev/null || :
  done
}

# Has anyone written to a path after the app had moved on from it? One of the past paths at each run, in turn. -> $past
look_back() {
  past=null
  ask "{\"ask\":\"past\",$static,\"now\":$(date +%s),\"owner\":$owner}"
  [ "$act" = look ] || return 0
  ended=$keep
  look_remote "$path_wanted"
  past="{\"ended\":$ended,\"remote\":$remote}"
  remote=null
}

# The names of the alerts that people have been told, as JSON. They are names of ours: no quotes, no blanks.
told_alerts() {
  names=
  for file in "$state/alerts"/check-* "$run/alerts/$app"/check-*; do
    [ ! -e "$file" ] || names="$names,\"${file##*/}\""
  done
  printf '[%s]' "${names#,}"
}

watch() { # FACTS
  printf '%s\n' "$1" | tr '\n' ' ' >&5
  printf '\n' >&5
  read_line count || unjudged
  case $count in '!'*) act=$count; unjudged ;; esac
  while [ "$count" -gt 0 ]; do
    for field in code about text next; do read_line "$field" || unjudged; done
    say 3 "$code: $text.${next:+ Next: $next.}"
    alert check "$code" "$text" "$next" "$about"
    count=$((count - 1))
  done
  read_line over || unjudged
  # shellcheck disable=SC2086 # names of ours, without blanks
  alert_over $over
}

# The clock has jumped. SIGKILL for the daemon alone: systemd starts it again, and its check keeps it down until the clock is right.
halt() {
  say 3 "$code: $text.${next:+ Next: $next.}"
  lasting clock true
  case $(systemctl show -P SubState "$app-litestream.service") in
    running) systemctl kill --signal=SIGKILL "$app-litestream.service" || say 3 "$app-litestream.service could not be killed" ;;
  esac
  alert timer "$code" "$text" "$next"
  # left alone, timesyncd waits up to half an hour between tries
  systemctl try-restart systemd-timesyncd.service || :
}

# An app that was started while the clock was wrong was started without it.
clock_mended() {
  lasting clock known
  [ "$since" != null ] || return 0
  lasting clock false
  say 5 'the clock is right again'
  # not waited for: its check waits for the lock that is held here
  start_litestream --no-block || say 4 "$app-litestream.service could not be started"
}

act_on() {
  case $act in
    quiet) ;;
    tell)
      say 4 "$code: $text.${next:+ Next: $next.}"
      ! is alert || alert timer "$code" "$text" "$next"
      ;;
    halt) halt ;;
    fence) fence ;;
    restart)
      say 4 "$code: $text; the gate decides anew"
      # An app that somebody has stopped stays so. One that runs proves its last rows on the way down, and needs Litestream for it.
      case $(systemctl show -P ActiveState "$unit") in
        active | activating | reloading) release_lock; systemctl try-restart --no-block "$unit" ;;
        *) kill_litestream ;;
      esac
      ;;
    prove) clock_mended; look_after ;;
    *) say 3 "check.sh does not know the decision $act"; exit 1 ;;
  esac
}

[ -e "$state/claim" ] || exit 0
open_verdicts
read_config
me=$(sh "$lib/host-id.sh")
take_lock 20 || exit 0
open_scratch
files=null remote=null since=null
decide
after_mount
act_on
# What the owner object and the clock have to do with is looked at anew in each run; when it cannot be read, nothing is over.
case $act in tell | halt) ;; *) alerts_over timer ;; esac
