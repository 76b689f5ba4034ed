#!/bin/sh
# What stands around an app's Litestream: the check before it, and the proof at its stop.
#
# Usage: litestream.sh check APP         as root; ExecStartPre=: may it run now? Lays its configuration for the current path
#        litestream.sh capability        as the app's user; ExecStartPre=: are the keys out of the app's reach?
#        litestream.sh stop APP          as root; ExecStop=: proof that the replica holds everything, in the time there is
#        litestream.sh stopped APP       as root; ExecStopPost=: nobody writes any more, and what the files look like then
# Exit: 0 yes; 1 no, the last journal line says why, and systemd tries again, without a limit; 2 usage.
# shellcheck disable=SC2154,SC2034 # variables are shared with the parts below
set -eu
export LC_ALL=C
umask 077

if [ "${1-}" = capability ]; then
  # Rule 21 of litestream.md: the app, same user, is denied /proc/<pid>/environ of a process with a capability that it lacks.
  # A container or ProtectClock= can take the capability away without a word, and then the keys lie open.
  effective=$(sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status)
  case $effective in *[!0]*) exit 0 ;; esac
  echo '<3>keys-exposed: this process has no capability, so the app could read the keys of its own backups. Next: let this machine or container have CAP_NET_BROADCAST.' >&2
  exit 1
fi

[ $# -eq 2 ] || { echo 'usage: litestream.sh check|stop|stopped APP, or litestream.sh capability' >&2; exit 2; }
command=$1 app=$2
lib=${0%/*}
for part in state verdict facts store s3 directory replica deleted prove rescue stop wal-mode; do
  # shellcheck source=/dev/null
  . "$lib/$part.sh"
done

check() {
  await_service
  # The gate may be at work on the files for as long as a restore takes.
  take_lock 600 || { say 4 'another program is at work on this app; tried again'; exit 1; }
  open_scratch
  run_folder litestream
  rm -f "$run/litestream/$app.refused"
  # One try: the app's start waits for this one, and its gate looks again, longer.
  get_owner 1
  look_local
  remote=null mark=null
  ask "{\"ask\":\"unit\",$(facts)}"
  if [ "$act" = look ]; then
    look_replica "$path_wanted"
    ask "{\"ask\":\"unit\",$(facts)}"
  fi
  # A running app is judged by the replica alone.
  case $files in *'"short":"unknown"'*) [ -e "$run/running/$app" ] || { say 4 'there is no room in /var/tmp to see whether the database is whole; tried again'; exit 1; } ;; esac
  case $files in *'"wal":"unknown"'*) [ -e "$state/clean" ] || { say 4 'there is no room in /var/tmp to look at the WAL; tried again'; exit 1; } ;; esac
  case $act in
    go)
      switched_back
      go
      ;;
    fence)
      # Behind the replica while the app runs: somebody else wrote under its path. Without waiting: the app stops beside this.
      systemctl stop --no-block "$unit"
      remember fenced "{\"time\":\"$(date -u +%FT%TZ)\",\"text\":$(json "$text")}"
      ;;
  esac
  say 4 "$code: $text.${next:+ Next: $next.}"
  printf '%s\n' "$text" >"$run/litestream/$app.refused"
  ! is alert || alert litestream "$code" "$text" "$next"
  exit 1
}

# Nothing of it was ever uploaded under this name, and Litestream has counted on here from another one, whose beginning it has deleted
# since: what it would upload begins in the middle, and it would look for the rest for ever.
begin_at_one() {
  [ "$answer" = anew ] || return 0
  first=$(as_app ls -- "${path%/*}/.${path##*/}-litestream/ltx/0" 2>/dev/null | head -n 1) || first=
  case $first in '' | 0000000000000001-*) return 0 ;; esac
  say 5 "$db: Litestream counts it from 1 again, for the replica has nothing of it and the beginning is not here any more"
  as_app sh "$lib/aside.sh" ".streamside-aside/$(date -u +%Y%m%dT%H%M%SZ)" "$path" ".${path##*/}-litestream"
}

go() {
  each_db begin_at_one
  # From here on it writes to the files again: a checkpoint of its own is no sign of a stranger.
  case $(remembered clean) in
    *'"settled":true'*) remember clean "$(remembered clean | sed 's/"settled":true/"settled":false/')" ;;
  esac
  config_for "$path_wanted"
  if grep -q '^ *type: file$' "$work/$path_wanted.yml"; then only_in_replica; fi
  install -m 0644 "$work/$path_wanted.yml" "$run/litestream/$app.yml"
  # of a service that is being stopped nothing was seen
  [ ! -e "$run/running/$app" ] || rm -f "$run/apart/$app"
  sh "$lib/record-start.sh" "$app" "$app-litestream.service"
  alerts_over litestream
  say 6 "$text"
  exit 0
}

# Litestream makes every folder that it misses, wherever it is: also where something else is mounted on the replica's place while it
# runs, and what it wrote there it would count as sent. It makes none through a link that leads nowhere: mkdir(2) says that
# something is there. So it is given a link of root's to the folder of its path, made here, which is in this replica alone.
only_in_replica() {
  directory folder "$path_wanted" </dev/null
  [ "$curl:$http" = 0:200 ] || {
    text="$owner_url/$path_wanted cannot be made: $(head -n 1 "$work/curl-error")"
    say 4 "replica-folder: $text; tried again"
    printf '%s\n' "$text" >"$run/litestream/$app.refused"
    exit 1
  }
  ln -sfn -- "$owner_url/$path_wanted" "$run/litestream/$app.replica"
  sed -i --sandbox "s|^\( *path: \"\)/.*/$path_wanted/|\1$run/litestream/$app.replica/|" "$work/$path_wanted.yml"
}

stop() {
  # systemd also comes here when the daemon has died: nothing is left to prove with.
  { [ -n "${MAINPID-}" ] && kill -0 "$MAINPID" 2>/dev/null; } || exit 0
  [ -e "$state/clean" ] || exit 0
  take_lock 5 || { say 4 'another program is at work on this app: no proof at this stop'; exit 0; }
  open_scratch
  leave_in_order 20
  [ "$proved" = true ] || say 4 "it is not proven that the replica holds everything: $unproven"
}

stopped() {
  # Also called when its check refused the start: then nothing ran, and what `clean` says is still true (systemd sets EXIT_CODE
  # only when there was a main process).
  [ -n "${EXIT_CODE-}" ] || exit 0
  # The app runs on, or has not been stopped in order: nothing to say about its files.
  [ -e "$state/clean" ] || exit 0
  # Killed by the gate, which holds the lock and is about to replace the files: waiting for it would only hold it up.
  [ "$(systemctl show -P ActiveState "$app-gate.service")" != activating ] || exit 0
  take_lock 5 || exit 0
  open_scratch
  leave_settled
}

open_verdicts
read_config
me=$(sh "$lib/host-id.sh")
case $command in
  check) check ;;
  stop) stop ;;
  stopped) stopped ;;
  *) echo "litestream.sh: there is no command $command" >&2; exit 2 ;;
esac
