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
#   short   true when the file lacks pages that neither its WAL nor its rollback journal brings back: a failing card cut it off.
#           "unknown" when there was no room in SCRATCH to tell
#   barred  null, or { why, what, owner }: something is there that this user cannot read (barred.sh). Then `file` is true, nothing
#           of the above is known but what stat(2) tells, and `wal` is unread
# Exit: 0. The live files are only read: closing a connection would remove the WAL and cost a full upload.
set -eu
export LC_ALL=C
# shellcheck source=templates/host/numbers.sh
. "${0%/*}/numbers.sh"
# shellcheck source=templates/host/barred.sh
. "${0%/*}/barred.sh"

is_database() { # FILE
  [ -f "$1" ] && [ "$(stat -L -c %s -- "$1")" -ge 512 ] && [ "$(head -c 15 -- "$1" 2>/dev/null)" = 'SQLite format 3' ]
}

last_ltx() { # FOLDER -> name of the level 0 file with the highest transaction
  find "$1" -maxdepth 1 -type f -regextype posix-extended -regex '.*/[0-9a-f]{16}-[0-9a-f]{16}\.ltx' -printf '%f\n' 2>/dev/null | sort | tail -n 1
}

# A failing card gives the first page of a file, and not the rest.
reads_through() { cat -- "$1" >/dev/null 2>&1; }

# Frames that SQLite itself would recover from the first COUNT bytes of the WAL: it checks their checksums. Only the
# database's first page goes with it, for a checkpoint writes pages and reads none; but SQLite takes a file for damaged that
# is shorter than its pages and its WAL together (walCheckpoint() in its wal.c), so the rest is a hole.
recovered_frames() { # DATABASE COUNT PAGE-SIZE
  rm -f "$scratch/copy" "$scratch/copy-wal" "$scratch/copy-shm"
  # A copy cut short, or a recovery without room, would say that rows are missing which are there: no verdict then.
  { head -c "$3" -- "$1" >"$scratch/copy" &&
    truncate -s "$(stat -c %s -- "$1")" "$scratch/copy" &&
    head -c "$2" -- "$1-wal" >"$scratch/copy-wal" &&
    head -c $(($2 + 65536)) /dev/zero >"$scratch/room"; } || {
    rm -f "$scratch/room"
    if reads_through "$1-wal" && head -c "$3" -- "$1" >/dev/null 2>&1; then echo no-room; else echo unread; fi
    return
  }
  rm -f "$scratch/room"
  # The pragma reads the schema first, and the rest of a big one lies in the hole: with writable_schema on it goes on without
  # (SQLITE_NoSchemaError in SQLite's prepare.c), which the command line of Debian 13 allows only when told to, and tells.
  # The last line is: busy|frames in the WAL|frames checkpointed
  frames=$(sqlite3 -batch -cmd '.dbconfig defensive off' -cmd 'PRAGMA writable_schema=ON' "$scratch/copy" \
    'PRAGMA wal_checkpoint(PASSIVE)' 2>/dev/null | tail -n 1)
  rm -f "$scratch/copy" "$scratch/copy-wal" "$scratch/copy-shm"
  case $frames in 0\|*\|*) frames=${frames#0|}; echo "${frames%|*}" ;; *) echo 0 ;; esac
}

