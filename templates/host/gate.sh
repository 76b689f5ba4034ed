#!/bin/sh
# The gate before every start of an app: decides on what content its databases may be opened, and carries that out.
#
# Usage: gate.sh APP           as root, by APP-gate.service
# Exit: 0 the app may start; 1 it may not: the last journal line says why and what to do next, and so does
#   /var/lib/streamside/apps/APP/reason ({time, code, text, next}; time: since when; gone after the next success).
# Every verdict comes from decide.sh; here facts are collected and decisions carried out. A decision that changes facts leads
# to a new round, so that an interrupted one is taken up from what it left behind.
# shellcheck disable=SC2154,SC2034 # variables are shared with the parts below
set -eu
export LC_ALL=C
umask 077
app=$1
lib=${0%/*}
for part in state verdict facts store s3 directory replica daemon numbers restore deleted prove stop fence rescue wal-mode attributes; do
  # shellcheck source=/dev/null
  . "$lib/$part.sh"
done

busy() {
  say 4 'another program is at work on this app; tried again'
  exit 1
}

refuse_as() { # CODE TEXT NEXT
  code=$1 text=$2 next=$3 flags=
  refuse
}

# `systemctl status` shows the line, `streamside provision` the file. What does not go away by itself is told at once, the
# rest when it has lasted: endless retries never reach OnFailure=.
refuse() {
  say 3 "$code: $text.${next:+ Next: $next.}"
  now=$(date +%s) since=
  case $(remembered reason) in *"\"code\":\"$code\""*) since=$(remembered reason | sed -n 's/.*"since":\([0-9]*\).*/\1/p') ;; esac
  remember reason "$(printf '{"time":"%s","since":%s,"code":"%s","text":%s,"next":%s}' \
    "$(date -u -d "@${since:-$now}" +%FT%TZ)" "${since:-$now}" "$code" "$(json "$text")" "$(json "$next")")"
  if is alert || [ $((now - ${since:-$now})) -ge 300 ]; then alert gate "$code" "$text" "$next"; fi
  # left alone, timesyncd waits up to half an hour between tries
  [ "$code" != clock ] || systemctl try-restart systemd-timesyncd.service || :
  exit 1
}

# The app may write from here on. `clean` goes first, so that nothing later mistakes what a power cut left for an orderly
# stop; `started` says what was on disk by then.
start() {
  if [ "$claim" != null ]; then
    # Litestream may still be running for the path that was claimed before: the app's rows would go there.
    case $claim in *"\"path\":\"$(claimed_path)\""*) ;; *) kill_litestream ;; esac
    remember claim "$claim"
  fi
  start_apart
  switch_to_wal
  each_db flush
  note_attributes
  remember started "$keep"
  rescue_used
  forget clean reason
  # an order of `start APP --offline` is for one start, whatever it started on
  rm -f "$run/offline-once/$app"
  alerts_over gate
  run_folder running
  : >"$run/running/$app"
  sh "$lib/record-start.sh" "$app" "$unit"
  say 6 "start, $code: $text"
  if is litestream; then
    release_lock
    start_litestream --no-block
  fi
  exit 0
}

restore() {
  # What a restore brought must pass the next round: another one would bring the same, unless somebody else has ordered it.
  [ "$path_wanted" = "$restored_for" ] || [ "$claimed" = true ] || restores=0
  restores=$((restores + 1)) restored_for=$path_wanted claimed=false
  [ "$restores" -le 2 ] || refuse_as restore-repeated 'what was restored is not accepted' 'this is a fault of streamside: report it with this journal'
  say 5 "restore: $text"
  restore_all
  [ "$act" = install ] || refuse
  say 5 "$text"
}

prove() {
  proofs=$((proofs + 1))
  [ "$proofs" -le 3 ] || refuse_as not-proven "what was restored is proven to be in the replica, and the owner object was not marked so: $text" 'it is tried again; if that goes on, this is a fault of streamside: report it with this journal'
  say 5 "$text"
  prove_all
}

# Ephemeral storage is emptied on the strength of the proof at the stop. While Litestream is up, somebody may have written since: it is
# asked for once more, and what it does not hold is no reason to empty anything.
renew_proof() {
  [ "$storage" = ephemeral ] || return 0
  case $(remembered clean) in *'"proved":true,"settled":false'*) ;; *) return 0 ;; esac
  [ "$(systemctl show -P ActiveState "$app-litestream.service")" = active ] || return 0
  leave_in_order 20
}

round() {
  get_owner 3
  remember_owner
  remote=null mark=null
  ask "{\"ask\":\"gate\",$(facts)}"
  if [ "$act" = look ]; then
    look_replica "$path_wanted"
    remember_data "$remote"
    # Later than the replica: what a Litestream that is up already has uploaded meanwhile would look newer than the files.
    look_local
    ask "{\"ask\":\"gate\",$(facts)}"
  fi
  # A WAL that could not be looked at is no verdict on it. Files that were left in order are judged without it.
  case $files in
    *'"short":"unknown"'*) refuse_as scratch-full 'there is no room in /var/tmp to see whether the database is whole' 'make room there; the app comes up by itself' ;;
    *'"wal":"unknown"'*) [ -e "$state/clean" ] || refuse_as scratch-full 'there is no room in /var/tmp to look at the WAL' 'make room there; the app comes up by itself' ;;
  esac
  ! is unfence || { forget fenced; alerts_over fence; }
  case $act in
    again) sleep 1 ;;
    start) start ;;
    refuse) refuse ;;
    fence) fence_files; refuse ;;
    claim)
      # What it uploads after the look at the replica would be missing in the order, and tell of a second history later.
      case $(systemctl show -P SubState "$app-litestream.service") in
        running) kill_litestream ;;
        *)
          say 4 "claim, $code: $text"
          # told each time: it is no cause that goes on, but another event
          alert_over "gate-$code"
          alert gate "$code" "$text" "$next"
          put_owner "$put" "$etag" true 60 || refuse
          claimed=true ours=true
          ;;
      esac
      ;;
    rescue) say 4 "$text"; bring_back_rescued ;;
    source) restore ;;
    adopt) say 4 "$text"; adopt ;;
    prove) prove ;;
    *) say 3 "gate.sh does not know the decision $act"; exit 1 ;;
  esac
  look_local
}

mkdir -p "$state"
why=$(last_reason)
# `systemctl status` shows the words of this try alone, and one that waits for a server says nothing for long.
[ -z "$why" ] || say 4 "held back so far, it is looked at again. $why"
open_verdicts
read_config
# Files are replaced here: not under an app that runs, and `running` would lie if nothing were to follow.
case $(systemctl show -P ActiveState "$unit") in
  activating | reloading) ;;
  *) say 4 "$unit is not being started: nothing to decide. Next: systemctl restart $unit."; exit 1 ;;
esac
me=$(sh "$lib/host-id.sh")
take_lock 90 || busy
# Left by a start whose end nobody saw: whatever killed the app has killed what runs after it as well.
[ "$(systemctl show -P MainPID "$unit")" != 0 ] || rm -f "$run/running/$app"
began=$(date +%s) restores=0 restored_for='' claimed=false ours=false proofs=0
open_scratch
renew_proof
look_local
while :; do round; done
