#!/bin/sh
# After a run of check.sh: one that was killed at its time limit, or died, has told nobody anything.
#
# Usage: checked.sh APP        as root; ExecStopPost= of APP-check.service (systemd sets SERVICE_RESULT, EXIT_CODE, EXIT_STATUS)
# Exit: 0. It needs neither jq nor a folder to work in: what ended the check may have been that one of these is gone.
# shellcheck disable=SC2154,SC2034 # variables are shared with the parts below
set -eu
export LC_ALL=C
umask 077
app=$1
lib=${0%/*}
# shellcheck source=templates/host/state.sh
. "$lib/state.sh"

# Ended by a person, or with the machine: both know it.
case ${SERVICE_RESULT-}:${EXIT_STATUS-} in signal:TERM) exit 0 ;; esac

if [ "${SERVICE_RESULT-}" = success ]; then
  alerts_over checked
  exit 0
fi
# gate.json as gate.ts writes it: a key a line
host=$(sed -n 's/^ "host": "\(.*\)",*$/\1/p' "$etc/gate.json" 2>/dev/null) || :
[ -n "$host" ] || read -r host </etc/hostname
case ${SERVICE_RESULT-unknown} in
  timeout) what='it did not come to its end in the time that it has' ;;
  exit-code) what="it ended with status ${EXIT_STATUS-unknown}" ;;
  *) what="it ended with ${SERVICE_RESULT-unknown} ${EXIT_STATUS-}" ;;
esac
text="whether $app is still this host's, and replicated, was not looked at: $what"
next="see journalctl -u $app-check; it is tried again every two minutes"
say 3 "check-failed: $text. Next: $next."
alert checked check-failed "$text" "$next"
