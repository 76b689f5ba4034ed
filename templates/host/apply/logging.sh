# rsyslog's and journald's files of a host transaction; read by apply.sh.
# shellcheck shell=sh disable=SC2154,SC2034

shadow=$payload/rsyslog.d
kept=$payload/kept
touches_rsyslog='' restarted=''

# Before anything is renamed. What is to be is checked as a whole: a snippet of the user's own may be what does not go with ours.
check_logging() {
  mkdir -p "$shadow" "$kept"
  : >"$kept/list"
  while IFS="$tab" read -r temporary target _ validate _; do
    decode "$temporary"; from=$decoded
    decode "$target"
    case ${validate:-none} in
      rsyslog) touches_rsyslog=yes; keep_file "$decoded" ;;
      journald) check_journald "$from" "$decoded"; keep_file "$decoded" ;;
      drop-in) case $decoded in */rsyslog.service.d/*) check_drop_in "$from" "$decoded"; keep_file "$decoded" ;; esac ;;
    esac
  done <"$staged"
  each remove keep_removed
  each settle keep_record
  each settle settles_rsyslog
  [ -n "$touches_rsyslog" ] || return 0
  command -v rsyslogd >/dev/null || return 0
  step validate rsyslog
  if [ -d /etc/rsyslog.d ]; then cp -a -- /etc/rsyslog.d/. "$shadow"; fi
  each remove remove_in_shadow
  while IFS="$tab" read -r temporary target _ validate _; do
    [ "${validate:-none}" = rsyslog ] || continue
    decode "$temporary"; from=$decoded
    decode "$target"
    mkdir -p -- "$shadow/$(dirname -- "${decoded#/etc/rsyslog.d/}")"
    cp -- "$from" "$shadow/${decoded#/etc/rsyslog.d/}"
  done <"$staged"
  rsyslog_check "$shadow" "$payload/said" ||
    fail 13 not-valid "rsyslogd -N1 said of the configuration as it would be: $(rsyslog_complaint "$shadow" "$payload/said")"
  unread=$(rsyslog_unread "$shadow" "$payload/said")
  [ -z "$unread" ] || fail 13 rsyslog-not-included "/etc/rsyslog.conf would not include $unread, so rsyslog would do nothing of what stands there"
}

settles_rsyslog() { [ "$2" != rsyslog.service ] || touches_rsyslog=yes; } # N UNIT …

keep_removed() { # N PATH AS
  case $2 in
    /etc/rsyslog.d/*) touches_rsyslog=yes; keep_file "$2" ;;
    /etc/systemd/journald.conf.d/*) keep_file "$2" ;;
    /etc/systemd/system/*.d/*) unit_files_changed=yes ;;
  esac
}

remove_in_shadow() { # N PATH AS
  case $2 in /etc/rsyslog.d/*) rm -f -- "$shadow/${2#/etc/rsyslog.d/}" ;; esac
}

# journald has no check of its own and ignores what it does not understand: so only what the template may render is let through.
check_journald() { # FILE TARGET
  ! grep -n -v -E '^(#.*|\[Journal\]|Storage=(persistent|volatile)|(SystemMaxUse|RuntimeMaxUse)=[1-9][0-9]*M|SyncIntervalSec=[1-9][0-9]*s|ForwardToSyslog=yes|MaxLevelSyslog=debug)?$' "$1" >"$payload/said" ||
    fail 13 not-valid "$2 holds what is no setting of journald's, line $(head -n 1 "$payload/said")"
}

check_drop_in() { # FILE TARGET
  unit_files_changed=yes
  folder=$payload/drop-ins/$(basename -- "${2%/*}")
  mkdir -p "$folder"
  cp -- "$1" "$folder/${2##*/}"
  unit=$(basename -- "${2%/*}" .d)
  SYSTEMD_UNIT_PATH="$payload/drop-ins:" systemd-analyze verify --man=no "$unit" >"$payload/said" 2>&1 || :
  complaint=$(grep -F -- "${2##*/}" "$payload/said" | grep -v 'is not executable' || :)
  [ -z "$complaint" ] || fail 13 not-valid "systemd-analyze verify said: $complaint"
}

keep_file() { # PATH
  number_kept=$(wc -l <"$kept/list")
  [ ! -e "$1" ] || cp -a -- "$1" "$kept/$number_kept"
  printf '%s\n' "$1" >>"$kept/list"
}

# Of what it was started from: true again once it runs from the files that are put back.
keep_record() { # N UNIT …
  [ ! -e "/var/lib/streamside/started/$2" ] || cp -- "/var/lib/streamside/started/$2" "$kept/$2"
}

