# What keeps the app's user from a database that is there, or may be; read by wal.sh. Only what the kernel says is not there
# (ENOENT) is missing: anything else may hold rows that no replica has.
# shellcheck shell=sh

# Printable ASCII without " and \, for a JSON string on one line.
shown() { printf %s "$1" | tr -c ' !#-[]-~' '?'; }

bar() { # WHY PATH [OWNER]
  printf '{"why":"%s","what":"%s","owner":"%s"}' "$1" "$(shown "$2")" "$(shown "${3-}")"
}

# Closed by somebody else, or by a mode of its own user's.
bar_closed() { # WHY-IF-ANOTHER-OWNER PATH
  owner=$(stat -L -c '%U %u' -- "$2" 2>/dev/null) || owner='another user'
  case $owner in 'UNKNOWN '*) ;; *' '[0-9]*) owner=${owner% *} ;; esac
  if [ -O "$2" ]; then bar mode "$2" "$owner"; else bar "$1" "$2" "$owner"; fi
}

# By the word of the kernel: a test of the shell calls everything missing that it cannot look at.
is_missing() { # PATH   a link is there, wherever it leads
  if [ -h "$1" ]; then return 1; fi
  said_of_it=$(stat -- "$1" 2>&1 >/dev/null) && return 1
  case $said_of_it in *': No such file or directory') return 0 ;; *) return 1 ;; esac
}
# What lies in a folder is not missing because the folder cannot be read to its end.
lists() { ls -f -- "$1" >/dev/null 2>&1 || is_missing "$1"; }

# Said of the first thing that bars: WHY is owner, way (a folder on the way, of somebody else), above (one
# that is none of the database's), mode, error, link, folder, file, other.
# What is gone by the second look was removed meanwhile: SQLite and Litestream clear away after themselves.
barred_by() { # DATABASE NEWEST-LTX -> JSON, or null
  if ! said=$(stat -- "$1" 2>&1 >/dev/null); then bars_the_way "$1" "$said"; return; fi
  for part in "$1" "$1-wal" "$1-shm" "$1-journal" "$2"; do
    if [ -f "$part" ] && [ ! -h "$part" ] && [ -r "$part" ]; then continue; fi
    if [ -h "$part" ]; then bar link "$part"
    elif [ -d "$part" ]; then bar folder "$part"
    elif [ -f "$part" ]; then bar_closed owner "$part"
    elif [ -e "$part" ]; then bar other "$part"
    elif is_missing "$part"; then continue
    else bar error "$part"; fi
    return
  done
  own="${1%/*}/.${1##*/}-litestream"
  for part in "$own" "$own/ltx" "$own/ltx/0"; do
    if [ -d "$part" ] && [ -r "$part" ] && [ -x "$part" ] && lists "$part"; then continue; fi
    if [ -d "$part" ] && [ -r "$part" ] && [ -x "$part" ]; then bar error "$part"
    elif [ -d "$part" ]; then bar_closed owner "$part"
    elif [ -e "$part" ]; then bar file "$part"
    elif is_missing "$part"; then break
    # a link to what is not there is no place that Litestream has never been to
    elif [ -h "$part" ]; then bar link "$part"
    else bar error "$part"; fi
    return
  done
  for part in "$1" "$1-wal" "$1-journal" "$2"; do
    [ -e "$part" ] || continue
    head -c 1 -- "$part" >/dev/null 2>&1 || [ ! -e "$part" ] || { bar error "$part"; return; }
  done
  printf null
}

# The database's name was not to be had: why, and what is the nearest thing above it that can be looked at?
bars_the_way() { # DATABASE WHAT-STAT-SAID
  above=$1
  while above=${above%/*} && [ -n "$above" ] && ! stat -- "$above" >/dev/null 2>&1; do :; done
  case $2 in
    # a link to what is not there: a disk that is not mounted, say
    *': No such file or directory') if [ -h "$above" ] && [ ! -e "$above" ]; then bar link "$above"; else printf null; fi ;;
    *': Permission denied')
      # those that provision gives back, and those that are nobody's business but their owner's
      case $above in "${1%/*}" | /var/lib/*) bar_closed way "$above" ;; *) bar_closed above "${above:-/}" ;; esac
      ;;
    *': Not a directory') bar file "$above" ;;
    *) bar error "$1" ;;
  esac
}
