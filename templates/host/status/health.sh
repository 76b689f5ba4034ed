#!/bin/sh
# How a host's card, power, temperature and file systems are, as its kernel tells it: facts, no judgement.
#
# Usage: sh ./status/health.sh [ROOT] <PLACES     as root; ROOT: the folder that /sys, /proc and /etc are below (default: /)
#   PLACES: folders that matter, one a line, encoded for printf %b
# Answer: lines of TAB-separated fields; what may hold anything is base64
#   ext4 NAME ERRORS FIRST LAST       of a mounted ext4: errors since its last e2fsck, epoch s of the first and of the last (0: none)
#   voltage ALARM                     1: the Raspberry Pi's supply is too low, or was within the last 2 s; 0: it is not
#   throttled SOURCE BASE64           the firmware's own word, from `vcgencmd` or `sysfs`
#   temperature SENSOR MILLIDEGREES
#   mounts BASE64                     /proc/self/mountinfo
#   fstab BASE64
#   block KEY BASE64                  folder in /sys of a block device that something is mounted from, or of one below that;
#                                     KEY: MAJOR:MINOR or /dev/NAME, as mountinfo has it
#   kernel SOURCE TOTAL KEPT BASE64   kernel messages since boot from `journal` or `dmesg`: how many were read, how many of them
#                                     may be about storage or voltage, and the last of those
#   disk KIB FREE-KIB INODES FREE-INODES PLACE
#   place PATH                        each of PLACES, without symbolic links, in order, encoded as they came
# The last line is `health-whole`. What a machine does not have is not told of.
# Exit: 0
set -eu
export LC_ALL=C
root=${1:-}
tab=$(printf '\t')
sys=$root/sys

encoded() { base64 -w0; }

say() { # FIELD…
  out=$1; shift
  for field in "$@"; do out=$out$tab$field; done
  printf '%s\n' "$out"
}

# A sensor that is asleep, and a file that has just gone, say nothing.
value_of() { # FILE -> $value
  value=
  [ ! -r "$1" ] || { IFS= read -r value <"$1"; } 2>/dev/null || :
}

file_systems() {
  for folder in "$sys"/fs/ext4/*/; do
    folder=${folder%/}
    [ -e "$folder/errors_count" ] || continue
    value_of "$folder/errors_count"; errors=$value
    value_of "$folder/first_error_time"; first=$value
    value_of "$folder/last_error_time"
    say ext4 "${folder##*/}" "${errors:-0}" "${first:-0}" "${value:-0}"
  done
}

