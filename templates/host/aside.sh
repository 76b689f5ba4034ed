#!/bin/sh
# Puts what belongs to a database aside, WAL and Litestream's own folder too: a leftover of one history beside a file of another
# breaks both.
#
# Usage: aside.sh FOLDER[/SUBFOLDER] DATABASE FILE…     as the app's user; FOLDER below that of DATABASE, the FILEs by their names
# Exit: 0 they are there, and the move is on disk; 1 something could not be moved.
# The app may have put anything in FOLDER's place, a link out of its folder among it: that is moved out of the way first.
set -eu
home=${2%/*}
target=$home/$1
shift 2

# A folder in fact, not a link to one. mkdir(2) follows no link, and says so when somebody was quicker.
make_folder() { # PATH
  if [ -h "$1" ] || { [ -e "$1" ] && [ ! -d "$1" ]; }; then
    taken=$1.taken-$(date -u +%Y%m%dT%H%M%SZ)-$$
    mv -T -- "$1" "$taken"
    echo "<4>$1 was no folder: it is $taken now" >&2
  fi
  [ -d "$1" ] || mkdir -m 0700 -- "$1"
}

for name; do
  file=$home/$name
  [ -e "$file" ] || [ -h "$file" ] || continue
  case ${target#"$home/"} in */*) make_folder "${target%/*}" ;; esac
  make_folder "$target"
  # two restores within a second, or a clock that was set back: nothing that is kept is written over
  if [ -e "$target/$name" ] || [ -h "$target/$name" ]; then mv -T -- "$target/$name" "$target/$name.before-$$"; fi
  mv -- "$file" "$target/"
done
sync "$home"
