#!/bin/sh
# Records what a unit is being started from, so that `provision` can tell whether it has to be restarted.
# Usage: record-start.sh APP UNIT      (ExecStartPre=+ of an app without a database; the gate does it for the others)
# Exit: 0 always when /run can be written: a missing record only means one more restart.
set -eu
umask 022
mkdir -p /run/streamside/started
while read -r unit digest; do
  if [ "$unit" = "$2" ]; then
    printf '%s\n' "$digest" >"/run/streamside/started/.$unit"
    mv -T "/run/streamside/started/.$unit" "/run/streamside/started/$unit"
  fi
done <"/etc/streamside/apps/$1/runs-from"
