# Checks, units, health and the records of a host transaction; read by apply.sh.
# shellcheck shell=sh disable=SC2154

unhealthy=
unmounted=
unit_files_changed=

check_staged() {
  check=$payload/check over_units=''
  mkdir -p "$check"
  while IFS="$tab" read -r temporary target _ validate _; do
    decode "$temporary"; from=$decoded
    decode "$target"
    case ${validate:-none} in
      unit) cp -- "$from" "$check/${decoded##*/}"; unit_files_changed=yes ;;
      drop-in)
        # judged as a part of the unit that it is laid over, which is somebody else's and lies in its own place
        unit_files_changed=yes
        over=${decoded%/*}; over=${over##*/}
        mkdir -p "$check/$over"
        cp -- "$from" "$check/$over/"
        over_units="$over_units ${over%.d}"
        ;;
      sh) sh -n "$from" 2>"$payload/said" || fail 13 not-valid "sh -n $decoded said: $(cat "$payload/said")" ;;
      json) jq -e . "$from" >/dev/null 2>"$payload/said" || fail 13 not-valid "jq said of $decoded: $(cat "$payload/said")" ;;
    esac
  done <"$staged"
  [ -n "$unit_files_changed" ] || return 0
  count=$(find "$check" -type f | wc -l)
  step validate "$count unit $([ "$count" = 1 ] && echo file || echo files)"
  # verify exits 0 for keys it does not know and only says "ignoring", so its words count and not its exit status. What it
  # says of other units of this machine is not our matter; a command that is laid by this very transaction is not there yet.
  set --
  for file in "$check"/*; do [ ! -f "$file" ] || set -- "$@" "$file"; done
  # shellcheck disable=SC2086 # names of units: no blanks
  SYSTEMD_UNIT_PATH="$check:" systemd-analyze verify --man=no "$@" $over_units >"$payload/said" 2>&1 || :
  complaints=
  for file in "$@" "$check"/*.d/*; do
    [ -e "$file" ] || continue
    complaint=$(grep -F -- "${file##*/}" "$payload/said" | grep -v -e 'is not executable' -e 'Failed to create .*/start' || :)
    [ -z "$complaint" ] || complaints="$complaints$complaint
"
  done
  [ -z "$complaints" ] || fail 13 not-valid "systemd-analyze verify said: $complaints"
}

reload() {
  [ -n "$unit_files_changed" ] || ! grep -q "^reload$tab" "$payload/steps" || unit_files_changed=yes
  [ -n "$unit_files_changed" ] || return 0
  step reload systemd
  systemctl daemon-reload
}

put_record() { # FROM TO
  cp -- "$1" "$2.new"
  sync -- "$2.new"
  mv -T -- "$2.new" "$2"
  sync -- "${2%/*}"
}

record_manifest() {
  put_record "$payload/members/manifest" /var/lib/streamside/manifest
}

# Nothing of it is left, file or process: a transaction that was cut off had come this far. systemctl has only an error for it.
gone() { # UNIT
  [ "$(systemctl show --property=LoadState --property=ActiveState --value "$1" | tr '\n' '/')" = not-found/inactive/ ]
}

# systemd keeps a unit that has failed in its list when its file is gone, and a check that is stopped at work counts as failed.
forgive() { # UNIT
  ! systemctl --quiet is-failed "$1" || systemctl reset-failed "$1"
}

