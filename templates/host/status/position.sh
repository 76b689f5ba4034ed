#!/bin/sh
# How far Litestream has come with databases on this host, and whether something was written since. Only reads: a database that
# is opened and closed may lose its WAL.
#
# Usage: position.sh [PATH SENT]…       as the app's user; SENT: the replica's highest transaction, or -
# Prints one JSON object a database, in order:
#   bytes    of the database and its WAL; null when there is no database
#   l0       highest transaction of Litestream's local level 0, or null
#   l0Time   epoch s at which that was written, or null
#   pending  true when the WAL holds frames that are in no transaction file yet; null when nothing can say
#   unread   true when it is there, or may be, and cannot be looked at: a folder or a file of somebody else's, a card that fails
#   unsent   epoch s of the oldest transaction file above SENT, or null
# It runs behind numbers.sh, in one text; the layouts are those of wal.sh.
set -eu
export LC_ALL=C

# A frame carries the salts of its WAL: one of this round, right behind what the last transaction file holds, is newer than that.
pending() { # DATABASE LTX
  [ -s "$1-wal" ] || { echo null; return; }
  # shellcheck disable=SC2046 # numbers
  set -- "$1-wal" $(numbers "$2" 0 48:8 56:8 64:4 68:4) $(numbers "$1-wal" 0 16:4 20:4)
  [ $# -eq 7 ] || { echo null; return; }
  wal=$1 end=$(($2 + $3)) salts="$4 $5"
  # another round than that of the transaction file: the app went on while nobody looked
  [ "$6 $7" = "$salts" ] || { echo true; return; }
  if [ "$(numbers "$wal" "$end" 8:4 12:4)" = "$salts " ]; then echo true; else echo false; fi
}

# As barred.sh has it: only what the kernel says is not there is missing.
unread() { # DATABASE
  for file in "$1" "$1-wal"; do
    if said=$(stat -L -- "$file" 2>&1 >/dev/null); then
      [ -r "$file" ] || { echo true; return; }
    else
      case $said in *': No such file or directory') ;; *) echo true; return ;; esac
    fi
  done
  echo false
}

while [ $# -ge 2 ]; do
  path=$1 sent=$2
  shift 2
  folder="${path%/*}/.${path##*/}-litestream/ltx/0"
  # `max_txid time`, oldest first
  files=$(find "$folder" -maxdepth 1 -type f -name '????????????????-????????????????.ltx' -printf '%f %T@\n' 2>/dev/null |
    sed -n 's/^\([0-9a-f]\{16\}\)-\([0-9a-f]\{16\}\)\.ltx \([0-9]*\).*/\2 \3 \1/p' | sort) || files=
  last=$(printf '%s\n' "$files" | tail -n 1)
  bytes=null l0=null time=null waits=null unsent=null
  if [ -f "$path" ]; then
    bytes=$(stat -L -c %s -- "$path")
    [ ! -f "$path-wal" ] || bytes=$((bytes + $(stat -L -c %s -- "$path-wal")))
  fi
  if [ -n "$last" ]; then
    rest=${last#* }
    l0="\"${last%% *}\"" time=${rest% *}
    waits=$(pending "$path" "$folder/${last##* }-${last%% *}.ltx")
    case $sent in
      -) ;;
      *) unsent=$(printf '%s\n' "$files" | awk -v sent="x$sent" '"x" $1 > sent { print $2; exit }') ;;
    esac
  fi
  printf '{"bytes":%s,"l0":%s,"l0Time":%s,"pending":%s,"unsent":%s,"unread":%s}\n' "$bytes" "$l0" "$time" "$waits" "${unsent:-null}" "$(unread "$path")"
done
