#!/bin/sh
# The gate before every start of an app: decides on what content its databases may be opened, and carries that out.
#
# Usage: gate.sh APP           as root, by APP-gate.service
# Exit: 0 the app may start; 1 it may not: the last journal line says why and what to do next, and so does
#   /var/lib/streamside/apps/APP/reason ({time, code, text, next}, gone after the next success).
# Every verdict comes from decide.jq; here facts are collected and decisions carried out. A decision that changes facts leads
# to a new round, so that an interrupted one is taken up from what it left behind.
# shellcheck disable=SC2154,SC2034 # variables are shared with the parts below
set -eu
export LC_ALL=C
umask 077
app=$1
lib=/usr/local/lib/streamside
for part in state verdict facts s3 replica restore prove; do
  # shellcheck source=/dev/null
  . "$lib/$part.sh"
done

refuse() {
  say 3 "$code: $text.${next:+ Next: $next.}"
  remember reason "$(printf '{"time":"%s","code":"%s","text":%s,"next":%s}' "$(date -u +%FT%TZ)" "$code" "$(json "$text")" "$(json "$next")")"
  ! is alert || alert gate "$code" "$text" "$next"
  exit 1
}

# `clean` goes before the app may write, so that nothing later mistakes what it left at a power cut for an orderly stop.
start() {
  [ "$claim" = null ] || remember claim "$claim"
  forget clean reason
  alerts_over gate
  run_folder running
  : >"$run/running/$app"
  record_start "$app.service"
  if is litestream; then
    release_lock
    # `start` leaves a unit that waits for its next try to wait on (systemd: EAGAIN until the timer fires); `restart` does not.
    case $(systemctl show -P SubState "$app-litestream.service") in
      running) ;;
      auto-restart) systemctl restart --no-block "$app-litestream.service" ;;
      *) systemctl start --no-block "$app-litestream.service" ;;
    esac
  fi
  say 6 "start, $code: $text"
  exit 0
}

round() {
  get_owner 3
  remember_owner
  remote=null
  ask "{\"ask\":\"gate\",$(facts)}"
  if [ "$act" = look ]; then
    look_remote "$path_wanted"
    ask "{\"ask\":\"gate\",$(facts)}"
  fi
  ! is unfence || forget fenced
  case $act in
    again) sleep 1 ;;
    start) start ;;
    refuse) refuse ;;
    claim)
      say 4 "claim, $code: $text"
      alert gate "$code" "$text" "the old files are kept in .streamside-aside beside the database"
      put_owner "$put" "$etag" true 60 || refuse
      ;;
    source)
      # What a restore brought must pass the next round: another one would bring the same.
      restores=$((restores + 1))
      [ "$restores" -le 2 ] || { code=restore-repeated text='what was restored is not accepted' next='this is a fault of streamside: report it with this journal'; refuse; }
      say 5 "restore: $text"
      restore_all
      if [ "$act" = install ]; then say 5 "$text"; else refuse; fi
      ;;
    prove) say 5 "$text"; prove_all ;;
    *) say 3 "gate.sh does not know the decision $act"; exit 1 ;;
  esac
  look_local
}

mkdir -p "$state"
open_verdicts
read_config
me=$(sh "$lib/host-id.sh")
take_lock 60 || { say 4 "another program has been at work on this app for a minute; tried again later"; exit 1; }
began=$(date +%s) restores=0
open_scratch
look_local
while :; do round; done
