#!/bin/sh
# Keeps one host running: boots it, and boots it again when it has rebooted.
# Usage: supervise.sh CGROUP COMMAND [ARG…]     COMMAND is systemd-nspawn; it runs in CGROUP, this program does not.
# Ends with COMMAND's status when the host was powered off (0) or was killed from outside (137).
set -eu
cgroup=$1
shift
while :; do
  mkdir -p "$cgroup"
  status=0
  # shellcheck disable=SC2016  # $$ is the inner shell's own pid: it enters the cgroup, then becomes COMMAND
  sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$cgroup" "$@" || status=$?
  # 133 is nspawn's word for "the container has asked for a reboot"
  [ "$status" -eq 133 ] || exit "$status"
done
