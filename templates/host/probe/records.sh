# Units, and what streamside has on record of apps and transactions; read by probe.sh.
# shellcheck shell=sh disable=SC2154 # variables are shared with the program that sources it

units() {
  [ -s units ] || return 0
  # a mount's unit may have backslashes in its name, which xargs takes for quotes unless lines alone part its words
  xargs -r -d '\n' systemctl show --no-pager \
    -p Id,LoadState,ActiveState,SubState,UnitFileState,FragmentPath,DropInPaths,NeedDaemonReload,Result,NRestarts,InvocationID <units |
    sed "s/^/show$tab/"
  while IFS= read -r unit; do
    read_line "/run/streamside/started/$unit"
    # of a package's unit, whose start nobody records but the transaction that restarts it (apply/logging.sh)
    [ -n "$line" ] || read_line "/var/lib/streamside/started/$unit"
    # what apply/units.sh has not seen to be healthy
    [ -z "$line" ] || [ ! -e "/var/lib/streamside/unhealthy/$unit" ] || line="unhealthy ${line#unhealthy }"
    [ -z "$line" ] || say started "$unit" "$line"
    # as they lie on disk: systemctl shows only what systemd has read already
    for folder in /etc/systemd/system /run/systemd/system /etc/systemd/system.control /run/systemd/system.control; do
      # A link to a folder that others may share: what lies there is not touched, the link is what changes this unit.
      if [ -h "$folder/$unit.d" ]; then say override "$unit" "$(printf %s "$folder/$unit.d" | base64 -w0)"; continue; fi
      for override in "$folder/$unit.d"/*.conf; do
        if [ -e "$override" ] || [ -h "$override" ]; then say override "$unit" "$(printf %s "$override" | base64 -w0)"; fi
      done
    done
    # where packages and whoever installs by hand have theirs; /lib is a link to /usr/lib since Debian 12
    for override in "/usr/local/lib/systemd/system/$unit.d"/*.conf "/usr/lib/systemd/system/$unit.d"/*.conf; do
      if [ -e "$override" ] || [ -h "$override" ]; then say override-elsewhere "$unit" "$(printf %s "$override" | base64 -w0)"; fi
    done
  done <units
}

# With the drop-ins of packages and of people, in the order in which they count.
journald() {
  [ -e journald ] || return 0
  say journald "$(systemd-analyze cat-config systemd/journald.conf 2>/dev/null | base64 -w0)"
}

# Whether rsyslog would start from its configuration, and read our snippets in it: those that are not laid yet are empty here.
rsyslog() {
  [ -s snippets ] && [ -d /etc/rsyslog.d ] && command -v rsyslogd >/dev/null || return 0
  folder=/etc/rsyslog.d
  while IFS= read -r name; do
    [ ! -e "/etc/rsyslog.d/$name" ] || continue
    if [ "$folder" = /etc/rsyslog.d ]; then folder=$here/rsyslog.d; cp -a -- /etc/rsyslog.d "$folder"; fi
    : >"$folder/$name"
  done <snippets
  if rsyslog_check "$folder" "$here/said"; then
    unread=$(rsyslog_unread "$folder" "$here/said")
    [ -z "$unread" ] || say rsyslog-unread "$unread"
    return 0
  fi
  # What somebody has changed since rsyslog was started from ours shows at its next start, which may be a boot.
  since=/var/lib/streamside/started/rsyslog.service
  [ -e "$since" ] && [ -n "$(find /etc/rsyslog.conf /etc/rsyslog.d -newer "$since" -print -quit 2>/dev/null)" ] || return 0
  say rsyslog "$(rsyslog_complaint "$folder" "$here/said" | base64 -w0)"
}

apps() {
  # those of earlier names, too
  for app in $({ cat apps; ls /var/lib/streamside/apps 2>/dev/null; } | sort -u); do
    state=/var/lib/streamside/apps/$app
    claim=no; [ ! -e "$state/claim" ] || claim=yes
    read_line "$state/claim"
    # the path that the files here belong to, when it was claimed by this very machine
    claimed=
    case $line in *"\"id\":\"$host_id\""*) claimed=${line#*\"path\":\"}; claimed=${claimed%%\"*} ;; esac
    say app "$app" "$claim" "$claimed"
    [ ! -s "$state/reason" ] || say reason "$app" "$(base64 -w0 <"$state/reason")"
    for release in "/opt/$app/releases"/*; do
      [ ! -d "$release" ] || say release "$app" "${release##*/}"
    done
  done
}

transactions() {
  # a transaction that ended has a line `end` in its journal; one without it either runs still or was cut off
  for journal in /var/lib/streamside/transactions/*/journal; do
    [ -e "$journal" ] || continue
    id=${journal%/journal}; id=${id##*/}
    if ! grep -q "^end$tab" "$journal"; then
      state=interrupted
      if systemctl is-active --quiet "streamside-apply-$id.service"; then
        state=running
        # whoever follows it holds this lock
        [ ! -e "${journal%/journal}/attended" ] || flock -n "${journal%/journal}/attended" true || state=attended
      fi
      read_line "/var/lib/streamside/transactions/$id/who"
      say transaction "$id" "$state" "$line"
    elif [ ! -e "${journal%/journal}/told" ]; then
      # it came to its end when nobody followed it any more: told once
      read_line "${journal%/journal}/who"
      say transaction "$id" "ended $(sed -n "s/^end$tab//p" "$journal")" "$line"
      # where nothing can be written it is told again (true, for a redirection of : that fails ends the program)
      true 2>/dev/null >"${journal%/journal}/told" || :
    fi
  done
  # What they were to lay: ours, although the manifest does not name it when they did not come to their end.
  for staged in /var/lib/streamside/transactions/*/staged; do
    [ -e "$staged" ] || continue
    # recorded since; without a manifest none is
    if [ -e /var/lib/streamside/manifest ] && [ -z "$(find "$staged" -newer /var/lib/streamside/manifest)" ]; then continue; fi
    while IFS=$tab read -r temporary target rest; do
      : "$temporary" "$rest"
      case $target in '' | -) ;; *) decode "$target"; say laid "$(printf %s "$decoded" | base64 -w0)" ;; esac
    done <"$staged"
  done
  [ ! -s /var/lib/streamside/manifest ] || say manifest "$(base64 -w0 </var/lib/streamside/manifest)"
}
