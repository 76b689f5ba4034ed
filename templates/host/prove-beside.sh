#!/bin/sh
# Proves that an app could be had back from its replica, before it is restarted: what the replica holds is restored in a folder of its
# own and checked in full.
#
# Usage: sh ./prove-beside.sh APP running     as root; the app runs on: the proof of everything (rule 8), then the restore, which must
#                                             reach what was proven
#        sh ./prove-beside.sh APP ended       it has just been stopped: the proof of everything, and no more
#        sh ./prove-beside.sh APP stopped     it was stopped in order, and proven then: what is restored must be, byte for byte, the
#                                             files that lie here
# Answer: lines of TAB-separated fields
#   proved DB TXID BYTES MILLISECONDS      the database as restored: how big, how long it took with its check
#   refused BASE64                         why not; nothing follows. Of files that differ both are kept, and both are named
# Exit: 0 proved, 1 refused, or words on stderr
# shellcheck disable=SC2154,SC2034,SC2016 # variables are shared with the parts below
set -eu
export LC_ALL=C
umask 077
app=$1 when=$2
lib=$(readlink -f /usr/local/lib/streamside/current)
for part in state verdict facts store s3 directory replica daemon deleted prove rescue; do
  # shellcheck source=/dev/null
  . "$lib/$part.sh"
done
# with the operator's own words for a restore, whatever this host was provisioned with
# shellcheck source=templates/host/restore.sh
. ./restore.sh
# the folder of this program is root's, and find(1) wants to come back to where it was
cd /

refused() { # TEXT
  printf 'refused\t%s\n' "$(printf %s "$1" | base64 -w0)"
  exit 1
}

# Of the proof just made, or of the one that the stop has left. -> $floor, empty for a database that the app has not made yet
floor_of() { # JSON
  floor=$(printf %s "$1" | sed -n "s/.*$key:\"\([0-9a-f]\{16\}\)\".*/\1/p")
}

room_there() {
  need=$(printf %s "$entry" | sed -n 's/.*"bytes":\([0-9]*\)}$/\1/p')
  free=$(as_app df -P -k -- "$scratch" | awk 'END { printf "%.0f", $4 * 1024 }')
  # As for the gate (source.jq): what Litestream has packed may come to twice as much; compared, it lies there twice.
  times=2
  [ "$when" != stopped ] || times=4
  [ $((times * ${need:-0})) -lt "$free" ] ||
    refused "$db: to be restored beside it needs $((times * need / 1048576)) MiB in /var/tmp, and $((free / 1048576)) MiB are free there"
}

prove_one() {
  floor_of "$proven_tip"
  if [ -z "$floor" ]; then
    # made since the proof, or not on record: nothing may be said to be the same that was not compared
    [ "$when" != stopped ] || as_app sh -c '[ ! -s "$1" ]' sh "$path" || refused "$db: what was proven of it at the stop is not on record, so it cannot be compared"
    return 0
  fi
  plans='' free='' wanted=latest
  plans_entry
  room_there
  began=$(date +%s%N)
  restore_to "$scratch/restored"
  [ "$rc" = 0 ] || refused "$db cannot be restored from the replica: ${error:-litestream restore ended with status $rc}${best:+; what does restore is transaction $best}"
  # 16 digits each
  [ "$(printf '%s\n' "$got" "$floor" | sort | head -n 1)" = "$floor" ] ||
    refused "$db restores to transaction $got only, and $floor was proven to be there"
  [ "$when" != stopped ] || compare
  printf 'proved\t%s\t%s\t%s\t%s\n' "$db" "$got" "$(as_app stat -c %s -- "$scratch/restored")" "$((($(date +%s%N) - began) / 1000000))"
  remove_restored "$scratch/restored"
}

# The file with its WAL taken in, as a copy: the live one is not opened, for closing it can remove the WAL. What Litestream gives back
# is the same to the byte (litestream.md).
compare() {
  as_app sh -c 'cp -- "$1" "$2" && { [ ! -e "$1-wal" ] || cp -- "$1-wal" "$2-wal"; } && sqlite3 "$2" "PRAGMA wal_checkpoint(TRUNCATE)"' \
    sh "$path" "$scratch/here" >/dev/null ||
    refused "$db: the file here could not be copied to be compared: is /var/tmp full?"
  if ! as_app cmp -s -- "$scratch/here" "$scratch/restored"; then
    aside=.streamside-aside/$(date -u +%Y%m%dT%H%M%SZ)-restored
    as_app sh -c 'mkdir -p -m 0700 -- "$1" && cp -- "$2" "$1/"' sh "${path%/*}/$aside" "$scratch/restored" ||
      refused "$db: what the replica gives back is not what lies here, and could not be kept: is the disk full?"
    refused "$db: what the replica gives back as transaction $got is not, byte for byte, what lies here as $path; it is kept as ${path%/*}/$aside/restored"
  fi
  remove_restored "$scratch/here"
}

open_verdicts
read_config
me=$(sh "$lib/host-id.sh")
# Of runs whose end nobody saw: one transaction at a time works on a host.
as_app sh -c 'rm -rf -- "/var/tmp/streamside-$1.beside".??????' sh "$app"
scratch=$(as_app mktemp -d "/var/tmp/streamside-$app.beside.XXXXXX")
trap 'rm -rf "$work"; as_app rm -rf "$scratch"' EXIT
trap 'exit 143' TERM HUP INT PIPE
remote=null
take_lock 60 || refused 'another program is at work on it: its gate, or its check'
case $when in
  running)
    look_local
    proof 20
    proven_tip=$tip
    is held || refused "$text"
    # it takes as long as it takes, and the timer is not to wait for it
    release_lock
    ;;
  ended)
    ended=true
    look_local
    proof 20
    is held || refused "$text"
    carry_over || :
    write_tip || :
    exit 0
    ;;
  stopped) proven_tip=$(remembered tip | sed -n 's/.*"dbs":\({[^}]*}\).*/\1/p') ;;
esac
config_for "$(claimed_path)"
each_db prove_one
