#!/bin/sh
# Databases out of a replica that the gate's own programs cannot look into (Litestream 0.3), restored before their app is there.
#
# Usage: sh ./restore-older.sh PATH…      as root, in a folder that holds litestream, litestream.yml and, for an authority of one's own,
#   ca.pem. PATH: of each database, as in litestream.yml; nothing may lie there
# All are restored and checked in full beside their places, and only then put there. They and the folders that are made for them are
# root's: nobody else is there yet, and provision gives them to the app.
# Exit: 0; 1 with Litestream's words on stderr, and nothing in place
set -eu
export LC_ALL=C
umask 077
here=$PWD
trap 'cd / && rm -rf -- "$here"' EXIT
unset AWS_CA_BUNDLE
export AWS_EC2_METADATA_DISABLED=true
[ ! -e ca.pem ] || export SSL_CERT_FILE="$here/ca.pem"

for path; do
  if [ -e "$path" ] || [ -h "$path" ]; then echo "$path is there already" >&2; exit 1; fi
  mkdir -p -- "${path%/*}"
  rm -f -- "$path.importing" "$path.importing.tmp" "$path.importing-wal" "$path.importing-shm"
  ./litestream restore -no-expand-env -config litestream.yml -integrity-check full -o "$path.importing" "$path" >said 2>&1 || {
    grep -v '^{' said | tail -n 1 | cut -c1-300 >&2
    rm -f -- "$path.importing" "$path.importing.tmp"
    exit 1
  }
  # a replica without a whole image ends well, and leaves nothing
  [ -s "$path.importing" ] || { echo "nothing could be restored to $path" >&2; exit 1; }
  sync "$path.importing"
done
for path; do
  mv -T -- "$path.importing" "$path"
  sync "${path%/*}"
done
