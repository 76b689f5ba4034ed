# Talks to decide.sh: one process for the life of a program, because jq takes longer to start than to decide.
# Needs: $lib, $etc. Sets: $work (a private folder, removed at exit), the configuration, $db_count.
# shellcheck shell=sh disable=SC2154,SC2034,SC2016 # variables are shared with the program that sources it

open_verdicts() {
  command -v jq >/dev/null || { say 3 'jq is not installed any more, and without it nothing can be decided. Next: streamside provision, which puts it back.'; exit 1; }
  # a root that has become read-only, of a card that dies, is what one looks at an app for
  work=$(mktemp -d 2>/dev/null) || work=$(mktemp -d /run/streamside/work.XXXXXXXX)
  trap 'rm -rf "$work"' EXIT
  mkfifo "$work/facts" "$work/verdicts"
  sh "$lib/decide.sh" lines <"$work/facts" >"$work/verdicts" 2>"$work/jq-error" 9>&- &
  exec 5>"$work/facts" 6<"$work/verdicts"
}

# Sets $act, $code, $text, $next, $flags (names), $etag, $path_wanted, $source, $claim, $put, $tip, $keep and $verdict (JSON), and
# $answer_N for each database.
ask() { # FACTS
  printf '%s\n' "$1" | tr '\n' ' ' >&5
  printf '\n' >&5
  for field in act code text next flags etag path_wanted source claim put tip keep verdict; do
    read_line "$field" || unjudged
    case $act in '!'*) unjudged ;; esac
  done
  index=1
  while [ "$index" -le "$db_count" ]; do
    read_line "answer_$index" || unjudged
    index=$((index + 1))
  done
}

unjudged() {
  say 3 "the facts could not be judged: ${act#!} $(cat "$work/jq-error") (a damaged file in $state?)"
  exit 1
}

is() { case " $flags " in *" $1 "*) true ;; *) false ;; esac; }

read_line() { IFS= read -r "$1" <&6; }

# /etc/streamside/apps/<app>/gate.json into variables, and $static: the part of the facts that does not change.
read_config() {
  printf '{"ask":"config","config":%s}\n' "$(tr '\n' ' ' <"$etc/gate.json")" >&5
  for field in user unit host instance where data_where owner_url owner_mode replica_root litestream ca storage wal static db_count; do
    read_line "$field" || { say 3 "$etc/gate.json cannot be read: $(cat "$work/jq-error")"; exit 1; }
    case $user in '!'*) say 3 "$etc/gate.json cannot be read: ${user#!}"; exit 1 ;; esac
  done
  # an adopted service's user may have another group
  group=$(id -g -- "$user") || { say 3 "there is no user $user on this host"; exit 1; }
  index=1
  while [ "$index" -le "$db_count" ]; do
    read_line "db_name_$index" && read_line "db_key_$index" && read_line encoded
    # the final _ keeps the newlines that $( ) would cut off
    decoded=$(printf '%b_' "$encoded")
    eval "db_path_$index=\${decoded%_}"
    index=$((index + 1))
  done
}

# Runs a function once for each database, with $db (its name), $key (the name as JSON), $path and $answer set.
each_db() { # FUNCTION ARG…
  index=1
  while [ "$index" -le "$db_count" ]; do
    eval "db=\$db_name_$index key=\$db_key_$index path=\$db_path_$index answer=\${answer_$index-}"
    "$@"
    index=$((index + 1))
  done
}
