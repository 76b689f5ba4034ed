# Files that were taken away, or replaced, under a program that has them open; sourced by prove.sh and apply.sh.
# shellcheck shell=sh

# What such a program writes goes to a file without a name: nobody finds it, nobody uploads it, and it is gone when the program ends.
deleted_under() { # UNIT PATH -> `process 812 has the former one open still, as /proc/812/fd/5`, or nothing
  group=$(systemctl show -P ControlGroup "$1")
  [ -n "$group" ] || return 0
  # /sys/fs/cgroup itself, or the hierarchy of systemd's own below it
  for pid in $(find "/sys/fs/cgroup$group" "/sys/fs/cgroup/systemd$group" "/sys/fs/cgroup/unified$group" -name cgroup.procs -exec cat {} + 2>/dev/null | sort -un); do
    open=$(find "/proc/$pid/fd" -maxdepth 1 -printf '%p %l\n' 2>/dev/null | grep -m 1 -F -- " $2 (deleted)") || continue
    case $open in *" $2 (deleted)") printf 'process %s has the former one open still, as %s' "$pid" "${open%% *}"; return 0 ;; esac
  done
}
