#!/bin/sh
# A service that leaves the inventory gets its databases back as they were: without what Litestream keeps in them and beside them,
# and without WAL mode where that was switched on. And this host forgets that they were of the replica: they go on without it.
#
# Usage: give-back.sh APP        as root, after release.sh, with the service stopped (apply/leave.sh)
# Exit: 0 it is as it was; 1 not. May be run again.
# shellcheck disable=SC2154,SC2034,SC2016 # variables are shared with the parts below
set -eu
export LC_ALL=C
umask 077
app=$1
lib=${0%/*}
for part in state verdict replica daemon; do
  # shellcheck source=/dev/null
  . "$lib/$part.sh"
done

# Litestream's two tables hold no data of the service's: a sequence that it writes to make a page dirty, and its lock (db.go).
give_back_one() {
  mode=
  ! cat "$state/switched" "$state/absent" 2>/dev/null | grep -qxF -- "$db" || mode='PRAGMA journal_mode=delete;'
  as_app sh -c '[ -s "$1" ]' sh "$path" || return 0
  said=$(as_app timeout -k 2 60 sqlite3 -batch -bail -cmd '.timeout 10000' "$path" \
    "DROP TABLE IF EXISTS _litestream_seq; DROP TABLE IF EXISTS _litestream_lock; $mode" 2>&1) || { say 3 "$db: $said"; exit 1; }
  as_app sh -c 'rm -rf -- "${1%/*}/.${1##*/}-litestream"' sh "$path"
}

open_verdicts
read_config
take_lock 60 || { say 3 'another program is at work on this app'; exit 1; }
kill_litestream
each_db give_back_one
# The rows that it writes from now on are in no replica: no claim may say that one holds them.
forget claim tip clean started switched absent failed last-owner last-data
