#!/bin/sh
# Starts an app's gate and waits for its verdict, with what holds the app back in the app's own status.
#
# Usage: start-gate.sh APP [EXIT]     as root; ExecStartPre=+ of APP.service, ExecCondition=+ of an adopted unit
# Exit: 0 the app may start; EXIT (1) it may not.
# shellcheck disable=SC2154,SC2034 # variables are shared with the part below
set -eu
export LC_ALL=C
app=$1
lib=${0%/*}
# shellcheck source=templates/host/state.sh
. "$lib/state.sh"

why=$(last_reason)
# `systemctl status` shows the words of this try alone, and one that waits for a server says nothing for long.
[ -z "$why" ] || say 4 "held back so far, it is looked at again. $why"
said=$(systemctl start "$app-gate.service" 2>&1) && exit 0
why=$(last_reason)
say 3 "${why:-$said}"
exit "${2-1}"
