#!/bin/sh
# What lies on this host's disk of an app's databases: the local half of the stale test (ownership.md, "Stale test").
#
# Usage: wal.sh SCRATCH [PATH]…       as the app's user; SCRATCH is a folder that it may write to
# Prints one JSON object a database, in order:
#   file    true when its size is > 0 and it has the SQLite header
#   l0      highest transaction of Litestream's local level 0, or null
#   wal     covers     it carries the last local LTX
#           ahead      it was reset since, so that all of that was checkpointed: local is newer
#           behind     it does not carry the last local LTX any more
#           foreign    it belongs to another history
#           missing    there is none
#           untouched  there is no local LTX that it could have lost
#   id      { inode, size, mtime, counter } of the file (counter: SQLite's change counter), or null
#   walId   "inode size mtime" of the WAL, or null
# Exit: 0. The live files are only read: closing a connection would remove the WAL and cost a full upload.
set -eu
export LC_ALL=C

is_database() { # FILE
  [ -f "$1" ] && [ "$(stat -L -c %s -- "$1")" -ge 512 ] && [ "$(head -c 15 -- "$1" 2>/dev/null)" = 'SQLite format 3' ]
}

last_ltx() { # FOLDER -> name of the level 0 file with the highest transaction
  find "$1" -maxdepth 1 -type f -name '????????????????-????????????????.ltx' -printf '%f\n' 2>/dev/null | sort | tail -n 1
}

# Big-endian numbers: each argument after the file is OFFSET:BYTES. One process for all of them. Empty for a short file.
numbers() { # FILE OFFSET:BYTES…
  file=$1
  shift
  od -An -v -tu1 -N 100 -- "$file" | tr -s ' \n' '  ' | awk -v wanted="$*" '{
    count = split(wanted, fields, " ")
    for (i = 1; i <= count; i++) {
      split(fields[i], field, ":")
      if (field[1] + field[2] > NF) exit
      value = 0
      for (j = 1; j <= field[2]; j++) value = value * 256 + $(field[1] + j)
      # not %d: mawk, the awk of Debian, ends at 2^31
      printf "%.0f ", value
    }
  }'
}

# Frames that SQLite itself would recover from the first COUNT bytes of the WAL: it checks their checksums. Only the
# database's first page goes with it, for a checkpoint writes pages and reads none; but SQLite takes a file for damaged that
# is shorter than its pages and its WAL together (walCheckpoint() in its wal.c), so the rest is a hole.
recovered_frames() { # DATABASE COUNT PAGE-SIZE
  rm -f "$scratch/copy" "$scratch/copy-wal" "$scratch/copy-shm"
  # A copy cut short, or a recovery without room, would say that rows are missing which are there: no verdict then.
  { head -c "$3" -- "$1" >"$scratch/copy" &&
    truncate -s "$(stat -c %s -- "$1")" "$scratch/copy" &&
    head -c "$2" -- "$1-wal" >"$scratch/copy-wal" &&
    head -c $(($2 + 65536)) /dev/zero >"$scratch/room"; } || { rm -f "$scratch/room"; echo no-room; return; }
  rm -f "$scratch/room"
  # busy|frames in the WAL|frames checkpointed
  frames=$(sqlite3 -batch "$scratch/copy" 'PRAGMA wal_checkpoint(PASSIVE)' 2>/dev/null) || frames=
  rm -f "$scratch/copy" "$scratch/copy-wal" "$scratch/copy-shm"
  case $frames in 0\|*\|*) frames=${frames#0|}; echo "${frames%|*}" ;; *) echo 0 ;; esac
}

wal_kind() { # DATABASE LTX
  [ -n "$2" ] || { echo untouched; return; }
  [ -s "$1-wal" ] || { echo missing; return; }
  # LTX header: page size at 8, WAL offset at 48, WAL size at 56, salts at 64 and 68. WAL header: salts at 16 and 20.
  # shellcheck disable=SC2046 # numbers
  set -- "$1" $(numbers "$2" 8:4 48:8 56:8 64:4 68:4) $(numbers "$1-wal" 16:4 20:4)
  # a torn header: Litestream wrote this file and the power went, or the WAL has not even a header
  [ $# -eq 8 ] || { echo behind; return; }
  page=$2 needed=$(($3 + $4)) salt1=$5 salt2=$6 wal_salt1=$7 wal_salt2=$8
  if [ "$wal_salt1" = "$salt1" ] && [ "$wal_salt2" = "$salt2" ]; then
    # The file's size proves nothing, for a WAL is not cut at a reset.
    recovered=$(recovered_frames "$1" "$needed" "$page")
    if [ "$recovered" = no-room ]; then echo unknown
    elif [ "$recovered" -ge $(((needed - 32) / (24 + page))) ]; then echo covers; else echo behind; fi
    return
  fi
  # Salt 1 grows by one at each reset, modulo 2^32. A million resets is more than an app makes while Litestream is away; a
  # WAL that was made anew has a random salt.
  away=$(((wal_salt1 - salt1 + 4294967296) % 4294967296))
  if [ "$away" -gt 0 ] && [ "$away" -le 1048576 ]; then echo ahead
  elif [ "$away" -ge $((4294967296 - 1048576)) ]; then echo behind
  else echo foreign; fi
}

identity() { # FILE
  counter=$(numbers "$1" 24:4)
  stat -c "{\"inode\":%i,\"size\":%s,\"mtime\":%Y,\"counter\":${counter% }}" -- "$1"
}

scratch=$1
shift
for path; do
  level0="${path%/*}/.${path##*/}-litestream/ltx/0"
  ltx=$(last_ltx "$level0")
  l0=null
  if [ -n "$ltx" ]; then
    l0=${ltx%.ltx}
    l0="\"${l0#*-}\"" ltx=$level0/$ltx
  fi
  if is_database "$path"; then
    wal_id=null
    [ ! -f "$path-wal" ] || wal_id=$(stat -c '"%i %s %Y"' -- "$path-wal")
    printf '{"file":true,"l0":%s,"wal":"%s","id":%s,"walId":%s}\n' "$l0" "$(wal_kind "$path" "$ltx")" "$(identity "$path")" "$wal_id"
  else
    printf '{"file":false,"l0":%s,"wal":"missing","id":null,"walId":null}\n' "$l0"
  fi
done
