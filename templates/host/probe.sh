#!/bin/sh
# Looks at a host and answers in one go what a plan needs to know. Changes nothing.
#
# Usage: sh ./probe.sh            in a folder that holds the request:
#   paths     lines  SHA256 TAB SHOW TAB USER TAB PATH   small files, links and directories; SHA256 is the content wanted (or -),
#                                               SHOW=1 asks for the content of a file that differs from it; USER looks at it
#   trees     lines  PATH                       releases and binaries: answered by a signature of names, sizes and times
#   databases lines  LOOK TAB PATH              answered by their sizes and owners; LOOK=1: by how they are written, too
#   services  lines  UNIT                       units that are adopted: services.sh
#   packages, users, units, apps                one name a line; accounts and apps that are there are answered, too
#   replicas  lines  PATH TAB PREFIX            replicas in directories: replicas.sh
#   ports     lines  PORT USER                  ports that apps want: answered when somebody else has them
#   journald                                    (may be absent) say what journald's configuration comes to, and what rsyslog's is refused for
#   verify                                      (may be absent) compare trees by content, not by their signature alone
#   tree.sh, look.sh, services.sh, replicas.sh, host-id.sh   parts of this program
# PATH is encoded for printf %b (a backslash, TAB or newline in it stands as \\, \t, \n).
#
# Answer: lines of TAB-separated fields, first `streamside-probe 1`, last `end`. Fields that come from outside this program
# are base64 when they may hold anything.
# Exit: 0 answered, 1 something here could not be read (stderr says what).
set -eu
export LC_ALL=C
tab=$(printf '\t')
here=$PWD

decode() { # TEXT -> $decoded
  case $1 in
    *\\*) decoded=$(printf '%b_' "$1"); decoded=${decoded%_} ;;
    *) decoded=$1 ;;
  esac
}

say() { # FIELD…
  out=$1; shift
  for field in "$@"; do out=$out$tab$field; done
  printf '%s\n' "$out"
}

read_line() { # FILE -> $line, empty when there is none
  line=
  [ ! -r "$1" ] || IFS= read -r line <"$1" || :
}

machine() {
  id='' version='' codename=''
  while IFS='=' read -r key value; do
    value=${value#\"}; value=${value%\"}
    case $key in ID) id=$value ;; VERSION_ID) version=$value ;; VERSION_CODENAME) codename=$value ;; esac
  done </etc/os-release
  say os "$id" "$version" "$codename"
  # The userland's architecture: a 32-bit Raspberry Pi OS may run on a 64-bit kernel, so not uname -m.
  say architecture "$(dpkg --print-architecture)"
  say systemd "$(systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')"
  read_line /proc/sys/kernel/random/boot_id; say boot-id "$line"
  read_line /etc/hostname; say hostname "$line"
  host_id=$(sh "$here/host-id.sh")
  say host-id "$host_id"
  synchronized=no; [ ! -e /run/systemd/timesync/synchronized ] || synchronized=yes
  say clock "$(date +%s)" "$synchronized"
  while read -r key value _; do
    case $key in MemTotal:) total=$value ;; MemAvailable:) say memory "$total" "$value"; break ;; esac
  done </proc/meminfo
  # wherever anything is laid or sent; each file system once
  df -k --output=target,size,avail,itotal,iavail / /var/lib /var/lib/streamside /opt /etc /etc/systemd/system /usr/local /usr/local/lib \
    /usr/local/lib/streamside 2>/dev/null | awk 'NR > 1 && !seen[$1]++' | sed -e "s/  */$tab/g" -e "s/^/disk$tab/"
  # the last one mounted on a place is the one that is seen
  awk -v OFS="$tab" '{ ro[$2] = $4 ~ /^(.*,)?ro(,.*)?$/ } END { for (place in ro) if (ro[place]) print "read-only", place }' /proc/self/mounts
}

