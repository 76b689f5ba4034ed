#!/bin/sh
# Lets go of an app that leaves this host: proof that the replica holds everything, then RELEASE (ownership.md).
#
# Usage: release.sh APP        as root, by a transaction that has stopped the app (apply/leave.sh)
#        release.sh APP ask    before that: would it be refused whatever the proof said? The app runs on meanwhile
# Prints one line: CODE TAB TEXT TAB NEXT.
# Exit: 0 released, or there was nothing to let go; 1 not: the app has to stay.
# shellcheck disable=SC2154,SC2034 # variables are shared with the parts below
set -eu
export LC_ALL=C
umask 077
app=$1 only=${2-}
lib=${0%/*}
for part in state verdict facts store s3 directory replica daemon deleted prove rescue; do
  # shellcheck source=/dev/null
  . "$lib/$part.sh"
done

# As its gate would say from now on. An app that is in the inventory again before it was taken away is known by that.
let_go() { # TEXT
  remember reason "$(printf '{"time":"%s","since":%s,"code":"let-go","text":%s,"next":%s}' \
    "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$(date +%s)" "$(json "$1")" "$(json 'run streamside provision: it takes the app up again')")"
}

answer() { # EXIT CODE TEXT NEXT
  printf '%s\t%s\t%s\n' "$2" "$3" "$4"
  exit "$1"
}

# An app that starts at this very moment has its gate at work: it holds the lock.
lock_or_answer() { take_lock 60 || answer 1 locked "another program is at work on $app" 'run this again'; }

proven() { # -> $held, $why, $tip
  held=false why='no proof was made' tip='{}'
  proof 30
  why=$text proven_tip=$tip
  ! is held || held=true
  if [ "$held" = true ]; then
    carry_over || answer 1 "$code" "$text" "$next"
    write_tip || :
  fi
  tip=$proven_tip
  [ "$tip" != null ] || tip='{}'
}

# Before it is stopped: what it has written since would be gone with it, and no proof would miss it.
# shellcheck disable=SC2317 # each_db calls it
answer_deleted() {
  who=$(deleted_under "$unit" "$path")
  [ -z "$who" ] || answer 1 not-proven "$path was deleted or replaced under the running app: $who. What it has written since is there alone" 'copy that, then run this again'
}

open_verdicts
read_config
me=$(sh "$lib/host-id.sh")
began=$(date +%s)
files=null remote=null
lock_or_answer
open_scratch
[ "$only" = ask ] || [ ! -e "$run/running/$app" ] || answer 1 running "$app runs" 'stop it first'
# A directory is mounted for this: an earlier run may have been cut off when it had just unmounted it.
still_mounted || systemctl start "$(systemd-escape --path --suffix=mount -- "$replica_root")" 2>/dev/null || :
held=false why='' tip='{}'
get_owner 3
ask "{\"ask\":\"release\",$(facts),\"held\":false,\"why\":\"\",\"tip\":{}}"
if [ "$only" = ask ]; then
  each_db answer_deleted
  case $act:$code in refuse:not-proven | release:* | gone:*) answer 0 '' '' '' ;; *) answer 1 "$code" "$text" "$next" ;; esac
fi
if [ "$act" = refuse ] && [ "$code" = not-proven ]; then
  # The proof asks Litestream. It looks for itself whether it may run, under this lock.
  release_lock
  start_litestream || :
  lock_or_answer
  look_local
  proven
  get_owner 3
  ask "{\"ask\":\"release\",$(facts),\"held\":$held,\"why\":$(json "$why"),\"tip\":$tip}"
fi
case $act in
  gone)
    case $only:$text in :*' is released already') let_go "$text" ;; esac
    answer 0 "$code" "$text" "$next"
    ;;
  release)
    said=$text
    # They may go on under another name, from what was proven just now: a stop that was killed has left them in memory.
    each_db flush
    put_owner "$put" "$etag" false 60 || answer 1 "$code" "$text" "$next"
    say 5 "$said"
    let_go "$said"
    answer 0 released "$said" ''
    ;;
  *) answer 1 "$code" "$text" "$next" ;;
esac
