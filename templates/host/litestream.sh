#!/bin/sh
# What stands around an app's Litestream: the check before it, and the proof at its stop.
#
# Usage: litestream.sh check APP         as root; ExecStartPre: may it run now? Lays its configuration for the current path
#        litestream.sh capability        as the app's user; ExecStartPre: are the keys out of the app's reach?
#        litestream.sh stop APP          as root; ExecStop: proof that the replica holds everything, in the time there is
# Exit: 0 yes; 1 no, the last journal line says why. systemd tries again, without a limit.
# shellcheck disable=SC2154,SC2034 # variables are shared with the parts below
set -eu
export LC_ALL=C
umask 077

if [ "$1" = capability ]; then
  # Rule 21 of litestream.md: the app, same user, is denied /proc/<pid>/environ of a process with a capability that it lacks.
  # A container or ProtectClock= can take the capability away without a word, and then the keys lie open.
  effective=$(sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status)
  case $effective in *[!0]*) exit 0 ;; esac
  echo "<3>keys-exposed: this process has no capability, so the app could read the keys of its own backups. Next: do not drop CAP_NET_BIND_SERVICE from this machine or container." >&2
  exit 1
fi

command=$1 app=$2
lib=/usr/local/lib/streamside
for part in state verdict facts s3 replica restore prove; do
  # shellcheck source=/dev/null
  . "$lib/$part.sh"
done

check() {
  # The gate may be at work on the files for as long as a restore takes.
  take_lock 600 || { say 4 "another program is at work on this app; tried again"; exit 1; }
  open_scratch
  get_owner 1
  look_local
  remote=null
  ask "{\"ask\":\"unit\",$(facts)}"
  if [ "$act" = look ]; then
    look_remote "$path_wanted"
    ask "{\"ask\":\"unit\",$(facts)}"
  fi
  case $act in
    go)
      run_folder litestream
      config_for "$path_wanted"
      install -m 0644 "$work/$path_wanted.yml" "$run/litestream/$app.yml"
      record_start "$app-litestream.service"
      alerts_over litestream
      say 6 "go: $text"
      ;;
    *)
      say 4 "$code: $text.${next:+ Next: $next.}"
      ! is alert || alert litestream "$code" "$text" "$next"
      exit 1
      ;;
  esac
}

stop() {
  # systemd also comes here when the daemon has died: nothing is left to prove with.
  { [ -n "${MAINPID-}" ] && kill -0 "$MAINPID" 2>/dev/null; } || exit 0
  take_lock 5 || { say 4 "another program is at work on this app: no proof at this stop"; exit 0; }
  ! systemctl -q is-active "$app.service" || { say 5 "stopped while the app runs: no proof"; exit 0; }
  [ -e "$state/clean" ] || exit 0
  stop_proof
}

open_verdicts
read_config
me=$(sh "$lib/host-id.sh")
case $command in
  check) check ;;
  stop) stop ;;
  *) echo "litestream.sh: no command $command" >&2; exit 2 ;;
esac
