#!/bin/sh
# The turn of an app that runs on several hosts. Whoever restarts it on one of them holds its turn, on the first of them, meanwhile:
# two operators whose --limit name different hosts have no host in common that would keep them apart.
#
# Usage: sh ./turn.sh hold APP HOST WHO [AFTER]   to work on HOST; AFTER is the record of one that was left, which this one replaces
#        sh ./turn.sh break APP HOST WHO          whoever has it
#        sh ./turn.sh give APP HOST WHO
# The record is `HOST<tab>WHO`. hold and break print `held` and then go on until the connection ends: it is the connection that holds the
# turn; or until another's name stands in the record. break prints `held RECORD` when somebody had it. Else hold prints
# `busy RECORD<tab>AGE`, or `left RECORD<tab>AGE` when the connection of the one who took it is gone: what that one began on HOST
# may still be under way there, or only be on its way.
# AGE: seconds since that connection was last seen to be up. HOST is empty in a record that is damaged.
# Exit: 0 given back, 1 something is wrong, 5 busy, 6 left, 7 another has it now.
set -eu
export LC_ALL=C
umask 077
verb=$1 app=$2
tab=$(printf '\t')
turns=/var/lib/streamside/turns
turn=$turns/$app
broken='' last=
# Here and not the record's own time: a clock that is set, by a time server after a boot say, changes no age. Gone at a boot, and
# with it the connection.
seen=/run/streamside/turns/$app

# A line that is a record, whatever somebody has written there: HOST and WHO, and no other tab or control character.
canonical() { # LINE
  line=$(printf '%s' "$1" | tr -d '\000-\010\012-\037\177')
  case $line in
    *"$tab"*) printf '%s\t%s' "${line%%"$tab"*}" "$(printf '%s' "${line#*"$tab"}" | tr '\t' ' ')" ;;
    *) printf '\t%s' "$line" ;;
  esac
}

recorded() { canonical "$(head -c 1000 "$turn" 2>/dev/null | tr -d '\000' | head -n 1)"; }

record=$(canonical "$3$tab$4")

uptime() {
  read -r up _ </proc/uptime
  echo "${up%.*}"
}

age() {
  now=$(uptime) at=
  [ ! -r "$seen" ] || read -r at <"$seen" || :
  case ${at#-} in '' | *[!0-9]* | ????????????*) at=0 ;; esac
  [ "$at" -le "$now" ] || at=$now
  echo "$((now - at))"
}

say() { # WORD
  held=${last:-"?${tab}somebody who is just beginning"}
  [ ! -e "$turn" ] || held=$(recorded)
  printf '%s\t%s\t%s\n' "$1" "$held" "$(age)"
}

note_seen() {
  uptime >"$seen.new"
  mv "$seen.new" "$seen"
}

hold() { # AFTER
  exec 9>>"$turn.held"
  # One that has just given it back, or lost its connection, is noticed within seconds; one without a record is about to be free, or to
  # be written down.
  waited=0
  until flock -w 1 9; do
    [ ! -e "$turn" ] || last=$(recorded)
    waited=$((waited + 1))
    if [ "$waited" -ge 6 ] && { [ -e "$turn" ] || [ "$waited" -ge 15 ]; }; then say busy; exit 5; fi
  done
  if [ -e "$turn" ] && [ "$(recorded)" != "$1" ]; then say left; exit 6; fi
  note_seen
  printf '%s\n' "$record" >"$turn.new"
  sync "$turn.new"
  mv -T "$turn.new" "$turn"
  sync "$turns"
  printf 'held%s\n' "${broken:+$tab$broken}"
  # That the other end is gone shows only when something is written.
  while sleep 2; do
    [ "$(recorded)" = "$record" ] || exit 7
    echo
    note_seen
  done
}

mkdir -p "$turns" "${seen%/*}"
case $verb in
  hold) hold "${5-}" ;;
  break)
    [ ! -e "$turn" ] || broken=$(recorded)
    # its holder keeps a file that has no name any more
    rm -f "$turn.held" "$turn"
    hold ''
    ;;
  give) if [ "$(recorded)" = "$record" ]; then rm "$turn"; fi ;;
  *) echo "usage: turn.sh hold|break|give APP HOST WHO" >&2; exit 1 ;;
esac
