#!/bin/sh
# The journal of an app's units, for `streamside logs`.
#
# Usage: sh ./logs.sh ARG…        as root; ARG: arguments of journalctl. With --follow among them it goes on until nobody reads
# Exit: that of journalctl
set -eu

# The newest lines since a time: given both, the journalctl of Debian 12 prints the oldest ones since then. So it is asked backwards where
# they begin. Without any it goes on as it was asked.
case " $* " in
  *' --lines='*' --since='*)
    set -- "$@" --
    asked=
    while [ "$1" != -- ]; do
      case $1 in
        --follow) asked=$1 ;;
        *) set -- "$@" "$1" ;;
      esac
      shift
    done
    shift
    from=$(journalctl "$@" --output=cat --reverse --show-cursor 2>/dev/null | sed -n '$s/^-- cursor: //p')
    if [ -n "$from" ]; then
      for arg; do
        shift
        case $arg in --lines=* | --since=*) ;; *) set -- "$@" "$arg" ;; esac
      done
      set -- "$@" "--cursor=$from"
    fi
    [ -z "$asked" ] || set -- "$@" "$asked"
    ;;
esac

case " $* " in *' --follow '*) ;; *) exec journalctl "$@" ;; esac

# Whoever reads this may be gone without a word, and a journal in which nothing happens would never find out: an empty line now and
# then does. It ends with the reader, and takes journalctl along.
journalctl "$@" &
journal=$!
trap 'kill "$journal" 2>/dev/null || :' EXIT
trap 'exit 141' PIPE
trap 'exit 143' TERM HUP INT
while kill -0 "$journal" 2>/dev/null; do
  sleep 2
  echo || exit 141
done
wait "$journal"
