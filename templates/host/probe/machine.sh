# The machine itself, who listens on what, accounts and packages; read by probe.sh.
# shellcheck shell=sh disable=SC2154 # variables are shared with the program that sources it

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
