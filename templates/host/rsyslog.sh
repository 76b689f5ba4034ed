# rsyslog's own check of a configuration, and which snippet it stumbles over; read by probe.sh and apply.sh.
# shellcheck shell=sh

# rsyslog.conf names the folder by its path: in a mount namespace of its own rsyslogd sees another one in its place, and its
# complaints name the files by their own names.
# Exit: 0 it would start, 1 it would not; what it said is in SAID, and all of the text that it has read in SAID.read
rsyslog_check() { # FOLDER SAID [SNIPPET that is taken for empty]
  rm -f -- "$2.read"
  # shellcheck disable=SC2016 # those are that shell's
  unshare --mount -- sh -c '
    mount --bind "$1" /etc/rsyslog.d || exit 1
    [ -z "$2" ] || mount --bind /dev/null "/etc/rsyslog.d/$2" || exit 1
    exec rsyslogd -N1 -f /etc/rsyslog.conf -o "$3"' sh "$1" "${3-}" "$2.read" >"$2" 2>&1
}

# A rsyslog.conf that somebody has written by hand may include nothing of /etc/rsyslog.d: all is valid then, and nothing of ours is
# done. Where rsyslogd has not said what it has read (an -o that is refused is ignored), nothing is known.
rsyslog_unread() { # FOLDER SAID, after a check that found all valid -> our snippets that are not read, in one line
  grep -q '^##### BEGIN CONFIG: /etc/rsyslog\.conf ' "$2.read" 2>/dev/null || return 0
  unread=
  for snippet in "$1"/[0-9][0-9]-streamside*.conf; do
    [ ! -f "$snippet" ] || grep -q "^##### BEGIN CONFIG: .*/${snippet##*/} " "$2.read" || unread="$unread /etc/rsyslog.d/${snippet##*/}"
  done
  printf '%s' "${unread# }"
}

# rsyslogd reads all snippets as one text. What one of them does not close, or what names nothing that is there, is told of another
# file, of rsyslog.conf's end, or of none: the snippet without which all is well is the one to look at. Ours are not asked about,
# theirs and ours may both be what does not go together, and ours follow from the inventory.
rsyslog_complaint() { # FOLDER SAID -> on stdout, each line once
  grep -v -e 'config validation run' -e '^$' "$2" | sed 's/ \[v[0-9.]* try .*\]$//' | awk '!told[$0]++'
  for snippet in "$1"/*.conf; do
    name=${snippet##*/}
    case $name in [0-9][0-9]-streamside*) continue ;; esac
    if [ ! -f "$snippet" ] || ! rsyslog_check "$1" "$2.without" "$name"; then continue; fi
    # one that it names itself, with the line
    ! grep -q -F -- "/etc/rsyslog.d/$name, on or before line" "$2" || return 0
    printf 'without /etc/rsyslog.d/%s the configuration is valid%s\n' "$name" "$(rsyslog_line "$snippet" "$2")"
    return 0
  done
}

# The line that has what the complaint quotes.
rsyslog_line() { # SNIPPET SAID -> `, see its line 3`
  grep -o "'[^'/][^']*'" "$2" | tr -d "'" | while IFS= read -r quoted; do
    at=$(grep -n -m 1 -F -- "$quoted" "$1") || continue
    printf ', see its line %s' "${at%%:*}"
    break
  done
}
