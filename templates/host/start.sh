#!/bin/sh
# One start of an app without its replica: the order for its gate, the start, and what came of it.
#
# Usage: sh ./start.sh APP        as root
# The order is a file below /run/streamside, root's only: gone at boot, taken away by the gate at the start that it was for, and
# here when there was none. The gate still refuses what is not a matter of the limit (decide/offline.jq).
# Answer: one line, `running` (it was before), `started`, or `refused` or `waiting` TAB the gate's reason in base64
# Exit: 0; 1 with words on stderr when the app has no gate here
set -eu
export LC_ALL=C
app=$1
order=/run/streamside/offline-once/$app
seconds=100

property() { systemctl show -P "$2" "$1"; }

[ -r "/etc/streamside/apps/$app/gate.json" ] || { echo "$app has no gate on this host" >&2; exit 1; }
unit=$(jq -r .unit "/etc/streamside/apps/$app/gate.json")
if [ "$(property "$unit" ActiveState)" = active ]; then echo running; exit 0; fi
(umask 077 && mkdir -p "${order%/*}" && : >"$order")
trap 'rm -f "$order"' EXIT
# of a gate that was at work before the order: it may not have seen it
before=$(property "$app-gate.service" InvocationID)
# restart: a unit that waits for its next try would be left waiting by start
systemctl restart --no-block "$unit"
end=$(($(date +%s) + seconds))
while [ "$(date +%s)" -lt "$end" ]; do
  sleep 0.5
  if [ "$(property "$unit" ActiveState)" = active ]; then echo started; exit 0; fi
  if [ "$(property "$app-gate.service" InvocationID)" != "$before" ] &&
    [ "$(property "$app-gate.service" ActiveState)" = failed ] && [ -s "/var/lib/streamside/apps/$app/reason" ]; then
    printf 'refused\t%s\n' "$(base64 -w0 <"/var/lib/streamside/apps/$app/reason")"
    exit 0
  fi
done
reason=
[ ! -s "/var/lib/streamside/apps/$app/reason" ] || reason=$(base64 -w0 <"/var/lib/streamside/apps/$app/reason")
printf 'waiting\t%s\n' "$reason"
