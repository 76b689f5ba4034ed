# Apps that leave a host; read by apply.sh.
# shellcheck shell=sh disable=SC2154

let_go=''

# Before anything else of the transaction: an app whose data the replica does not hold for sure stays, and then nothing at all
# was changed. Stopped first, for a proof is one only while nobody writes.
step_leave() { # N APP
  step leave "$2"
  was=$(systemctl show -P ActiveState "$2.service")
  gone "$2.service" || systemctl stop "$2.service" || fail 15 unit "systemctl stop $2.service: $(tail -n 3 "$transaction/stderr")"
  if [ -e "/etc/streamside/apps/$2/gate.json" ]; then
    if ! /usr/local/lib/streamside/launch release.sh "$2" >"$payload/said"; then
      # held by its gate, it was waiting for its next try
      case $was in active | activating | reloading) systemctl start --no-block "$2.service" ;; esac
      IFS="$tab" read -r code text next <"$payload/said" || :
      fail 16 "not-released:$2" "${text:-$(tail -n 3 "$transaction/stderr")}${next:+ ($code; $next)}; it stays${let_go:+. Stopped and released before it, to be removed by the next run:$let_go}"
    fi
  fi
  let_go="$let_go $2"
  record made "$1"
}

# Folders of ours that hold no data: releases, and the configuration with its keys.
step_purge() { # N PATH
  case $2 in /opt/* | /etc/streamside/apps/*) rm -rf -- "$2" ;; *) fail 1 purge "$2 is not streamside's to remove" ;; esac
  record made "$1"
}