wal_kind() { # DATABASE LTX
  [ -n "$2" ] || { echo untouched; return; }
  [ -s "$1-wal" ] || { echo missing; return; }
  # LTX header: page size at 8, WAL offset at 48, WAL size at 56, salts at 64 and 68. WAL header: salts at 16 and 20.
  # shellcheck disable=SC2046 # numbers
  set -- "$1" $(numbers "$2" 0 8:4 48:8 56:8 64:4 68:4) $(numbers "$1-wal" 0 16:4 20:4)
  # a torn header: Litestream wrote this file and the power went, or the WAL has not even a header
  [ $# -eq 8 ] || { echo behind; return; }
  page=$2 needed=$(($3 + $4)) salt1=$5 salt2=$6 wal_salt1=$7 wal_salt2=$8
  if [ "$wal_salt1" = "$salt1" ] && [ "$wal_salt2" = "$salt2" ]; then
    # The file's size proves nothing, for a WAL is not cut at a reset.
    recovered=$(recovered_frames "$1" "$needed" "$page")
    if [ "$recovered" = unread ]; then echo unread
    elif [ "$recovered" = no-room ]; then echo unknown
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

# Does the header promise more pages than the file holds? -> $page (its size), $pages (promised), $held (whole ones in the file)
promises_more() { # DATABASE
  # page size at 16, change counter at 24, pages at 28, valid only with the change counter of then at 92
  # shellcheck disable=SC2046 # numbers
  set -- "$(stat -L -c %s -- "$1")" $(numbers "$1" 0 16:2 24:4 28:4 92:4)
  { [ $# -eq 5 ] && [ "$3" = "$5" ]; } || return 1
  page=$2 pages=$4
  [ "$page" -ne 1 ] || page=65536
  # no page size at all: SQLite itself says that this is no database
  [ "$page" -ge 512 ] || return 1
  held=$(($1 / page))
  [ "$held" -lt "$pages" ]
}

# While another process has it open (Litestream does), nothing is recovered at the app's start: it reads from the WAL what the
# shared memory says, and what was checkpointed before from the file. Its layout: WalIndexHdr and WalCkptInfo in SQLite's wal.c,
# in the machine's own byte order; the lock at byte 128 is held by everybody who has it mapped.
# -> $frames in use, $first after those that were checkpointed, $size of the database in pages; false when nobody has it open
shared_memory() { # DATABASE
  [ -f "$1-shm" ] && grep -q ":$(stat -L -c %i -- "$1-shm") 128 128\$" /proc/locks 2>/dev/null || return 1
  # shellcheck disable=SC2046 # numbers
  set -- "$1" $(od -An -v -tu4 -N 100 -- "$1-shm")
  [ $# -eq 26 ] || return 1
  shift
  frames=$5 size=$6
  shift 8
  salts="$1 $2" first=${17}
  # Reset, and not written since: the frames in the file are of before.
  # shellcheck disable=SC2046 # numbers
  set -- $(od -An -v -tu4 -j 16 -N 8 -- "$database-wal" 2>/dev/null)
  [ "$*" = "$salts" ] || frames=0 first=0
}

# Which of the pages 1 to $pages that the file lacks does no frame of the WAL bring? A checkpoint that was cut off leaves page 1
# written and others not, and the WAL has them all; where later transactions made the database smaller, fewer count.
lacks_pages() { # -> true, false, unknown, unread
  if ! shared_memory "$database"; then
    first=0 size=0 frames=0
    # shellcheck disable=SC2046 # numbers
    if [ -s "$database-wal" ] && [ "$(numbers "$database-wal" 0 8:4)" = "$page " ]; then
      # None when pages are missing by more than there are frames, too: SQLite refuses to checkpoint that.
      frames=$(recovered_frames "$database" "$(stat -L -c %s -- "$database-wal")" "$page")
    fi
    case $frames in no-room) echo unknown; return ;; unread) echo unread; return ;; esac
  fi
  # each frame: its page and, at the end of a transaction, the size of the database in pages
  { [ "$frames" -eq 0 ] || od -An -v --endian=big -tu4 -w$((24 + page)) -j 32 -N $((frames * (24 + page))) -- "$database-wal" | cut -c 1-22; } |
    awk -v first="$first" -v size="$size" -v pages="$pages" -v held="$held" -v lock=$((1073741824 / page + 1)) '
      NR > first { brought[$1 + 0] = 1 }
      $2 > 0 { size = $2 + 0 }
      END {
        if (size > 0) pages = size
        # the page of the lock bytes is never written
        if (pages - held > NR + 1) { print "true"; exit }
        for (number = held + 1; number <= pages; number++)
          if (number != lock && !(number in brought)) { print "true"; exit }
        print "false"
      }'
}

# A transaction without a WAL was cut off: what its journal leaves is for SQLite to say.
lacks_after_rollback() { # -> true, false, unknown, unread
  rm -f "$scratch/copy" "$scratch/copy-journal"
  if cp -- "$database" "$scratch/copy" 2>/dev/null && cp -- "$database-journal" "$scratch/copy-journal" 2>/dev/null; then
    said=$(sqlite3 -batch "$scratch/copy" 'PRAGMA quick_check(1)' 2>&1) || :
    case $said in ok) echo false ;; *'is full'* | *'disk I/O'*) echo unknown ;; *) echo true ;; esac
  elif reads_through "$database" && reads_through "$database-journal"; then
    echo unknown
  else
    echo unread
  fi
  rm -f "$scratch/copy" "$scratch/copy-journal"
}

is_short() { # DATABASE -> true, false, unknown, unread
  database=$1
  promises_more "$1" || { echo false; return; }
  if [ "$(od -An -tx1 -N 8 -- "$1-journal" 2>/dev/null)" = ' d9 d5 05 f9 20 a1 63 d7' ]; then lacks=$(lacks_after_rollback)
  else lacks=$(lacks_pages); fi
  # Looked at while Litestream was checkpointing: afterwards the file is whole, and the WAL may be begun anew.
  promises_more "$1" || lacks=false
  echo "$lacks"
}

identity() { # FILE -> JSON; null when it cannot be looked at
  if [ -f "$1" ] && [ ! -h "$1" ]; then
    counter=$(numbers "$1" 0 24:4)
    counter=${counter% }
    stat -c "{\"inode\":%i,\"size\":%s,\"mtime\":%Y,\"counter\":${counter:-null}}" -- "$1"
  else
    printf null
  fi
}
wal_identity() { # DATABASE -> JSON; null without a WAL
  if [ -f "$1-wal" ]; then stat -c '"%i %s %Y"' -- "$1-wal"; else printf null; fi
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
  barred=$(barred_by "$path" "$ltx")
  wal=missing short=false
  if [ "$barred" = null ] && is_database "$path"; then
    wal=$(wal_kind "$path" "$ltx") short=$(is_short "$path")
    case $wal:$short in
      unread:*) barred=$(bar error "$path-wal") ;;
      *:unread) barred=$(bar error "$path") ;;
      *:unknown) short='"unknown"' ;;
    esac
  elif [ "$barred" = null ]; then
    printf '{"file":false,"l0":%s,"wal":"missing","id":null,"walId":null,"short":false,"barred":null}\n' "$l0"
    continue
  fi
  [ "$barred" = null ] || { wal=unread short=false; }
  printf '{"file":true,"l0":%s,"wal":"%s","id":%s,"walId":%s,"short":%s,"barred":%s}\n' \
    "$l0" "$wal" "$(identity "$path")" "$(wal_identity "$path")" "$short" "$barred"
done
