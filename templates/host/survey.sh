#!/bin/sh
# Looks at the services that run on a host, and at the SQLite databases that they keep. Changes nothing.
#
# Usage: sh ./survey.sh           as root, in a folder of its own below /run
# Answer: lines of TAB-separated fields, first `streamside-survey 1`, last `end`; what may hold anything is base64:
#   host HOSTNAME · manifest JSON · owners LINES (dpkg-query -S of all unit files)
#   and of each running service, by its number:
#   unit N NAME · about N JSON · service N JSON (D-Bus properties, a line each) · names N (NUL-separated names of the main
#   process's environment: values never leave the host) · listen N ADDRESS:PORT (hex, as in /proc/net/tcp)
#   · database N open|there PATH FILE BYTES USER GROUP MODE WRITE READ · elsewhere N PATH · cut N WHAT
#   FILE is device:inode, the same for each path of one file; WRITE and READ are bytes 18 and 19 of the file's header: 2 is WAL, 1 a rollback journal (sqlite.org/fileformat2, 1.3).
# A file is taken for a database by the 16 bytes that it begins with, never by its name; nothing is opened with sqlite3, whose
# closing can remove a WAL.
# Exit: 0 answered, 1 systemd could not be asked (stderr says what).
set -eu
export LC_ALL=C
tab=$(printf '\t')
# Of one service: files that are looked into. A cache or a mail store may have far more open.
most=400

say() { # FIELD…
  out=$1; shift
  for field in "$@"; do out=$out$tab$field; done
  printf '%s\n' "$out"
}

encoded() { base64 -w0; }

properties() { # OBJECT INTERFACE PROPERTY…   each as one line of JSON; exact, where `systemctl show` joins words with blanks
  object=$1 interface=$2
  shift 2
  busctl --json=short get-property org.freedesktop.systemd1 "$object" "org.freedesktop.systemd1.$interface" "$@"
}

