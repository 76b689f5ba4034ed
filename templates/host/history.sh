#!/bin/sh
# The restarts of apps that `update`, `restart` and `rollback` have made here, the oldest first, and which releases are here.
#
# Usage: sh ./history.sh APP…      as root
# Answer: lines of TAB-separated fields
#   rolled APP EPOCH WHO-in-base64 OUTCOME FROM TO MS-DOWN|- MODE     as apply/roll.sh writes them
#   release APP DIGEST EPOCH                                          when it came
#   current APP DIGEST
# Exit: 0
set -eu
export LC_ALL=C
for app; do
  if [ -r "/var/lib/streamside/history/$app" ]; then
    while IFS= read -r line; do printf 'rolled\t%s\t%s\n' "$app" "$line"; done <"/var/lib/streamside/history/$app"
  fi
  for release in "/opt/$app/releases"/*; do
    [ ! -d "$release" ] || printf 'release\t%s\t%s\t%s\n' "$app" "${release##*/}" "$(stat -c %Y -- "$release")"
  done
  current=$(readlink -n -- "/opt/$app/current") || continue
  printf 'current\t%s\t%s\n' "$app" "${current##*/}"
done
