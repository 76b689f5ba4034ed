#!/bin/sh
# Records what a unit is being started from, so that `provision` can tell whether it has to be restarted.
#
# Usage: record-start.sh APP UNIT      as root, just before the unit's command: by the gate, by Litestream's check, and by
#                                      ExecStartPre=+ of an app without a database
# The record, /run/streamside/started/UNIT: the digest of what the unit should run from and, when everything that is read once, at
# a start, was found to be as streamside laid it, systemd's id of this start: what is changed after that does not concern it.
# An app's gate counts as read at the app's start.
# Exit: 0 always when /run can be written: a missing record only means one more restart.
set -eu
umask 022
app=$1
unit=$2
runs_from=/etc/streamside/apps/$app/runs-from
[ -r "$runs_from" ] || exit 0

# Lines `UNIT DIGEST`, and `=UNIT SHA256  PATH` for each file that is read at its start.
digest='' sums='' ours=' '
while read -r name rest; do
  case $name in
    "$unit") digest=$rest ;;
    "=$unit")
      sums="$sums$rest
"
      ours="$ours${rest#*  } "
      ;;
  esac
done <"$runs_from"

# With its gate, for a drop-in over that may let an app through that it should hold back.
set -- "$unit"
[ "$unit" = "$app-litestream.service" ] || [ ! -e "/etc/streamside/apps/$app/gate.json" ] || set -- "$unit" "$app-gate.service"

# What systemd has loaded is what lies on disk, and nobody's drop-in is among it. -> $id; false when that is not so
loaded_as_laid() { # UNIT…
  id='' current='' drop_ins=''
  while IFS='=' read -r key value; do
    case $key in
      # of the first: the start that is recorded
      InvocationID) id=${id:-$value} ;;
      NeedDaemonReload) [ "$value" = no ] || return 1; current=yes ;;
      DropInPaths) drop_ins="$drop_ins $value" ;;
      FragmentPath) case $value in */systemd/system.control/*) return 1 ;; esac ;;
    esac
  done <<SHOWN
$(systemctl show --property=InvocationID --property=NeedDaemonReload --property=DropInPaths --property=FragmentPath "$@")
SHOWN
  [ -n "$current" ] || return 1
  for file in $drop_ins; do
    case $file in
      # those that packages have, or that are for all units, are nothing that provision takes out
      /etc/systemd/*/"$unit.d"/* | /run/systemd/*/"$unit.d"/* | /etc/systemd/*/"$app-gate.service.d"/* | /run/systemd/*/"$app-gate.service.d"/*)
        case $ours in *" $file "*) ;; *) return 1 ;; esac
        ;;
    esac
  done
}

start=
if [ -n "$sums" ] && loaded_as_laid "$@" && printf %s "$sums" | sha256sum --check --status 2>/dev/null; then start=" $id"; fi
mkdir -p /run/streamside/started
printf '%s\n' "$digest$start" >"/run/streamside/started/.$unit"
mv -T "/run/streamside/started/.$unit" "/run/streamside/started/$unit"
