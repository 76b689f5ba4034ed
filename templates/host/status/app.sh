#!/bin/sh
# How one app with databases stands towards its replica, as the host's own programs see it: asked with the host's own keys.
#
# Usage: sh ./status/app.sh APP UNTIL     as root; UNTIL: epoch s after which the replica is asked nothing more
# Answer: lines of TAB-separated fields; what may hold anything is base64
#   owner APP NOW BASE64       what the GET of the owner object found (s3.sh, get_owner), and this machine's clock then
#   verdict APP BASE64         what the timer would decide on it (decide.sh, ask "timer"), or why the data could not be read ("data")
#   position APP ROUND BASE64  what status/position.sh says of each database; round `first` and `last`
#   remote APP DB BASE64 BASE64  { max, sent } or { error }, asked after the first round and before the last; and where it lies here
#   obstacle APP KIND BASE64   a replica in a directory takes nothing: full, read-only or denied; and where it is mounted
# Exit: 0; nothing is printed for an app that has no gate here. 1 says on stderr what could not be done.
# shellcheck disable=SC2154,SC2034 # variables are shared with the parts below
set -eu
export LC_ALL=C
umask 077
app=$1 until=$2 here=$PWD
# The host's own programs: what they answer is what its gate goes by. One that has not been provisioned since they lie in a folder
# a version has them beside it.
lib=/usr/local/lib/streamside/current
[ -e "$lib" ] || lib=${lib%/current}
lib=$(readlink -f "$lib")
[ -r "/etc/streamside/apps/$app/gate.json" ] && [ -r "$lib/verdict.sh" ] || exit 0
for part in state verdict facts store s3 directory replica; do
  # those of a host that was last provisioned by an earlier release have all of it in s3.sh
  [ -e "$lib/$part.sh" ] || continue
  # shellcheck source=/dev/null
  . "$lib/$part.sh"
done
tab=$(printf '\t')

encoded() { base64 -w0; }
tell() { # KIND FIELD…
  kind=$1
  shift
  printf '%s\t%s' "$kind" "$app"
  for field; do printf '\t%s' "$field"; done
  printf '\n'
}

# Why a directory takes nothing, without writing to it. Each of them is seen by the app's user, whom a server may treat unlike root.
obstacle() { # FOLDER
  [ "$owner_mode" = directory ] || return 0
  # shellcheck disable=SC2016 # for the shell inside
  kind=$(as_app timeout -k 2 10 sh -c '
    [ -d "$1" ] || exit 0
    if [ -w "$1" ]; then
      [ "$(stat -f -c "%a * %S" -- "$1" | awk "{ print (\$1 * \$3 < 65536) }")" = 0 ] || echo full
    else
      case ,$(findmnt -n -o OPTIONS --target "$1"), in *,ro,*) echo read-only ;; *) echo denied ;; esac
    fi' sh "$1") || return 0
  case $kind in full | read-only | denied) tell obstacle "$kind" "$(printf %s "$replica_root" | encoded)" ;; esac
}

in_time() { [ "$(date +%s)" -lt "$until" ]; }

# The databases' paths, each with the highest transaction of the replica (or -), as arguments of position.sh.
positions() { # ROUND
  set -- "$1"
  round=$1
  shift
  each=1
  while [ "$each" -le "$db_count" ]; do
    eval "set -- \"\$@\" \"\$db_path_$each\" \"\${sent_$each:--}\""
    each=$((each + 1))
  done
  # The app's user looks: root would follow a symbolic link of the app's making.
  as_app timeout -k 2 20 sh -c "$(cat "$here/numbers.sh" "$here/status/position.sh")" sh "$@" >"$work/$round"
  tell position "$round" "$(head -c 65536 "$work/$round" | encoded)"
}

remote_one() {
  sent=-
  if ! in_time; then
    entry="{\"error\":\"not asked: the time for it was over\"}"
  elif with_keys 8 ltx -no-expand-env -config "$config" -level all -json "$path" >"$work/ltx" 2>"$work/ltx-error"; then
    entry=$(jq -c '{ max: (map(.max_txid) | max), sent: (map(.timestamp) | max) }' "$work/ltx")
    sent=$(printf %s "$entry" | sed -n 's/.*"max":"\([0-9a-f]\{16\}\)".*/\1/p')
  else
    rc=$?
    # the programs of an earlier release do not know it
    if command -v why_unread >/dev/null; then why_unread "$rc" "$work/ltx-error"; else why=$(failure "$rc" "$work/ltx-error"); fi
    entry="{\"error\":$(json "$why")}"
    errors="$errors,$key:$entry"
  fi
  eval "sent_$index=\${sent:-0000000000000000}"
  eval "entry_$index=\$entry"
}
tell_remote() {
  eval "entry=\$entry_$index"
  tell remote "$db" "$(printf %s "$entry" | encoded)" "$(printf %s "$path" | encoded)"
}

# Has the replica by now what was here at the first look? A transaction of just now is on its way, and no lag.
caught_up() {
  index=1
  while IFS= read -r first; do
    eval "sent=\$sent_$index"
    # no answer: waiting would not help
    [ "$sent" != - ] || return 0
    l0=$(printf %s "$first" | sed -n 's/.*"l0":"\([0-9a-f]\{16\}\)".*/\1/p')
    [ -n "$l0" ] || return 0
    case $first in
      *'"pending":true'*) [ "$((0x$sent))" -gt "$((0x$l0))" ] || return 1 ;;
      *) [ "$((0x$sent))" -ge "$((0x$l0))" ] || return 1 ;;
    esac
    index=$((index + 1))
  done <"$work/first"
}

open_verdicts
read_config
me=$(sh "$lib/host-id.sh")
positions first
if in_time; then
  get_owner 1
  now=$(date +%s)
else
  # as a GET that timed out; the words say which it was
  now=$(date +%s) owner='{"curl":28,"http":0,"s3":"","error":"not asked: the time for it was over","etag":"","date":null,"body":null}'
fi
tell owner "$now" "$(printf %s "$owner" | encoded)"
files=null remote=null
ask "{\"ask\":\"timer\",$(facts),\"unreadSince\":null}"
judged=$verdict
case $act in prove | halt) ;; *) tell verdict "$(printf %s "$judged" | encoded)"; exit 0 ;; esac
path_wanted=$(remembered claim | sed -n 's/.*"path":"\([^"]*\)".*/\1/p')
config_for "$path_wanted"
errors=
each_db remote_one
if [ "$(systemctl show -P SubState "$app-litestream.service")" = running ]; then
  for pause in 1 1 2; do
    ! caught_up || break
    in_time || break
    sleep "$pause"
    errors=
    each_db remote_one
  done
fi
# The data may lie with another server than the owner object does; the programs of an earlier release were never asked.
if [ "$act:${errors:+some}" = prove:some ] && grep -qs '"data"' "$lib/decide/main.jq"; then
  remote="{${errors#,}}"
  ask "{\"ask\":\"data\",$(facts)}"
  judged=$verdict
fi
tell verdict "$(printf %s "$judged" | encoded)"
each_db tell_remote
positions last
obstacle "$owner_url/$path_wanted"
