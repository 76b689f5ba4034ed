#!/bin/sh
# Databases of an app as the replica holds them, printed: restored in a folder of their own, checked in full, and nothing else of the
# app is touched.
#
# Usage: sh ./fetch.sh APP PATH DB=TXID…     as root; PATH: of the replica; TXID: a transaction, or latest
# Answer, for each DB: lines of TAB-separated fields, and empty ones while a restore goes on, by which it finds out whether anybody reads
#   restoring DB
#   failed DB BASE64 BEST        in Litestream's words; BEST: the last point before a damaged object, or -. Nothing follows
#   no-room DB WANTED FREE       bytes. Nothing follows
#   restored DB TXID BYTES SHA256
#   BASE64                       the file, in lines
# Exit: 0; 1 with words on stderr when the app has no gate here
# shellcheck disable=SC2154,SC2034,SC2016 # variables are shared with the parts below
set -eu
export LC_ALL=C
umask 077
app=$1 source=$2
shift 2
orders=" $* "
lib=/usr/local/lib/streamside/current
if ! [ -r "/etc/streamside/apps/$app/gate.json" ] || ! [ -r "$lib/verdict.sh" ]; then
  echo "$app is not set up on this host" >&2
  exit 1
fi
lib=$(readlink -f "$lib")
for part in state verdict facts store s3 directory replica; do
  # shellcheck source=/dev/null
  . "$lib/$part.sh"
done
# with the operator's own words for a restore, whatever this host was provisioned with
# shellcheck source=templates/host/restore.sh
. ./restore.sh
# the folder of this program is root's, and find(1) wants to come back to where it was
cd /
tab=$(printf '\t')

say_line() { # FIELD…
  out=$1
  shift
  for field; do out=$out$tab$field; done
  printf '%s\n' "$out"
}

# Whoever reads this may be gone without a word, and nobody wants what is restored then. timeout(1) of the launcher has a process
# group of its own, in which all of this runs.
beat() {
  trap '' PIPE
  while sleep 2; do echo 2>/dev/null || kill 0; done
}

end_beat() {
  [ -z "$pulse" ] || kill "$pulse" 2>/dev/null || :
  # no empty line in the middle of another
  [ -z "$pulse" ] || wait "$pulse" || :
  pulse=
}

room_there() {
  plan_source
  need=$(printf %s "$entry" | sed -n 's/.*"bytes":\([0-9]*\)}$/\1/p')
  free=$(as_app df -P -k -- "$scratch" | awk 'END { printf "%.0f", $4 * 1024 }')
  # As for the gate (source.jq): what Litestream has packed may come to twice as much.
  [ $((2 * ${need:-0})) -lt "$free" ] || { say_line no-room "$db" $((2 * need)) "$free"; exit 0; }
}

fetch_one() {
  case $orders in *" $db="*) wanted=${orders#* "$db"=} ;; *) return 0 ;; esac
  wanted=${wanted%% *}
  plans='' free=''
  room_there
  say_line restoring "$db"
  beat &
  pulse=$!
  restore_to "$scratch/restored"
  end_beat
  [ "$rc" = 0 ] || { say_line failed "$db" "$(printf %s "${error:-litestream restore ended with status $rc}" | base64 -w0)" "${best:--}"; exit 0; }
  # shellcheck disable=SC2046 # two numbers and a digest
  say_line restored "$db" "${got:--}" $(as_app stat -c %s -- "$scratch/restored") $(as_app sha256sum -- "$scratch/restored" | cut -c1-64)
  as_app cat -- "$scratch/restored" | base64 -w 65536
  remove_restored "$scratch/restored"
}

open_verdicts
read_config
# Of runs whose end nobody saw: two at once are no mistake, and none takes a day.
as_app sh -c 'find /var/tmp -maxdepth 1 -user "$2" -name "streamside-$1.file.*" -mmin +1440 -exec rm -rf -- {} +' sh "$app" "$user"
scratch=$(as_app mktemp -d "/var/tmp/streamside-$app.file.XXXXXX")
pulse=
trap 'end_beat; rm -rf "$work"; as_app rm -rf "$scratch"' EXIT
trap 'exit 143' TERM HUP INT PIPE
config_for "$source"
each_db fetch_one