# Somebody else on a port that an app here wants. The app's own sockets are told by their uid, so that where all is well nobody is
# searched for. In /proc/net/tcp (proc(5)) state 0A listens, and addresses are hexadecimal in the machine's order: little-endian
# on all that we run on. One that listens on another address than loopback or all is in nobody's way.
listeners() {
  [ -s ports ] || return 0
  set -- /proc/net/tcp
  [ ! -r /proc/net/tcp6 ] || set -- "$@" /proc/net/tcp6
  awk '
    FILENAME == "ports" { port = sprintf("%04X", $1); wanted[port] = $1; user[port] = $2; next }
    FILENAME == "/etc/passwd" { split($0, field, ":"); uid[field[1]] = field[3]; next }
    $4 == "0A" {
      split($2, local, ":")
      port = local[2]
      if (!(port in wanted)) next
      if ("uid " $8 == "uid " uid[user[port]]) own[port] = 1
      else if (local[1] ~ /^(0+|(0+FFFF0000)?......7F|0+1000000)$/) inode[port] = $10
    }
    END { for (port in inode) if (!(port in own)) print wanted[port], inode[port] }' ports /etc/passwd "$@" |
    while read -r port inode; do
      held=$(find /proc/[0-9]*/fd -maxdepth 1 -lname "socket:\[$inode\]" -print -quit 2>/dev/null || :)
      pid=${held#/proc/}
      pid=${pid%%/*}
      say listener "$port" "${pid:--}" "$(system_unit "$pid")" "$(base64 -w0 <"/proc/${pid:-self}/comm" 2>/dev/null || :)"
    done
}

system_unit() { # PID -> its service; nothing for what a person or a container runs
  [ -z "$1" ] || sed -n 's|^0::/system\.slice/\(.*/\)*\([^/]*\.service\)\(/.*\)*$|\2|p' "/proc/$1/cgroup" 2>/dev/null || :
}

accounts() {
  [ ! -s users ] || xargs -r getent passwd <users | while IFS=: read -r name _ uid gid _ home shell; do
    say user "$name" "$uid" "$gid" "$home" "$shell"
  done
  # Names that only this host knows of any more, of a rename that was cut off: an app's user is known by its home.
  awk -F : -v OFS="$tab" 'FILENAME == "users" { asked[$1]; next } !($1 in asked) && $6 == "/var/lib/" $1 { print "user", $1, $3, $4, $6, $7 }' users /etc/passwd
  say ids "$(cut -d: -f3 /etc/passwd /etc/group | sort -un | tr '\n' ' ')"
}

packages() {
  [ -s packages ] || return 0
  xargs -r dpkg-query -W -f="package$tab\${Package}$tab\${db:Status-Abbrev}$tab\${Version}\n" <packages 2>/dev/null || :
}

# One stat and one sha256sum for all files: on a Raspberry Pi a fork costs milliseconds, and there are dozens of files.
paths() {
  set --
  found='' index=0
  while IFS=$tab read -r _ _ user encoded; do
    if [ "$user" != root ]; then index=$((index + 1)); continue; fi
    decode "$encoded"
    if [ -h "$decoded" ]; then
      say link "$index" "$(readlink -n -- "$decoded" | base64 -w0)"
    elif [ -e "$decoded" ]; then
      set -- "$@" "$decoded"; found="$found $index"
    fi
    index=$((index + 1))
  done <paths
  say found "${found# }"
  [ $# -gt 0 ] || return 0
  stat --printf "stat$tab%a$tab%U$tab%G$tab%s$tab%F\n" -- "$@"
}

digests() {
  set --
  wanted=
  index=0
  : >differing
  while IFS=$tab read -r sha show user encoded; do
    if [ "$user" != root ]; then index=$((index + 1)); continue; fi
    decode "$encoded"
    if [ ! -h "$decoded" ] && [ -f "$decoded" ]; then
      set -- "$@" "$decoded"; wanted="$wanted $index:$sha:$show"
    fi
    index=$((index + 1))
  done <paths
  say hashed "${wanted# }"
  [ $# -gt 0 ] || return 0
  # sha256sum escapes a newline in a name and marks the line with a backslash: one line a file in any case
  sha256sum -- "$@" | sed 's/^\\\{0,1\}\([0-9a-f]\{64\}\).*/\1/' >hashes
  exec 3<hashes
  for entry in $wanted; do
    IFS= read -r got <&3 || { echo "probe: a file vanished while it was read" >&2; exit 1; }
    say sha256 "$got"
    index=${entry%%:*} rest=${entry#*:}
    if [ "${rest%:*}" != "$got" ] && [ "${rest#*:}" = 1 ]; then
      size=$(stat -c %s -- "$1")
      [ "$size" -gt 65536 ] || say content "$index" "$(base64 -w0 <"$1")"
    fi
    shift
  done
  exec 3<&-
}

# What lies below an app's own folders is looked at as the app's user, all users side by side. What comes back is not trusted:
# only lines of its kind are passed on, each with the user that it comes from.
own_paths() {
  users=$(cut -f3 paths | sort -u)
  for user in $users; do
    [ "$user" = root ] || look_as "$user" &
  done
  wait
  for answer in own.*; do
    [ ! -e "$answer" ] || sed -n "s/^own$tab/own$tab${answer#own.}$tab/p" "$answer"
  done
}

look_as() { # USER   one who is not there yet has nothing there: whatever is, is seen as anybody sees it
  who=$1
  getent passwd "$who" >/dev/null || who=nobody
  gid=$(id -g "$who")
  program=$(cat look.sh)
  awk -F "$tab" -v user="$1" '$3 == user { print NR - 1 FS $1 FS $2 FS $4 }' paths | (
    cd /
    exec timeout -k 2 40 setpriv --reuid "$who" --regid "$gid" --clear-groups --bounding-set=-all --no-new-privs -- sh -c "$program" sh
  ) >"own.$1" 2>/dev/null || :
}

# shellcheck source=templates/host/tree.sh
. ./tree.sh
# shellcheck source=templates/host/services.sh
. ./services.sh
# shellcheck source=templates/host/replicas.sh
. ./replicas.sh
: >service-users

trees() {
  index=0
  while IFS= read -r encoded; do
    decode "$encoded"
    target=$decoded
    if [ -h "$target" ]; then target=$(readlink -f -- "$decoded"); fi
    if [ -e "$target" ]; then
      content=-
      [ ! -e verify ] || content=$(content_signature "$target")
      say tree "$index" "$(stat_signature "$target")" "$content" "$(printf %s "$target" | base64 -w0)"
    fi
    index=$((index + 1))
  done <trees
  [ ! -s /var/lib/streamside/signatures ] || sed "s/^/signature$tab/" /var/lib/streamside/signatures
}

databases() {
  index=0
  while IFS=$tab read -r look encoded; do
    decode "$encoded"
    # one stat, of the file itself: an app may put a link there
    if [ ! -h "$decoded" ] && [ -f "$decoded" ]; then
      # Whose it is, and then whose its WAL and shared memory are: the app has to write them all.
      size=$(stat -c %s -- "$decoded" 2>/dev/null) || size=
      owners=$(stat -c "%U$tab%G" -- "$decoded" "$decoded-wal" "$decoded-shm" 2>/dev/null | tr '\n' '\t') || :
      [ -z "$size" ] || say database "$index" "$size" "${owners%"$tab"}"
      if [ "$look" = 1 ]; then
        say journal "$index" "$(written_as "$decoded")"
        stat -c %U -- "$decoded" >>service-users
      fi
    fi
    index=$((index + 1))
  done <databases
}

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
    for override in "/etc/systemd/system/$unit.d"/*.conf "/run/systemd/system/$unit.d"/*.conf "/etc/systemd/system.control/$unit.d"/*.conf "/run/systemd/system.control/$unit.d"/*.conf; do
      if [ -e "$override" ] || [ -h "$override" ]; then say override "$unit" "$(printf %s "$override" | base64 -w0)"; fi
    done
  done <units
}

# With the drop-ins of packages and of people, in the order in which they count.
journald() {
  [ -e journald ] || return 0
  say journald "$(systemd-analyze cat-config systemd/journald.conf 2>/dev/null | base64 -w0)"
  # What somebody has changed since rsyslog was started from ours shows at its next start, which may be a boot.
  since=/var/lib/streamside/started/rsyslog.service
  [ -e "$since" ] && [ -n "$(find /etc/rsyslog.conf /etc/rsyslog.d -newer "$since" -print -quit 2>/dev/null)" ] || return 0
  rsyslogd -N1 >said 2>&1 || say rsyslog "$(base64 -w0 <said)"
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

say streamside-probe 1
machine
listeners
accounts
packages
paths
digests
own_paths
trees
databases
services
units
journald
replicas
apps
transactions
say end
