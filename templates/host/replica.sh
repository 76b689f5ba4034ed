# Litestream's one-shot commands and everything else that touches the app's folder; sourced.
# shellcheck shell=sh disable=SC2154,SC2034,SC2016 # variables are shared with the program that sources it

# What touches the app's folder runs as the app's user: the app may have been broken into, and root following a symbolic
# link of its making would write where the app itself may not. Nor does such a process get the lock or the pipes to the
# verdicts: the app may trace what runs as its own user.
as_app() { # COMMAND…
  setpriv --reuid "$user" --regid "$group" --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs -- "$@" 9>&- 8<&- 6<&- 5>&- 4<&-
}

# Litestream's own commands run as the app's user too, with the keys in their environment, and with one harmless capability
# that the app lacks: the kernel then denies the app /proc/<pid>/environ, mem and ptrace of a process of its own user
# (litestream.md, rule 21). `timeout` stands inside, for it needs no capability there to end its child.
# FILE instead of SECONDS: as long as it grows. There is no time that is enough for every restore, and one that was cut off
# begins anew, for ever.
with_keys() { # SECONDS|FILE ARG…
  limit=$1
  shift
  case $limit in
    /*) set -- sh "$lib/while-growing.sh" 1800 "$limit" "$litestream" "$@" ;;
    *) set -- timeout -k 2 "$limit" "$litestream" "$@" ;;
  esac
  (
    unset AWS_CA_BUNDLE
    # Without -r: `read` then undoes the backslashes that systemd's EnvironmentFile= wants before " \ ` $ (quote.ts).
    # shellcheck disable=SC2162
    while IFS='=' read name value; do
      value=${value#\"}
      export "$name=${value%\"}"
    done <"$etc/litestream.env"
    [ -z "$ca" ] || export SSL_CERT_FILE="$ca"
    export AWS_EC2_METADATA_DISABLED=true
    umask 027
    exec setpriv --reuid "$user" --regid "$group" --clear-groups --bounding-set=-all,+net_broadcast \
      --inh-caps=-all,+net_broadcast --ambient-caps=-all,+net_broadcast --no-new-privs -- "$@"
  ) 9>&- 8<&- 5>&- 6<&-
}

# The reason out of Litestream's stderr: its last line that is not a log line.
last_words() { # FILE
  grep -v '^{' "$1" 2>/dev/null | tail -n 1 | sed 's/^Error: //' | cut -c1-300
}

# A folder of the app's user, not seen by the app (PrivateTmp=), on disk: a WAL may be too big for a tmpfs. Nobody ages /var/tmp
# on Debian, so what a program left there when the power was cut goes first: under the app's lock it is nobody's. -> $scratch
open_scratch() {
  as_app sh -c 'rm -rf -- "/var/tmp/streamside-$1".??????' sh "$app"
  scratch=$(as_app mktemp -d "/var/tmp/streamside-$app.XXXXXX")
  trap 'rm -rf "$work"; as_app rm -rf "$scratch"' EXIT
}

# Litestream's configuration holds e0000-00000000, a path that never is, for the path; here for a real one. It lies in a
# folder of root's and reaches Litestream, the app's user, as an open file: what the app could change is no configuration.
config_for() { # PATH
  case $1 in '' | *[!e0-9a-f-]*) say 3 "$(json "$1") is no path of a replica: a fault of streamside"; exit 1 ;; esac
  sed --sandbox "s|/e0000-00000000/|/$1/|" "$etc/litestream.yml" >"$work/$1.yml"
  chmod 0644 "$work/$1.yml"
  exec 4<"$work/$1.yml"
}
config=/dev/fd/4

# Facts about the files here, all databases: -> $files
look_local() {
  set -- "$scratch"
  index=1
  while [ "$index" -le "$db_count" ]; do
    eval "set -- \"\$@\" \"\$db_path_$index\""
    index=$((index + 1))
  done
  as_app sh "$lib/wal.sh" "$@" >"$work/local"
  files=
  exec 3<"$work/local"
  each_db local_entry
  exec 3<&-
  files="{${files#,}}"
}
# Printed by a program that runs as the app's user, and beside file names of its choosing: only what wal.sh prints is taken.
local_entry() {
  IFS= read -r entry <&3 || entry=
  printf '%s\n' "$entry" | grep -Eqx '\{"file":(true|false),"l0":(null|"[0-9a-f]{16}"),"wal":"[a-z]+","id":(null|\{[a-z0-9":,-]*\}),"walId":(null|"[0-9 -]+"),"short":(true|false|"unknown"),"barred":(null|\{"why":"[a-z]+","what":"[] !#-[^-~]*","owner":"[] !#-[^-~]*"\})\}' || {
    say 3 "what was found out about $path is not to be trusted: somebody else prints it. Next: look into the folder, and at what $user runs"
    exit 1
  }
  files="$files,$key:$entry"
}

# What the files look like when nobody writes any more: -> $keep
look_left() {
  look_local
  ask "{\"ask\":\"left\",$static,\"local\":$files}"
}

# What the replica holds under $1, all databases: -> $remote. `ltx` tells an empty path (rc 0) from one that it cannot read.
look_remote() { # PATH
  config_for "$1"
  remote='' silent=false
  each_db remote_entry
  remote="{${remote#,}}"
}
remote_entry() {
  # the server has just let one wait in vain
  if [ "$silent" = true ]; then
    :
  elif with_keys 20 ltx -no-expand-env -config "$config" -level all -json "$path" >"$work/ltx" 2>"$work/ltx-error"; then
    max=$(tr -d ' \n' <"$work/ltx" | grep -o '"max_txid":"[0-9a-f]\{16\}"' | sort | tail -n 1 | cut -d'"' -f4)
    case $max in '') entry='{"max":null}' ;; *) entry="{\"max\":\"$max\"}" ;; esac
    still_mounted || entry="{\"max\":null,\"error\":$(json "$(not_mounted)")}"
  else
    rc=$?
    case $rc in 124 | 137) silent=true ;; esac
    why_unread "$rc" "$work/ltx-error"
    entry="{\"max\":null,\"error\":$(json "$why")}"
  fi
  remote="$remote,$key:$entry"
}

why_unread() { # EXIT-CODE STDERR -> $why
  why=$(failure "$1" "$2")
  case $1 in 124 | 137) reached || why=$unreached ;; esac
}

# Whether the data's server is there at all: curl knows at once, and Litestream tries again without a word for as long as it is let.
reached() { # -> $unreached: why not
  endpoint=$(sed -n 's/^ *endpoint: "\(.*\)"$/\1/p' "$etc/litestream.yml" | head -n 1)
  rc=0
  [ -z "$endpoint" ] || curl -q -sS -m 5 -o /dev/null -- "$endpoint" 2>"$work/unreached" || rc=$?
  case $rc in
    6 | 7) unreached=$(first_words "$work/unreached") ;;
    28) unreached='no answer in time' ;;
    *) return 0 ;;
  esac
  return 1
}

# The path that the files here may belong to: what it holds, and what it was proven to hold once. -> $remote, $mark
look_replica() { # PATH
  look_remote "$1"
  get_tip "$1"
  mark=$source_tip
}

# When the data were reached last, where that says more than when the owner object was (offline.jq). Not at each time, for a card
# wears out.
remember_data() { # ENTRIES of $remote or $plans
  case "$data_where:$1" in :* | *'"error":'*) return 0 ;; esac
  if [ -e "$state/last-data" ] && [ -z "$(find "$state/last-data" -mmin +15)" ]; then return 0; fi
  remember last-data "{\"read\":$(date +%s)}"
}

failure() { # EXIT-CODE STDERR -> words
  case $1 in 124 | 137) echo 'no answer in time' ;; *) last_words "$2" ;; esac
}

# Whether the chain of a database under $config's path is whole, and up to where: lists only, downloads nothing.
# -> $plans, and $work/plan-N
plans_entry() {
  rc=0 plan=$work/plan-$index
  with_keys 15 restore -no-expand-env -config "$config" -dry-run -json -o "$scratch/none" "$path" >"$plan" 2>"$work/plan-error" || rc=$?
  if [ "$rc" = 0 ]; then
    # the summary's own ids stand before those of its files
    ids=$(tr -d ' \n' <"$plan" | grep -o '"m[inax]*_txid":"[0-9a-f]\{16\}"' | head -n 2)
    min=$(printf '%s\n' "$ids" | sed -n 's/"min_txid":"\(.*\)"/\1/p')
    max=$(printf '%s\n' "$ids" | sed -n 's/"max_txid":"\(.*\)"/\1/p')
    bytes=$(tr -d ' \n' <"$plan" | grep -o '"size":[0-9]*' | awk -F: '{ sum += $2 } END { printf "%.0f", sum }')
    entry="{\"rc\":0,\"min\":\"$min\",\"max\":\"$max\",\"bytes\":${bytes:-0}}"
  elif still_mounted; then
    entry="{\"rc\":$rc,\"error\":$(json "$(failure "$rc" "$work/plan-error")")}"
  else
    entry="{\"rc\":$rc,\"error\":$(json "$(not_mounted)")}"
  fi
  plans="$plans,$key:$entry"
}

# sync -wait of each database: -> $sync. Its ids are decimal.
sync_entry() { # SECONDS
  rc=0
  socket=/run/streamside/socket/$app/litestream.sock
  as_app timeout -k 2 "$(($1 + 5))" "$litestream" sync -wait -timeout "$1" -json -socket "$socket" "$path" >"$work/sync" 2>"$work/sync-error" || rc=$?
  if [ "$rc" = 0 ]; then
    here=$(sed -n 's/.*"txid": *\([0-9]*\).*/\1/p' "$work/sync" | head -n 1)
    there=$(sed -n 's/.*"replica_txid": *\([0-9]*\).*/\1/p' "$work/sync" | head -n 1)
    entry=$(printf '{"rc":0,"txid":"%016x","replica":"%016x"}' "${here:-0}" "${there:-0}")
  else
    entry="{\"rc\":$rc,\"error\":$(json "$(failure "$rc" "$work/sync-error")")}"
  fi
  sync="$sync,$key:$entry"
}
