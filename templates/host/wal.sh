#!/bin/sh
# What lies on this host's disk of an app's databases: the local half of the stale test (ownership.md, "Stale test").
#
# Usage: wal.sh SCRATCH [PATH]…       as the app's user; SCRATCH is a folder of its own that it may write to
# Prints one JSON object a database, in order: {"file":bool,"l0":"<txid>"|null,"wal":"…"}
#   file  size > 0 and the SQLite header
#   l0    highest transaction of Litestream's local level 0
#   wal   covers     it carries the last local LTX
#         ahead      it was reset since, so that all of that was checkpointed: local is newer
#         behind     it does not carry the last local LTX any more
#         foreign    it belongs to another history
#         missing    there is none
#         untouched  there is no local LTX that it could have lost
# Exit: 0. The live files are only read: closing a connection would remove the WAL and cost a full upload.
set -eu
export LC_ALL=C

bytes() { # FILE OFFSET COUNT -> decimal of a big-endian number
  od -An -v -tu1 -j "$2" -N "$3" -- "$1" | awk '{ for (i = 1; i <= NF; i++) value = value * 256 + $i } END { printf "%d", value }'
}

is_database() { # FILE
  [ -f "$1" ] && [ -s "$1" ] && [ "$(head -c 15 -- "$1" 2>/dev/null)" = 'SQLite format 3' ]
}

last_ltx() { # DIRECTORY -> path of the level 0 file with the highest transaction
  find "$1" -maxdepth 1 -type f -name '????????????????-????????????????.ltx' 2>/dev/null | sort | tail -n 1
}

# Frames that SQLite itself would recover from the first COUNT bytes of the WAL: it checks their checksums. Only the database's
# first page goes with it, for a checkpoint writes pages and reads none.
recovered_frames() { # DATABASE COUNT PAGE-SIZE
  rm -f "$scratch/copy" "$scratch/copy-wal" "$scratch/copy-shm"
  head -c "$3" -- "$1" >"$scratch/copy"
  head -c "$2" -- "$1-wal" >"$scratch/copy-wal"
  frames=$(sqlite3 -batch "$scratch/copy" 'PRAGMA wal_checkpoint(PASSIVE)' 2>/dev/null) || frames='1|0|0'
  rm -f "$scratch/copy" "$scratch/copy-wal" "$scratch/copy-shm"
  case $frames in 0\|*) frames=${frames#0|}; echo "${frames%%|*}" ;; *) echo 0 ;; esac
}

wal_kind() { # DATABASE LTX
  [ -n "$2" ] || { echo untouched; return; }
  [ -s "$1-wal" ] || { echo missing; return; }
  # LTX header: page size at 8, WAL offset at 48, WAL size at 56, salts at 64 and 68. WAL header: salts at 16 and 20.
  page=$(bytes "$2" 8 4)
  needed=$(($(bytes "$2" 48 8) + $(bytes "$2" 56 8)))
  salt1=$(bytes "$2" 64 4)
  salt2=$(bytes "$2" 68 4)
  wal_salt1=$(bytes "$1-wal" 16 4)
  wal_salt2=$(bytes "$1-wal" 20 4)
  if [ "$wal_salt1" = "$salt1" ] && [ "$wal_salt2" = "$salt2" ]; then
    if [ "$(recovered_frames "$1" "$needed" "$page")" -ge $(((needed - 32) / (24 + page))) ]; then echo covers; else echo behind; fi
    return
  fi
  # Salt 1 grows by one at each reset, modulo 2^32. A million resets is more than an app makes while Litestream is away; a
  # WAL that was made anew has a random salt.
  away=$(((wal_salt1 - salt1 + 4294967296) % 4294967296))
  if [ "$away" -gt 0 ] && [ "$away" -le 1048576 ]; then echo ahead
  elif [ "$away" -ge $((4294967296 - 1048576)) ]; then echo behind
  else echo foreign; fi
}

scratch=$1
shift
for path; do
  if is_database "$path"; then file=true; else file=false; fi
  ltx=$(last_ltx "${path%/*}/.${path##*/}-litestream/ltx/0")
  if [ -n "$ltx" ]; then l0=${ltx%.ltx}; l0="\"${l0##*-}\""; else l0=null; fi
  printf '{"file":%s,"l0":%s,"wal":"%s"}\n' "$file" "$l0" "$(wal_kind "$path" "$ltx")"
done
