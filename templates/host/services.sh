# What a plan needs to know of services that are adopted; read by probe.sh and its kin. Changes nothing.
# shellcheck shell=sh disable=SC2154 # variables and say are those of the program that reads it

# The file format's write version, byte 18 of the header: 2 is WAL, 1 a rollback journal (sqlite.org/fileformat2, 1.3). By the
# bytes, never by sqlite3, whose closing can remove a WAL.
written_as() { # PATH -> wal, rollback, or none when it is no database yet
  bytes=$(timeout -k 1 5 dd if="$1" iflag=nofollow,nonblock bs=20 count=1 status=none 2>/dev/null | od -An -v -tx1 | tr -d ' \n')
  case $bytes in
    53514c69746520666f726d6174203300????02??) echo wal ;;
    53514c69746520666f726d6174203300????01??) echo rollback ;;
    *) echo none ;;
  esac
}

# File `services`, lines UNIT USER, the user as the inventory has it, or -. Answer:
#   service UNIT KEY=VALUE     of `systemctl show`
#   setting UNIT KEY=VALUE     one of the unit's own files, the last one counts: what systemd shows is made of them and of our
#                              drop-in, and does not tell them apart
#   after-ours UNIT PATH       a drop-in that counts after ours and has an ExecCondition= of its own (an empty one takes the gate out); base64
#   account NAME UID GID GROUP of the users that the units run as, and those that the databases belong to
# As they lie on disk, whether systemd has read them or not.
after_ours() { # UNIT
  for file in "/etc/systemd/system/$1.d"/*.conf "/run/systemd/system/$1.d"/*.conf; do
    grep -qs '^[[:space:]]*ExecCondition[[:space:]]*=' "$file" || continue
    case $(printf '%s\n' zz-streamside.conf "${file##*/}" | LC_ALL=C sort | tail -n 1) in
      zz-streamside.conf) ;;
      *) say after-ours "$1" "$(printf %s "$file" | base64 -w0)" ;;
    esac
  done
}

services() {
  [ -s services ] || return 0
  while read -r unit user; do
    [ "$user" = - ] || printf '%s\n' "$user" >>service-users
    systemctl show --no-pager \
      -p Id,LoadState,ActiveState,UnitFileState,FragmentPath,Type,RemainAfterExit,User,DynamicUser,ExecCondition "$unit" |
      while IFS= read -r setting; do say service "$unit" "$setting"; done
    for file in "$(systemctl show -P FragmentPath "$unit")" $(systemctl show -P DropInPaths "$unit"); do
      case $file in '' | */"$unit.d/"??-streamside.conf) continue ;; esac
      [ ! -r "$file" ] || sed -n 's/^[[:space:]]*\(Restart\|RestartSec\|TimeoutStopSec\|TimeoutSec\|RestartPreventExitStatus\)[[:space:]]*=[[:space:]]*\(.*\)/\1=\2/p' "$file" |
        while IFS= read -r setting; do say setting "$unit" "$setting"; done
    done
    after_ours "$unit"
    systemctl show -P User "$unit" | sed 's/^$/root/' >>service-users
  done <services
  # whom an app was adopted for, whoever has its files by now
  for config in /etc/streamside/apps/*/gate.json; do
    [ ! -r "$config" ] || sed -n 's/^ *"user": *"\([^"]*\)".*/\1/p' "$config" | head -n 1 >>service-users
  done
  sort -u service-users | while IFS= read -r name; do
    uid=$(id -u -- "$name" 2>/dev/null) || continue
    say account "$name" "$uid" "$(id -g -- "$name")" "$(id -gn -- "$name")"
  done
}
