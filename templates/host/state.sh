# What a host remembers about an app's database, and how it tells people; sourced by gate.sh, litestream.sh, check.sh.
# shellcheck shell=sh disable=SC2154,SC2034,SC2016 # variables are shared with the program that sources it

# Everything here is root's: the app, broken into, must not be able to write itself a claim.
etc=/etc/streamside/apps/$app
state=/var/lib/streamside/apps/$app
run=/run/streamside

say() { # PRIORITY TEXT   one journal line; systemd takes the prefix as its priority (sd-daemon(3))
  printf '<%s>%s\n' "$1" "$2" >&2
}

# JSON string of any text. Control characters become blanks: they come from a server's words only.
json() {
  case $1 in
    *[!\ -~]* | *[\\\"]*)
      printf '"'
      printf %s "$1" | LC_ALL=C tr '\000-\037\177' ' ' | sed 's/[\\"]/\\&/g'
      printf '"'
      ;;
    *) printf '"%s"' "$1" ;;
  esac
}

# The content of one of our own files, JSON on one line; null when it is not there.
remembered() { # FILE
  line=null
  [ ! -s "$state/$1" ] || IFS= read -r line <"$state/$1" || :
  printf %s "$line"
}

# Survives a power cut at any moment, whole or not at all. One chain: called in a condition, `set -e` does not see a full disk, and
# an empty file would take the place of a good one.
remember() { # FILE TEXT
  printf '%s\n' "$2" >"$state/.$1.new" && sync "$state/.$1.new" && mv "$state/.$1.new" "$state/$1" && sync "$state"
}

forget() { # FILE…
  found=
  for file; do
    [ ! -e "$state/$file" ] || { rm "$state/$file"; found=yes; }
  done
  [ -z "$found" ] || sync "$state"
}

# What held the app back at the last try (gate.sh, `refuse`): `CODE: TEXT. Next: NEXT.` Nothing when nothing does.
last_reason() {
  [ -s "$state/reason" ] || return 0
  sed -n 's/^.*"code":"\([^"]*\)","text":"\(.*\)","next":"\(.*\)"}$/\1: \2. Next: \3./p' "$state/reason" |
    sed -e 's/ Next: \.$//' -e 's/\\\(["\\]\)/\1/g'
}

# Below /run, which is empty after each boot. Nothing secret lies there, and people look.
run_folder() { # NAME
  (umask 022 && mkdir -p "$run/$1")
}

# One lock an app: whoever decides or acts on its database holds it. Facts are read after it was taken, never before.
take_lock() { # SECONDS
  run_folder lock
  exec 9>"$run/lock/$app.lock"
  flock -w "$1" 9
}
release_lock() { exec 9>&-; }

# An alert is one journal line, once a reason: it stays in alerts/ until its cause is gone. One that could not be told is told at
# the next try; neither a journal that is down nor a full card ends the program that has something to tell.
alert() { # SOURCE CODE TEXT NEXT [ABOUT: what of several it is about]
  name=$1-$2${5:+-$5}
  raised="${raised-} $name "
  [ ! -e "$state/alerts/$name" ] && [ ! -e "$run/alerts/$app/$name" ] || return 0
  line=$(printf '{"time":"%s","host":%s,"app":%s,"code":%s,"text":%s,"next":%s}' \
    "$(date -u +%FT%TZ)" "$(json "$host")" "$(json "$app")" "$(json "$2")" "$(json "$3")" "$(json "$4")")
  timeout -k 2 10 logger -t streamside-alert -p daemon.err -- "$line" || { say 4 "the journal did not take this alert, which is told again: $3"; return 0; }
  keep_alert "$state/alerts" 2>/dev/null || keep_alert "$run/alerts/$app" || say 4 "that $2 was told could not be noted"
}
keep_alert() { # FOLDER
  (umask 077 && mkdir -p "$1") && printf '%s\n' "$line" >"$1/$name" && sync "$1/$name" "$1"
}

# Forgets the alerts of a source that were not raised in this run: their cause is gone.
alerts_over() { # SOURCE
  for file in "$state/alerts/$1"-* "$run/alerts/$app/$1"-*; do
    case " ${raised-} " in *" ${file##*/} "*) continue ;; esac
    [ ! -e "$file" ] || rm -f "$file" || say 4 "$file could not be removed"
  done
}
alert_over() { # NAME…
  for name; do rm -f "$state/alerts/$name" "$run/alerts/$app/$name" || say 4 "the alert $name could not be removed"; done
}
