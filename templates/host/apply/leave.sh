# Apps that leave a host; read by apply.sh.
# shellcheck shell=sh disable=SC2154

let_go=''
moving=''

let_go_of() { # APP ask|'' [UNIT: stopped, and started again when it stays]
  # shellcheck disable=SC2086 # a word of ours, or none
  ! /usr/local/lib/streamside/launch release.sh "$1" $2 >"$payload/said" || return 0
  # held by its gate, it was waiting for its next try
  case ${3:+$was} in active | activating | reloading) systemctl start --no-block "$3" ;; esac
  IFS="$tab" read -r code text next <"$payload/said" || :
  # a program of an earlier release cannot be asked: the proof will tell
  [ "$2:$code" != ask:running ] || return 0
  fail 16 "not-released:$1" "${text:-$(last_lines 3)}${next:+ ($code; $next)}; it stays${let_go:+. Stopped and released before it, to be removed by the next run:$let_go}"
}

# Before anything of the host's but its packages is changed: an app whose data the replica does not hold for sure stays as it is.
# Stopped first, for a proof is one only while nobody writes.
step_leave() { # N APP UNIT removed|given-back [NEW NAME [HALF…]]
  step leave "$2"
  # Its user is renamed only after its release: a transaction that did that was cut off, or failed, later on.
  if ! getent passwd "$2" >/dev/null && renamed_already "$@"; then
    let_go="$let_go $2"
    record made "$1"
    return 0
  fi
  [ -z "${5-}" ] || [ ! -e "/etc/streamside/apps/$2/gate.json" ] || await_taken_up "$2" "$3"
  # for a bucket that is away nothing has to stop
  [ ! -e "/etc/streamside/apps/$2/gate.json" ] || let_go_of "$2" ask
  was=$(systemctl show -P ActiveState "$3")
  gone "$3" || systemctl stop "$3" || fail 15 unit "systemctl stop $3: $(last_lines 3)"
  [ ! -e "/etc/streamside/apps/$2/gate.json" ] || let_go_of "$2" '' "$3"
  [ "$4" != given-back ] || [ ! -e "/etc/streamside/apps/$2/gate.json" ] || /usr/local/lib/streamside/launch give-back.sh "$2" ||
    fail 15 unit "what Litestream keeps in the databases of $2 could not be taken out: $(last_lines 3)"
  let_go="$let_go $2"
  record made "$1"
}

# An app whose databases get another place. With its configuration of before, for by the next one the stop would look at what lies in
# the new place, and that may be an old copy: how this stop leaves the files is what tells its gate (decide/stale.jq).
step_halt() { # N APP UNIT PATH…
  number_of_halt=$1 app=$2 unit=$3; shift 3
  await_start "$app" "$unit"
  for path; do
    who=$(deleted_under "$unit" "$path")
    [ -z "$who" ] || fail 16 "not-proven:$app" "$path was deleted or replaced under the running app: $who. What it has written since is there alone: copy that before you stop it"
  done
  step stop "$unit"
  note_halted "$unit"
  gone "$unit" || systemctl stop "$unit" || fail 15 unit "systemctl stop $unit: $(last_lines 3)"
  moving="$moving $app"
  if ! grep -qs '"proved":true' "/var/lib/streamside/apps/$app/clean"; then
    # nothing lies there: never made, or lost, and then the replica is all that there is
    for path; do
      if [ -e "$path" ] || [ -h "$path" ]; then
        fail 16 "not-proven:$app" "$path: $(why_unproven "$app")"
      fi
    done
  fi
  # its gate starts it again, with what is laid by then
  gone "$app-litestream.service" || systemctl stop "$app-litestream.service" || fail 15 unit "systemctl stop $app-litestream: $(last_lines 3)"
  record made "$number_of_halt"
}

# A start that is still on its way, as after a boot, has no proof to leave when it is cut off, and its Litestream none to give before it is
# up. An app that its gate refuses would not come to an end of this, nor one that does not stay up.
await_start() { # APP UNIT
  until_then=$(($(date +%s) + 300))
  while starts "$2" || starts "$1-litestream.service"; do
    [ ! -s "/var/lib/streamside/apps/$1/reason" ] && [ "$(date +%s)" -lt "$until_then" ] || return 0
    sleep 1
  done
}
starts() { # UNIT
  [ "$(systemctl show -P ActiveState "$1")" = activating ] && [ "$(systemctl show -P SubState "$1")" != auto-restart ]
}

# Proofs are of this boot. What its stop found, its check has found by then, or its gate has said.
why_unproven() { # APP
  why=$(jq -r 'select(.held | not) | .text // empty' "/run/streamside/proof/$1" 2>/dev/null) || why=
  [ -n "$why" ] || why=$(jq -r '"\(.text) (\(.code))"' "/var/lib/streamside/apps/$1/reason" 2>/dev/null) || why=
  printf '%s\n' "${why:-it was stopped before it had proven anything since the boot, or the last proof was of before this stop}"
}

# That the gate found no database in the new place, or another copy, was said in the plan: nothing to be told of for longer.
moved() {
  for app in $moving; do
    for code in no-files stale-files; do
      rm -f -- "/var/lib/streamside/apps/$app/alerts/gate-$code" "/run/streamside/alerts/$app/gate-$code"
    done
  done
}

renamed_already() { # N APP UNIT HOW [NAME…]
  shift 4
  for name; do ! getent passwd "$name" >/dev/null || return 0; done
  false
}

# A rename to this name was cut off before its data were proven here, and only what is proven can be let go: its gate goes on.
await_taken_up() { # APP UNIT
  until_then=$(($(date +%s) + 300))
  until /usr/local/lib/streamside/launch release.sh "$1" ask >"$payload/said"; do
    IFS="$tab" read -r code text next <"$payload/said" || :
    # any other reason is told by whoever asks next
    case $code in restore-under-way | locked) ;; *) return 0 ;; esac
    [ "$(date +%s)" -lt "$until_then" ] || return 0
    systemctl start --no-block "$2"
    sleep 1
  done
}

# Folders of ours that hold no data: releases, and the configuration with its keys. What somebody else has put there is nobody's
# to remove but theirs, and keeps its folder.
step_purge() { # N PATH
  case $2 in
    /opt/*)
      for release in "$2"/releases/*; do ! is_release "${release##*/}" || rm -rf -- "$release"; done
      rm -f -- "$2/current"
      rmdir -- "$2/releases" 2>/dev/null || :
      ;;
    # its files were removed by their names in the manifest
    /etc/streamside/apps/*) ;;
    *) fail 1 purge "$2 is not streamside's to remove" ;;
  esac
  [ ! -e "$2" ] || rmdir -- "$2" 2>/dev/null ||
    step left "$2 stays: $(find "$2" -mindepth 1 -printf '%P ' | head -c 300)is not streamside's"
  record made "$1"
}

# By its digest, as step_release names it; one that was being replaced has what the transaction calls it behind that.
is_release() { # NAME
  name=${1%%.damaged-*}
  case $name in *[!0-9a-f]*) false ;; *) [ "${#name}" -eq 64 ] ;; esac
}
