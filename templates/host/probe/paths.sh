# Files, folders, trees and databases; read by probe.sh.
# shellcheck shell=sh disable=SC2154 # variables are shared with the program that sources it

# One stat and one sha256sum for all files: on a Raspberry Pi a fork costs milliseconds, and there are dozens of files.
paths() {
  set --
  found='' index=0
  while IFS=$tab read -r _ _ user encoded; do
    if [ "$user" != root ]; then index=$((index + 1)); continue; fi
    decode "$encoded"
    if [ -h "$decoded" ]; then
      say link "$index" "$(readlink -n -- "$decoded" | base64 -w0)"
    elif [ -e "$decoded" ]; then
      set -- "$@" "$decoded"; found="$found $index"
    fi
    index=$((index + 1))
  done <paths
  say found "${found# }"
  [ $# -gt 0 ] || return 0
  stat --printf "stat$tab%a$tab%U$tab%G$tab%s$tab%F\n" -- "$@"
}

digests() {
  set --
  wanted=
  index=0
  : >differing
  while IFS=$tab read -r sha show user encoded; do
    if [ "$user" != root ]; then index=$((index + 1)); continue; fi
    decode "$encoded"
    if [ ! -h "$decoded" ] && [ -f "$decoded" ]; then
      set -- "$@" "$decoded"; wanted="$wanted $index:$sha:$show"
    fi
    index=$((index + 1))
  done <paths
  say hashed "${wanted# }"
  [ $# -gt 0 ] || return 0
  # sha256sum escapes a newline in a name and marks the line with a backslash: one line a file in any case
  sha256sum -- "$@" | sed 's/^\\\{0,1\}\([0-9a-f]\{64\}\).*/\1/' >hashes
  exec 3<hashes
  for entry in $wanted; do
    IFS= read -r got <&3 || { echo "probe: a file vanished while it was read" >&2; exit 1; }
    say sha256 "$got"
    index=${entry%%:*} rest=${entry#*:}
    if [ "${rest%:*}" != "$got" ] && [ "${rest#*:}" = 1 ]; then
      size=$(stat -c %s -- "$1")
      [ "$size" -gt 65536 ] || say content "$index" "$(base64 -w0 <"$1")"
    fi
    shift
  done
  exec 3<&-
}

# What lies below apps' own folders is looked at as their users, all side by side. What comes back is not trusted: only lines of its
# kind are passed on, each with the user that it comes from.
own_paths() {
  users=$(cut -f3 paths | sort -u)
  for user in $users; do
    [ "$user" = root ] ||
      awk -F "$tab" -v user="$user" '$3 == user { print NR - 1 FS $1 FS $2 FS $4 }' paths | look_own "$user" "own.$user" &
  done
  wait
  for user in $users; do
    [ ! -e "own.$user" ] || sed -n "s/^own$tab/own$tab$user$tab/p" "own.$user"
  done
}

trees() {
  index=0
  while IFS= read -r encoded; do
    decode "$encoded"
    target=$decoded
    if [ -h "$target" ]; then target=$(readlink -f -- "$decoded"); fi
    if [ -e "$target" ]; then
      content=-
      [ ! -e verify ] || content=$(content_signature "$target")
      say tree "$index" "$(stat_signature "$target")" "$content" "$(printf %s "$target" | base64 -w0)"
    fi
    index=$((index + 1))
  done <trees
  [ ! -s /var/lib/streamside/signatures ] || sed "s/^/signature$tab/" /var/lib/streamside/signatures
}

databases() {
  index=0
  while IFS=$tab read -r look encoded; do
    decode "$encoded"
    # one stat, of the file itself: an app may put a link there
    if [ ! -h "$decoded" ] && [ -f "$decoded" ]; then
      # Whose it is, and its mode, and then that of all that lies beside it: the app, or Litestream as its user, has to write to it.
      size=$(stat -c %s -- "$decoded" 2>/dev/null) || size=
      owners=$(stat -c "%U$tab%G$tab%a" -- "$decoded" "$decoded-wal" "$decoded-shm" "$decoded-journal" "${decoded%/*}/.${decoded##*/}-litestream" 2>/dev/null | tr '\n' '\t') || :
      [ -z "$size" ] || say database "$index" "$size" "${owners%"$tab"}"
      if [ "$look" = 1 ]; then
        say journal "$index" "$(written_as "$decoded")"
        stat -c %U -- "$decoded" >>service-users
      fi
    fi
    # SQLite and Litestream make files beside a database
    lies_in=$(stat -L -c "%U$tab%G$tab%a" -- "${decoded%/*}" 2>/dev/null) && say database-folder "$index" "$lies_in"
    index=$((index + 1))
  done <databases
}
