#!/bin/sh
# After an app has stopped: proof that the replica holds everything, and the mark that the files were left in order.
#
# Usage: stopped.sh APP        as root; ExecStopPost= of APP.service (systemd sets SERVICE_RESULT)
# Exit: 0. A crash, or a start that never came past its gate, leaves no mark.
# shellcheck disable=SC2154,SC2034 # variables are shared with the parts below
set -eu
export LC_ALL=C
umask 077
app=$1
lib=${0%/*}
for part in state verdict facts store s3 directory replica deleted prove rescue stop wal-mode attributes; do
  # shellcheck source=/dev/null
  . "$lib/$part.sh"
done

# A gate that is still at work was asked for by a start that is over now.
systemctl stop "$app-gate.service" || say 4 "$app-gate.service could not be stopped"
# Made by the gate when it lets the app through: without it nothing ran, and what `clean` says is still true.
[ -e "$run/running/$app" ] || exit 0
recent=$(find "$run/running/$app" -mmin -1)
rm "$run/running/$app"
open_verdicts
read_config
# Whoever loses its database next may not have been looked at by the timer yet.
note_attributes
# Ephemeral storage does not outlive this boot: what is in it is kept first, however the app ended, and taken away again below
# when the replica turns out to hold it. The files of an app that has stopped are nobody's business but Litestream's.
if [ "$storage" = ephemeral ] && [ "$(systemctl is-system-running || :)" = stopping ]; then rescue; fi
[ "${SERVICE_RESULT-}" = success ] || { note_early_end "$recent"; exit 0; }
me=$(sh "$lib/host-id.sh")
take_lock 20 || { say 4 'another program is at work on this app: this stop leaves no mark'; exit 0; }
open_scratch
ended=true
leave_in_order 10
if [ "$proved" = true ]; then say 6 'stopped in order: the replica holds everything'
else say 4 "stopped in order, but it is not proven that the replica holds everything: $unproven"; fi
