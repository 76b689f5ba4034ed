#!/bin/sh
# Apps that streamside has put on this host and that the inventory has here no more. It knows nothing of them, so what `status` asks
# about them is made up here, from what the host has on record.
#
# Usage: sh ./status/left.sh     as root, in the folder of status.sh: adds to its request (status-units, status-places, status-apps/APP)
# Answer: lines of TAB-separated fields; what may hold anything is base64
#   left APP UNIT         on record and in no request; UNIT is the one that it is run by
#   gate APP BASE64       its gate.json; none of an app without databases
#   interval APP SECONDS  Litestream's sync interval
#   reason APP BASE64     why its gate held it back at the last try
# Exit: 0
set -eu
export LC_ALL=C
tab=$(printf '\t')
manifest=/var/lib/streamside/manifest

say() { # FIELD…
  out=$1; shift
  for field in "$@"; do out=$out$tab$field; done
  printf '%s\n' "$out"
}

# One line of JSON that the transaction wrote, its keys in a fixed order. Not with jq: a host without databases has none.
recorded_apps() {
  sed -n 's/^{"v":1,"apps":\[\([^]]*\)\].*/\1/p' "$manifest" | tr ',' '\n' | tr -d '"' | grep -x '[a-z][a-z0-9-]*' || :
}
adopted_unit() { # of a service: nothing else in a manifest has this form
  sed -n "s/.*\"$app\":{\"unit\":\"\([A-Za-z0-9:_.@-]*\)\".*/\1/p" "$manifest"
}

# Paths encoded as probe.sh's. jq is there where a gate is.
encode='def encoded: gsub("\\\\"; "\\\\") | gsub("\t"; "\\t") | gsub("\n"; "\\n");'

database_folders() {
  jq -r "$encode"' .databases[].path | sub("/[^/]*$"; "") | encoded' "$gate"
}
databases() {
  jq -r --arg state "/var/lib/$app/" "$encode"'
    .databases[].path | select(startswith($state)) | "db\t\(ltrimstr($state) | encoded)"' "$gate"
}
# A name with a backslash, a TAB or a newline has the form it needs, for JSON has the same.
laid_files() {
  grep -o "\"/var/lib/$app/[^\"]*\":{\"as\":\"[^\"]*\",\"app\":\"$app\"" "$manifest" |
    sed "s|^\"/var/lib/$app/\([^\"]*\)\".*|file$tab\1|" || :
}

left_app() { # APP
  app=$1
  gate=/etc/streamside/apps/$app/gate.json
  unit=$(adopted_unit)
  say left "$app" "${unit:-$app.service}"
  printf '%s\n' "${unit:-$app.service}" >>status-units
  # As the inventory would say it (loose.sh), but for what it had accepted; what else lies beside a service's databases is its own.
  if [ -n "$unit" ]; then printf 'elsewhere\t-\n'; else laid_files; fi >"status-apps/$app"
  [ -n "$unit" ] || printf '%s\n' "/var/lib/$app" >>status-places
  [ -s "$gate" ] || return 0
  printf '%s\n' "$app-litestream.service" "$app-gate.service" "$app-check.timer" >>status-units
  say gate "$app" "$(head -c 65536 "$gate" | base64 -w0)"
  interval=$(sed -n 's/^ *sync-interval: "\([0-9]\{1,9\}\)s"$/\1/p' "/etc/streamside/apps/$app/litestream.yml" 2>/dev/null | head -n 1) || :
  [ -z "$interval" ] || say interval "$app" "$interval"
  reason=/var/lib/streamside/apps/$app/reason
  [ ! -s "$reason" ] || say reason "$app" "$(head -c 65536 "$reason" | base64 -w0)"
  # of a damaged gate.json app.sh tells, which needs it
  database_folders >>status-places 2>/dev/null || :
  [ -n "$unit" ] || databases >>"status-apps/$app" 2>/dev/null || :
}

[ -s "$manifest" ] || exit 0
mkdir -p status-apps
for name in $(recorded_apps); do
  [ -e "status-apps/$name" ] || left_app "$name"
done
