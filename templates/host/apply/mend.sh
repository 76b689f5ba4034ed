# What others have done to what is ours, taken back; read by apply.sh.
# shellcheck shell=sh disable=SC2154

# Somebody's drop-in over a unit of ours: kept, for only its author knows what it was for.
step_set_aside() { # N PATH
  kept=/var/lib/streamside/set-aside/$id${2%/*}
  step set-aside "$2"
  mkdir -p -- "$kept"
  mv -T -- "$2" "$kept/${2##*/}"
  sync -- "${2%/*}" "$kept"
  rmdir -- "${2%/*}" 2>/dev/null || :
  # shellcheck disable=SC2034 # read by reload in units.sh
  unit_files_changed=yes
  record made "$1"
}

# A folder below an app's own that has become somebody else's. It is entered, and what was entered gets its owner: a folder for
# certain, which unlike a file cannot have a second name elsewhere.
own_folder() { # PATH USER:GROUP
  (
    enter "$1" || fail 13 in-the-way "a link stands on the way to the folder $1, or in its place"
    [ "$(stat -c %U .)" != "${2%:*}" ] || exit 0
    on_mount_of_state . "$1" || fail 13 in-the-way "the folder $1 is on another mount, and belongs to $(stat -c %U .)"
    chown -- "$2" .
  )
}

# Since when the database, or what belongs to it, has been closed to its owner: seconds since the epoch, far off when it is not.
closed_since() { # PATH
  for file in "$1" "$1-wal" "$1-shm"; do
    case $(stat -c %A -- "$file" 2>/dev/null) in '' | ?rw*) ;; *) stat -c %Z -- "$file" 2>/dev/null || : ;; esac
  done | sort -n | head -n 1 | grep . || echo 9999999999
}

# The app may have made what lies above its database a link: root would hand it what it leads to. The folder is entered once, and
# is the one of that name or none; from there nothing is followed, -h for the file itself.
step_own() { # N USER:GROUP PATH [open UNIT…: its owner is to read and write it, and these units use it]
  step own "$3"
  closed=$(closed_since "$3")
  (
    cd -P -- "${3%/*}" || exit 1
    [ "$(pwd -P)" = "${3%/*}" ] || fail 15 link-in-path "the way to $3 leads over a link, to $(pwd -P): its owner was not changed"
    name=${3##*/}
    # A second name of a file may lie anywhere, made by the app: root would hand it what that is.
    named_twice=$(find "./$name" "./$name-wal" "./$name-shm" "./$name-journal" "./.$name-litestream" -type f -links +1 ! -user "${2%:*}" -print -quit 2>/dev/null) || :
    [ -z "$named_twice" ] || fail 15 hard-link "${3%/*}/${named_twice#./} has a second name elsewhere, so whose it is cannot be known: its owner was not changed"
    for file in "$name" "$name-wal" "$name-shm" "$name-journal" ".$name-litestream"; do
      if [ -e "./$file" ] || [ -h "./$file" ]; then chown -h -R -P -- "$2" "./$file"; fi
      # as that user, who may do so with what is its own alone
      if [ -n "${4-}" ] && [ -e "./$file" ]; then as "${2%:*}" chmod -R u+rwX -- "./$file"; fi
    done
  )
  number_of_own=$1
  shift 3
  [ $# -eq 0 ] || { shift; reopen "$@"; }
  record made "$number_of_own"
}

# Whoever was started while it was closed has it open for reading, or not at all, and does not look again.
reopen() { # UNIT…
  for unit; do
    begun=$(date -d "$(systemctl show -P ActiveEnterTimestamp "$unit")" +%s 2>/dev/null) || continue
    # any write, and the chmod as well, moves this time on
    [ "$closed" -le "$begun" ] || continue
    step restart "$unit"
    systemctl restart "$unit" || fail 15 unit "systemctl restart $unit: $(last_lines 3)"
  done
}

# A service's gate has switched a database to WAL mode at the start that this transaction made, and noted it (wal-mode.sh).
step_switched() { # N APP DATABASE
  ! grep -qsxF -- "$3" "/var/lib/streamside/apps/$2/switched" || record made "$1"
}