power() {
  hwmon=
  for folder in "$sys"/class/hwmon/*/; do
    value_of "${folder}name"
    [ "$value" = rpi_volt ] || continue
    value_of "${folder}in0_lcrit_alarm"
    [ -z "$value" ] || { say voltage "$value"; hwmon=yes; }
  done
  # Only the firmware knows what was since boot; asked through its own program, for the kernel's file holds what its driver has
  # last asked for.
  if command -v vcgencmd >/dev/null; then
    said=$(timeout -k 1 3 vcgencmd get_throttled 2>/dev/null | head -c 100) || said=
    case $said in throttled=0x*) say throttled vcgencmd "$(printf %s "$said" | encoded)"; return ;; esac
  fi
  # Reading it writes a warning with a stack trace into the kernel's log, once a boot ("deprecated, use hwmon sysfs instead").
  [ -z "$hwmon" ] || return 0
  for file in "$sys"/devices/platform/soc*/*firmware/get_throttled "$sys"/devices/platform/*firmware/get_throttled; do
    value_of "$file"
    [ -z "$value" ] || { say throttled sysfs "$(printf %s "$value" | encoded)"; return; }
  done
}

temperatures() {
  for folder in "$sys"/class/thermal/thermal_zone*/; do
    value_of "${folder}type"; sensor=$value
    value_of "${folder}temp"
    [ -z "$value" ] || say temperature "$(printf %s "$sensor" | tr -cd 'A-Za-z0-9_.-')" "$value"
  done
  for folder in "$sys"/class/hwmon/*/; do
    value_of "${folder}name"; sensor=$value
    value_of "${folder}temp1_input"
    [ -z "$value" ] || say temperature "$(printf %s "$sensor" | tr -cd 'A-Za-z0-9_.-')" "$value"
  done
}

# A file system on LVM, LUKS or RAID has its disks below it.
block() { # KEY FOLDER
  key=$1
  shift
  while [ $# -gt 0 ]; do
    real=$(readlink -f -- "$1") || real=
    shift
    [ -d "$real" ] || continue
    say block "$key" "$(printf %s "$real" | encoded)"
    for below in "$real"/slaves/*; do
      [ ! -e "$below" ] || set -- "$@" "$below"
    done
  done
}

mounts() {
  info=$root/proc/self/mountinfo
  [ -r "$info" ] || return 0
  say mounts "$(head -c 262144 "$info" | encoded)"
  [ ! -r "$root/etc/fstab" ] || say fstab "$(head -c 65536 "$root/etc/fstab" | encoded)"
  # Of btrfs and its like the number is made up, and the source is a device. (proc_pid_mountinfo(5): optional fields end with "-")
  awk '{ for (i = 7; i <= NF && $i != "-"; i++); print $3; if ($(i + 2) ~ /^\/dev\/[A-Za-z0-9_.!-]+$/) print $(i + 2) }' "$info" |
    sort -u | while IFS= read -r key; do
      case $key in
        0:*) ;;
        /dev/*) block "$key" "$sys/class/block/${key#/dev/}" ;;
        *) block "$key" "$sys/dev/block/$key" ;;
      esac
    done
}

# What may be about storage or voltage, bounded: a dying card fills the log.
candidates() { # SOURCE
  awk -v source="$1" '
    { total++ }
    tolower($0) ~ /voltage/ ||
    (tolower($0) ~ /mmc|nvme|i\/o|ext4|f2fs|btrfs|xfs|jbd2|journal|[^a-z](sd|vd|hd|xvd)[a-z]|loop[0-9]|dm-[0-9]|md[0-9]/ &&
     tolower($0) ~ /error|timeout|timed out|fail|abort|offline|is down|read-only|mounted/) { kept[found++ % 200] = substr($0, 1, 400) }
    END {
      if (total == 0) exit
      print source, total, found + 0
      for (i = found > 200 ? found - 200 : 0; i < found; i++) print kept[i % 200]
    }'
}

kernel() {
  for source in journal dmesg; do
    case $source in
      journal) timeout -k 1 8 journalctl --dmesg --boot --quiet --no-pager --output=short-unix --lines=20000 ;;
      dmesg) timeout -k 1 3 dmesg --time-format=iso ;;
    esac 2>/dev/null | candidates "$source" >kernel-lines || :
    [ -s kernel-lines ] || continue
    { read -r source total found; rest=$(encoded); } <kernel-lines
    say kernel "$source" "$total" "$found" "${rest:--}"
    return
  done
}

places() {
  set --
  while IFS= read -r encoded; do
    decoded=$(printf '%b_' "$encoded")
    set -- "$@" "${decoded%_}"
  done
  [ $# -gt 0 ] || return 0
  readlink -m -z -- "$@" | sed -z -e 's/\\/\\\\/g' -e 's/\n/\\n/g' -e 's/\t/\\t/g' | tr '\0' '\n' | sed "s/^/place$tab/"
  # A folder that is not there yet is on no disk.
  df -k --output=size,avail,itotal,iavail,target -- "$@" 2>/dev/null |
    sed -e 1d -e "s/^ *\([0-9-]*\)  *\([0-9-]*\)  *\([0-9-]*\)  *\([0-9-]*\)  */disk$tab\1$tab\2$tab\3$tab\4$tab/" | sort -u || :
}

file_systems
power
temperatures
kernel
mounts
# last: the only ones that can wait for a server
places
echo health-whole
