#!/bin/sh
# The journal of an app's units, for `streamside logs`.
#
# Usage: sh ./logs.sh ARG…        as root; ARG: arguments of journalctl. With --follow among them it goes on until nobody reads
# Exit: that of journalctl
set -eu
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
