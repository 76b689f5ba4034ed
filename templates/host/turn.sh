#!/bin/sh
# The turn of an app that runs on several hosts. Whoever restarts it on one of them holds its turn, on the first of them, meanwhile:
# two operators whose --limit name different hosts have no host in common that would keep them apart.
#
# Usage: sh ./turn.sh hold APP HOST WHO [AFTER]   to work on HOST; AFTER is the record of one that was left, which this one replaces
#        sh ./turn.sh break APP HOST WHO          whoever has it
#        sh ./turn.sh give APP HOST WHO
# The record is `HOST<tab>WHO`. hold and break print `held` and then go on until the connection ends: it is the connection that holds the
# turn. break prints `held RECORD` when somebody had it. Else hold prints `busy RECORD`, or `left RECORD<tab>AGE` (seconds) when the connection of the one who took it is
# gone: what that one began on HOST may still be under way there, or only be on its way.
# Exit: 0 given back, 1 something is wrong, 5 busy, 6 left.
set -eu
export LC_ALL=C
umask 077
verb=$1 app=$2
record=$(printf '%s\t%s' "$3" "$4")
tab=$(printf '\t')
turns=/var/lib/streamside/turns
turn=$turns/$app
broken=

say() { # WORD
  held=$(head -n 1 "$turn" 2>/dev/null) || :
  printf '%s\t%s\t%s\n' "$1" "${held:-?${tab}somebody who is just beginning}" "$(($(date +%s) - $(stat -c %Y "$turn" 2>/dev/null || date +%s)))"
}

hold() { # AFTER
  exec 9>>"$turn.held"
  # one that has just given it back, or lost its connection, is noticed within seconds
  flock -w 6 9 || { say busy; exit 5; }
  if [ -e "$turn" ] && [ "$(head -n 1 "$turn")" != "$1" ]; then say left; exit 6; fi
  printf '%s\n' "$record" >"$turn.new"
  sync "$turn.new"
  mv "$turn.new" "$turn"
  printf 'held%s\n' "${broken:+$tab$broken}"
  # That the other end is gone shows only when something is written.
  while sleep 2; do echo; done
}

mkdir -p "$turns"
case $verb in
  hold) hold "${5-}" ;;
  break)
    broken=$(head -n 1 "$turn" 2>/dev/null) || :
    # its holder keeps a file that has no name any more
    rm -f "$turn.held" "$turn"
    hold ''
    ;;
  give) if [ "$(cat "$turn" 2>/dev/null || :)" = "$record" ]; then rm "$turn"; fi ;;
  *) echo "usage: turn.sh hold|break|give APP HOST WHO" >&2; exit 1 ;;
esac