# After put_back. One that was not come to runs on from what is back again, and only its record was taken away.
resume() { # N UNIT …
  case "$restarted " in
    *" $2 "*)
      rm -f -- "/var/lib/streamside/started/$2"
      systemctl reset-failed "$2" syslog.socket 2>/dev/null || :
      systemctl restart "$2" || return 0
      ;;
  esac
  [ ! -e "$kept/$2" ] || put_record "$kept/$2" "/var/lib/streamside/started/$2"
}

put_back() {
  number_kept=0
  while IFS= read -r path; do
    if [ -e "$kept/$number_kept" ]; then cp -a -- "$kept/$number_kept" "$path.old" && mv -T -- "$path.old" "$path"
    else rm -f -- "$path"; fi
    number_kept=$((number_kept + 1))
  done <"$kept/list"
  systemctl daemon-reload
}

# Waited for, unlike an app: these are up within a moment, and nothing else tells whether their files are any good.
step_settle() { # N UNIT DIGEST|- PORT|-     - for a unit that runs without files of ours from now on
  mkdir -p /var/lib/streamside/started
  rm -f -- "/var/lib/streamside/started/$2"
  rmdir -- /etc/rsyslog.d/streamside /etc/systemd/journald.conf.d /etc/systemd/system/rsyslog.service.d 2>/dev/null || :
  if [ "$(systemctl show -P LoadState "$2")" = loaded ]; then
    step restart "$2"
    restarted="$restarted $2"
    # its start limit (five in ten seconds) is for what crashes, and the socket that starts rsyslog has the same
    systemctl reset-failed "$2" syslog.socket 2>/dev/null || :
    if ! systemctl restart "$2" 2>"$payload/said" || ! settled "$2" "$4"; then
      put_back
      # in a shell of its own, for this is called by `each` itself
      (each settle resume)
      fail 13 put-back "$2 does not come up with its new files, so the old ones are back: $(cat "$payload/said")"
    fi
  fi
  case $2 in
    rsyslog.service) remove_queues ;;
    # what it has kept in memory since the boot goes to the card, when that is where the journal is from now on
    systemd-journald.service) journalctl --flush || : ;;
  esac
  if [ "$3" != - ]; then
    printf '%s\n' "$3" >"$payload/digest"
    put_record "$payload/digest" "/var/lib/streamside/started/$2"
  fi
  record made "$1"
}

settled() { # UNIT PORT|-
  systemctl is-active --quiet "$1" || { systemctl status --no-pager --lines=5 "$1" >"$payload/said" 2>&1 || :; return 1; }
  [ "$2" != - ] || return 0
  # rsyslog is up without its listener, too, when that could not be had: its own words are then the reason
  tries=0
  until listens "$1" "$2"; do
    tries=$((tries + 1))
    # it tries for its port once, at its start: whoever had that just then may have let go of it
    case $tries in
      25 | 50)
        systemctl stop "$1" syslog.socket 2>/dev/null || :
        systemctl reset-failed "$1" syslog.socket 2>/dev/null || :
        systemctl start "$1" || return 1
        ;;
    esac
    if [ "$tries" -ge 75 ]; then
      {
        echo "nothing of it listens on port $2$(holder "$2")"
        journalctl --unit="$1" --identifier=rsyslogd "_PID=$(systemctl show -P MainPID "$1")" --lines=5 --no-pager --output=cat
      } >"$payload/said" 2>/dev/null || :
      return 1
    fi
    sleep 0.1
  done
}

listens() { # UNIT PORT
  pid=$(systemctl show -P MainPID "$1")
  for inode in $(listening "$2"); do
    [ -z "$(find "/proc/$pid/fd" -lname "socket:\[$inode\]" -print -quit 2>/dev/null)" ] || return 0
  done
  return 1
}

# State 0A listens (proc_pid_net(5)); the port stands in hexadecimal.
listening() { # PORT -> inodes
  awk -v port="$(printf '%04X' "$1")" '$4 == "0A" { split($2, at, ":"); if (at[2] == port) print $10 }' /proc/net/tcp /proc/net/tcp6 2>/dev/null || :
}

holder() { # PORT -> `, which process 812 (cat) has`
  for inode in $(listening "$1"); do
    other=$(find /proc/[0-9]*/fd -maxdepth 1 -lname "socket:\[$inode\]" -print -quit 2>/dev/null || :)
    other=${other#/proc/}
    [ -z "$other" ] || printf ', which process %s (%s) has' "${other%%/*}" "$(cat "/proc/${other%%/*}/comm")"
  done
}

# What waited for a log server that is none any more; rsyslog looks at a queue's files only when an action names it.
remove_queues() {
  for file in /var/spool/rsyslog/streamside-*; do
    [ -e "$file" ] || continue
    name=${file##*/}
    name=${name%.qi}
    name=${name%.[0-9]*}
    grep -q -s -F "queue.filename=\"$name\"" /etc/rsyslog.d/*.conf || rm -f -- "$file"
  done
}