# The answer is `o "/org/freedesktop/systemd1/unit/…"`, and such a path holds letters, digits and _ only.
object_of() { # UNIT -> $object, empty for one that has gone meanwhile
  object=$(busctl call org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager GetUnit s "$1" 2>/dev/null) || object=
  object=${object#*\"} object=${object%\"*}
}

# A process that has written its title over its environment (setproctitle) has no names there, and must not tell of values.
names() { # ENVIRON
  sed -z -n '1{/^[A-Za-z_][A-Za-z0-9_]*=/!q}; s/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/\1/p' "$1" 2>/dev/null || :
}

# Every process of a unit's control group, also below it: a service may make groups of its own.
processes() { # CONTROL-GROUP -> $processes
  processes=
  while IFS=: read -r file _ _ group; do
    case $group in "$1" | "$1"/*) pid=${file#/proc/}; processes="$processes ${pid%%/*}" ;; esac
  done <groups
}

# Twenty bytes: the header's magic, the page size, and the two versions.
header() { # FILE -> true for an SQLite database; $write, $read
  bytes=$(timeout 5 head -c 20 -- "$1" 2>/dev/null | od -An -v -tx1 | tr -d ' \n') || return 1
  case $bytes in 53514c69746520666f726d6174203300????????) ;; *) return 1 ;; esac
  rest=${bytes#????????????????????????????????????}
  write=$((0x${rest%??})) read=$((0x${rest#??}))
}

# Seen through the process's own file descriptor, so a path that only its own mounts know is told apart.
open_databases() { # N PID
  for fd in "/proc/$2/fd"/*; do
    [ -f "$fd" ] || continue
    looked=$((looked + 1))
    [ "$looked" -le "$most" ] || { say cut "$1" open; return 0; }
    header "$fd" || continue
    path=$(readlink -n -- "$fd"; printf _); path=${path%_}
    file=$(stat -L -c '%d:%i' -- "$fd" 2>/dev/null) || continue
    case $seen in *" $file "*) continue ;; esac
    seen="$seen$file "
    if [ "$(stat -c '%d:%i' -- "$path" 2>/dev/null)" != "$file" ]; then
      say elsewhere "$1" "$(printf %s "$path" | encoded)"
      continue
    fi
    database "$1" open "$path"
  done
}

database() { # N open|there PATH
  stated=$(stat --printf "%d:%i$tab%s$tab%U$tab%G$tab%a" -- "$3" 2>/dev/null) || return 0
  say database "$1" "$2" "$(printf %s "$3" | encoded)" "$stated" "$write" "$read"
}

# Those that are not open just now: many programs open a database for each request. By name, for a folder may hold anything;
# links are not followed, and other file systems not entered.
databases_below() { # N FOLDER
  timeout 20 find "$2" -xdev -maxdepth 4 -type f -size +0 \
    \( -iname '*.db' -o -iname '*.db3' -o -iname '*.sqlite' -o -iname '*.sqlite3' -o -iname '*.sdb' \) -print0 2>/dev/null >found || say cut "$1" folder
  # NUL-separated names do not fit into a shell's variables: one run of this program a name
  xargs -0 -r -n 1 sh "$0" "$1" <found
}

listening() { # N PID…
  number=$1
  shift
  : >sockets
  for pid in "$@"; do
    find "/proc/$pid/fd" -maxdepth 1 -lname 'socket:*' -printf '%l\n' 2>/dev/null >>sockets || :
  done
  [ -s sockets ] || return 0
  # of the process's own network; 0A is TCP_LISTEN
  cat "/proc/$1/net/tcp" "/proc/$1/net/tcp6" 2>/dev/null | awk -v n="$number" -v OFS="$tab" '
    BEGIN { while ((getline line < "sockets") > 0) { gsub(/[^0-9]/, "", line); own[line] } }
    $4 == "0A" && ($10 in own) { print "listen", n, $2 }' | sort -u
}

service() { # N UNIT
  object_of "$2"
  [ -n "$object" ] || return 0
  about=$(properties "$object" Unit FragmentPath DropInPaths Description SourcePath) || return 0
  of=$(properties "$object" Service ControlGroup MainPID User DynamicUser WorkingDirectory StateDirectory ExecStart) || return 0
  say unit "$1" "$(printf %s "$2" | encoded)"
  say about "$1" "$(printf '%s' "$about" | encoded)"
  say service "$1" "$(printf '%s' "$of" | encoded)"
  group=$(systemctl show -P ControlGroup -- "$2") main=$(systemctl show -P MainPID -- "$2")
  # SourcePath: what a generator made the unit file of, as of a package's script in /etc/init.d
  systemctl show --property=FragmentPath --property=SourcePath --value -- "$2" >>fragments
  [ "$main" = 0 ] || say names "$1" "$(names "/proc/$main/environ" | encoded)"
  processes "$group"
  seen=' ' looked=0
  for pid in $processes; do open_databases "$1" "$pid"; done
  # shellcheck disable=SC2086 # process ids
  listening "$1" $processes
  for folder in $(systemctl show -P StateDirectory -- "$2"); do databases_below "$1" "/var/lib/$folder/"; done
  folder=$(systemctl show -P WorkingDirectory -- "$2")
  # `!` before a folder that may be missing, ~ for a home; the whole system is no folder of one service
  case ${folder#!} in / | /usr | /usr/* | /etc | /etc/* | /home | /root | /var | /var/lib | /srv | /opt) ;; /*) databases_below "$1" "${folder#!}/" ;; esac
}

# dpkg knows Debian 12's unit files as /lib/…, systemd too; Debian 13's as /usr/lib/…
owners() {
  sort -u fragments | grep '^/' | while IFS= read -r path; do
    printf '%s\n' "$path"
    case $path in /usr/lib/*) printf '%s\n' "${path#/usr}" ;; /lib/*) printf '/usr%s\n' "$path" ;; esac
  done | sed 's/[][*?\\]/\\&/g' | xargs -r -d '\n' dpkg-query -S -- 2>/dev/null || :
}

if [ $# -eq 2 ]; then
  if header "$2"; then database "$1" there "$2"; fi
  exit 0
fi

: >fragments
say streamside-survey 1
say host "$(uname -n | encoded)"
[ ! -r /var/lib/streamside/manifest ] || say manifest "$(encoded </var/lib/streamside/manifest)"
systemctl list-units --type=service --state=running --plain --no-legend --no-pager >running
grep -H '' /proc/[0-9]*/cgroup 2>/dev/null >groups || :
number=0
while read -r unit _; do
  number=$((number + 1))
  service "$number" "$unit" </dev/null
done <running
say owners "$(owners | encoded)"
say end