# Before the reload, while systemd knows what depends on it: a mount goes after the app that lives in it.
step_retire() { # N UNIT
  step stop "$2"
  gone "$2" || systemctl stop "$2" || fail 15 unit "systemctl stop $2: $(last_lines 3)"
  forgive "$2"
  rm -f "$unseen/$2"
  if [ -e "/etc/systemd/system/$2" ]; then
    systemctl --quiet disable "$2" || fail 15 unit "systemctl disable $2: $(last_lines 3)"
  else
    # `disable` refuses a unit without its file, and leaves what it was enabled by
    rm -f -- /etc/systemd/system/*.wants/"$2"
  fi
  unit_files_changed=yes
  record made "$1"
}

step_disable() { # N UNIT
  systemctl --quiet disable "$2" || fail 15 unit "systemctl disable $2: $(last_lines 3)"
  record made "$1"
}

step_enable() { # N UNIT
  systemctl --quiet enable "$2" || fail 15 unit "systemctl enable $2: $(last_lines 3)"
  record made "$1"
}

# Not waited for: an app's start includes its gate, which may restore gigabytes. Health, below, is what waits.
step_start() { # N UNIT
  step start "$2"
  case $2 in
    *.mount)
      # waited for: what is planned next depends on what is there
      systemctl start "$2" || {
        unmounted="$unmounted $2"
        record problem not-mounted "$(printf '%s was not mounted: %s' "$2" "$(journalctl --unit="$2" --lines=3 --no-pager --output=cat 2>/dev/null | tr '\n' ' ')" | base64 -w0)"
        return 0
      }
      ;;
    *) systemctl start --no-block "$2" ;;
  esac
  record made "$1"
}

step_restart() { # N UNIT
  step restart "$2"
  systemctl show -P InvocationID "$2" >"$payload/before.$2"
  systemctl restart --no-block "$2"
  record made "$1"
}

# False as long as what runs is what ran before the restart: its job may not have begun yet.
renewed() { # UNIT
  [ ! -e "$payload/before.$1" ] || [ "$(systemctl show -P InvocationID "$1")" != "$(cat "$payload/before.$1")" ]
}

step_replicating() { replicating "$2"; } # N APP

# Seconds that a transaction waits for a gate: it goes on by itself afterwards, a restore of many gigabytes included.
gate_limit=1800

# Units whose health, or whose replica, a transaction has begun to wait for and has not seen: it may be cut off, by a person or by the
# power, and only a start that was seen to be good counts as done.
unseen=/var/lib/streamside/unhealthy

# Somebody else may have answered on its port, on which it is about to fail: for a second its process is still the same one.
stays_up() { # UNIT
  was=$(systemctl show --property=MainPID --property=InvocationID --value "$1")
  entered=$(systemctl show -P ActiveEnterTimestampMonotonic "$1")
  # both count from boot, systemd's in µs
  read -r up _ </proc/uptime
  [ "$((${up%.*} - entered / 1000000))" -ge 2 ] || sleep 1
  case $(state_of "$1") in active/*) [ "$(systemctl show --property=MainPID --property=InvocationID --value "$1")" = "$was" ] ;; *) false ;; esac
}

step_recheck() { record made "$1"; } # N UNIT   its health follows

# Before any of them is started: while others are waited for it has not been seen to be well, and who asks from another host must know.
mark_begun() { # N APP UNIT …
  mkdir -p "$unseen"
  : >"$unseen/$3"
  sync "$unseen"
}

# How far the gate is with what it restores, each 2 s and when it has changed: a line for each database that is being written, or checked.
tell_restoring() { # APP
  if [ ! -s "/run/streamside/restoring/$1" ]; then
    # what was restored goes to its new path, and is proven there
    case ${restoring_told-} in *"|$1 proving|"*) ;; *"|$1 "*) restoring_told="$restoring_told|$1 proving|"; step proving "$1" ;; esac
    return 0
  fi
  [ "$(date +%s)" -ge "${told_restoring:-0}" ] || return 0
  told_restoring=$(($(date +%s) + 2))
  # gone at any moment, and the gate with it
  cp "/run/streamside/restoring/$1" "$payload/restoring" 2>/dev/null || return 0
  while IFS="$tab" read -r database path whole; do
    path=$(printf %s "$path" | base64 -d).restoring
    if bytes=$(stat -c %s -- "$path.tmp" 2>/dev/null); then doing=restoring
    elif bytes=$(stat -c %s -- "$path" 2>/dev/null); then doing=checking
    else continue; fi
    line="$1 $database $doing $bytes"
    case ${restoring_told-} in *"|$line|"*) continue ;; esac
    restoring_told="${restoring_told-}|$line|"
    record progress "$1" "$database" "$doing" "$bytes" "$whole"
  done <"$payload/restoring"
}

step_health() { # N APP UNIT SECONDS KIND ARGUMENTS…
  app=$2 app_unit=$3 limit=$4; shift 4
  step health "$app"
  # whatever was said until then is of others
  : >"$payload/said"
  began=$(date +%s%N)
  health_began=${health_began:-$began}
  # Apps start side by side: what passed while others were waited for has passed for this one too, but for a last look.
  spent=$(((began - health_began) / 1000000))
  [ "$spent" -le $((limit * 1000 - 5000)) ] || spent=$((limit * 1000 > 5000 ? limit * 1000 - 5000 : 0))
  before=$began
  while :; do
    state=$(state_of "$app_unit")
    # done already: what was to be seen is that its gate has let it through, which records it
    if [ "$1" = once ] && [ "$state" = inactive/dead ] && [ -s "/run/streamside/started/$app_unit" ] &&
      [ "$(systemctl show -P Result "$app_unit")" = success ]; then state=active/exited; fi
    case $state in
      active/running | active/exited)
        if renewed "$app_unit" && healthy "$@" 2>"$payload/said" && answers=$(date +%s%N) && { [ "$1" = once ] || stays_up "$app_unit"; }; then
          now=$(date +%s%N)
          record healthy "$app" "$(((now - began) / 1000000))"
          printf '%s\n' "$answers" >"$payload/healthy-at.$app"
          rm -f "$unseen/$app_unit"
          # what it is well by: a later inventory may ask something that this release does not know
          mkdir -p /run/streamside/healthy
          [ "$1" = as-before ] || printf '%s\0' "$@" >"/run/streamside/healthy/$app_unit"
          replicating "$app"
          return 0
        fi
        ;;
      # Not counted against the app: the stop of what ran before, which ends with a proof …
      deactivating/*) renewed "$app_unit" || before=$(date +%s%N) ;;
      # … and the gate at work, which may be restoring. Its time is left out and not begun anew: an app that crashes at each start
      # would have it forgiven for ever.
      activating/start-pre | activating/condition)
        if [ ! -s "/var/lib/streamside/apps/$app/reason" ]; then
          before=$(date +%s%N)
          tell_restoring "$app"
        fi
        ;;
    esac
    now=$(date +%s%N)
    spent=$((spent + (now - before) / 1000000))
    before=$now
    [ "$spent" -lt $((limit * 1000)) ] || break
    [ $(((now - began) / 1000000000)) -lt "$gate_limit" ] || break
    sleep 0.2
  done
  unhealthy="$unhealthy $app"
  # why it is not up, in the words of whoever holds it back: the gate's reason, else the end of the unit's log
  if [ -s "/var/lib/streamside/apps/$app/reason" ]; then
    # what it is held back from is a start, which the next run makes
    rm -f "$unseen/$app_unit"
    record problem "held:$app" "$(base64 -w0 <"/var/lib/streamside/apps/$app/reason")"
  else
    record problem "unhealthy:$app" "$(
      {
        printf '%s is %s after %s s' "$app_unit" "$state" "$limit"
        [ ! -s "$payload/said" ] || printf '; its health check said: %s' "$(cat "$payload/said")"
        printf '\n%s' "$(journalctl --unit="$app_unit" --since="@${began%?????????}" --no-pager --output=cat 2>/dev/null | tail -n 8)"
      } | base64 -w0
    )"
  fi
}
