# Whether the replica holds an app's data, as Litestream's check tells it; read by apply.sh.
# shellcheck shell=sh disable=SC2154 # variables are shared with the programs that source it

# An app is not done when it answers but when the replica holds its data: Litestream runs, and the check after it has seen the proof
# and told the owner object so (INIT), without waiting for its timer. A first copy may take hours on a slow line: as long as Litestream
# has no complaint, that is what is told.
replicating() { # APP
  [ -e "/etc/streamside/apps/$1/gate.json" ] || return 0
  step replicating "$1"
  mkdir -p "$unseen"
  : >"$unseen/$1-litestream.service"
  sync "$unseen"
  # one minute for all apps of a transaction: a server that is away is waited for once
  now=$(date +%s)
  replicating_until=${replicating_until:-$((now + 60))}
  deadline=$((replicating_until > now + 5 ? replicating_until : now + 5))
  pause=0.5
  until [ "$(state_of "$1-litestream.service")" = active/running ] && systemctl start "$1-check.service" && held_since "$1" "$now"; do
    if [ "$(date +%s)" -ge "$deadline" ]; then
      if [ "$(state_of "$1-litestream.service")" = active/running ] && is_first_copy "$1" && ! complains "$1" "$now"; then
        step uploading "$1"
        rm -f "$unseen/$1-litestream.service"
        return 0
      fi
      unhealthy="$unhealthy $1"
      record problem "unprotected:$1" "$(
        {
          # what the check found, before what Litestream says
          jq -r 'select(.held | not) | .text' "/run/streamside/proof/$1" 2>/dev/null || :
          litestream_said "$1"
        } | or_silence | base64 -w0
      )"
      return 0
    fi
    # systemd starts a unit five times in ten seconds at most, its timer's included
    sleep "$pause"
    [ "$(state_of "$1-litestream.service")" != active/running ] || case $pause in 0.5) pause=2 ;; *) pause=4 ;; esac
  done
  rm -f "$unseen/$1-litestream.service"
}

# The last words of Litestream, and of the programs before it. Systemd adds its own behind them, which only say that the unit failed:
# they count where nothing else was said, as when it could not start anything. What is repeated is told once, and what is no reason
# (log/slog, JSON: what it does, each time it starts) not at all.
litestream_said() { # APP
  said=$(journalctl --unit="$1-litestream.service" --since=-60s --no-pager --output=json 2>/dev/null |
    jq -r 'select(._PID != "1" and .SYSLOG_IDENTIFIER != "systemd") | .MESSAGE // empty | if type == "array" then implode else tostring end' 2>/dev/null |
    grep -v -e '"level":"INFO"' -e '"level":"DEBUG"' | uniq | tail -n 3) || :
  if [ -z "$said" ] && [ "$(state_of "$1-litestream.service")" != active/running ]; then
    said=$(journalctl --unit="$1-litestream.service" --since=-60s --no-pager --output=cat | tail -n 3) || :
  fi
  [ -z "$said" ] || printf '%s\n' "$said"
}

or_silence() {
  grep . || echo 'Litestream has named no reason for a minute: the server of the replica may take requests and not answer'
}

held_since() { # APP EPOCH-SECONDS
  said=$(cat "/run/streamside/proof/$1" 2>/dev/null) || return 1
  case $said in *'"held":true'*) ;; *) return 1 ;; esac
  time=${said#*'"time":'} time=${time%%[!0-9]*}
  [ "${time:-0}" -ge "$2" ]
}

# No proof has ever been told the owner object, which answers: a server that takes requests and never answers is no slow line.
is_first_copy() { # APP
  jq -e 'any(.owner.dbs[]; .init | not)' "/var/lib/streamside/apps/$1/last-owner" >/dev/null 2>&1 || return 1
  ! grep -q 'owner object could not be read' "/run/streamside/proof/$1"
}

# Litestream tells of each try that has failed (log/slog, JSON). As long as nothing was uploaded there is nothing to compact.
complains() { # APP EPOCH-SECONDS
  journalctl --unit="$1-litestream.service" --since="@$2" --no-pager --output=cat 2>/dev/null |
    grep '"level":"ERROR"' | grep -qv '"msg":"compaction failed"'
}
