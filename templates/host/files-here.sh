#!/bin/sh
# What lies on this host of an app's databases, as its gate sees it, for people who are about to go on from it.
#
# Usage: sh ./files-here.sh APP      as root
# Answer: one line of JSON: by database, what wal.sh says of it
# Exit: 0; 1 with words on stderr when the app has no gate here, or somebody else is at work on it
# shellcheck disable=SC2154,SC2034 # variables are shared with the parts below
set -eu
export LC_ALL=C
umask 077
app=$1
lib=/usr/local/lib/streamside/current
if ! [ -r "/etc/streamside/apps/$app/gate.json" ] || ! [ -r "$lib/verdict.sh" ]; then
  echo "$app is not set up on this host" >&2
  exit 1
fi
lib=$(readlink -f "$lib")
for part in state verdict facts store s3 directory replica; do
  # shellcheck source=/dev/null
  . "$lib/$part.sh"
done
# the folder of this program is root's, and find(1) wants to come back to where it was
cd /
open_verdicts
read_config
take_lock 60 || { echo "another program is at work on $app" >&2; exit 1; }
[ ! -e "$state/restoring" ] || { echo "files of $app are being replaced: a restore was under way" >&2; exit 1; }
open_scratch
look_local
printf '%s\n' "$files"
