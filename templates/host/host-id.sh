#!/bin/sh
# Prints this machine's id: sha256 in hex over machine-id, board and root disk.
#
# Usage: host-id.sh            as root (the DMI uuid is readable by root only)
# Exit: 0, or 1 when the machine has no machine-id yet (first boot).
#
# A claim in the bucket names its holder by this id. A card cloned onto other hardware is another machine, and so is a new
# card in the same board: neither may write to the path that the old one held. In the lab, whose hosts share one board and
# one disk, /run/streamside-lab/hardware-id stands for both; a real machine has no such file.
set -eu
export LC_ALL=C

first_line() { # FILE… -> the first non-empty text among them
  for file; do
    [ -r "$file" ] || continue
    text=$(tr -d '\000\n' <"$file" 2>/dev/null) || continue
    [ -z "$text" ] || { printf '%s' "$text"; return 0; }
  done
}

# The device below the root file system: from a partition to its disk, through LVM and dm-crypt to what carries them.
# By number, because the source's name may be /dev/root. Overlays and btrfs have no number of a block device: no disk then.
root_disk() {
  number=$(awk '$5 == "/" { found = $3 } END { print found }' /proc/self/mountinfo)
  disk=$(readlink -f "/sys/dev/block/$number") && [ -d "$disk" ] || return 0
  while :; do
    if [ -e "$disk/partition" ]; then disk=${disk%/*}; continue; fi
    below=$(find "$disk/slaves" -mindepth 1 2>/dev/null | sort | head -n 1)
    [ -n "$below" ] || break
    disk=$(readlink -f "$below")
  done
  # An SD card and eMMC have a CID; others a serial, or only a world-wide id.
  first_line "$disk/device/cid" "$disk/device/serial" "$disk/serial" "$disk/device/wwid" "$disk/wwid"
}

machine=$(first_line /etc/machine-id)
case $machine in '' | uninitialized) echo "host-id: /etc/machine-id is not set yet" >&2; exit 1 ;; esac
hardware=$(first_line /run/streamside-lab/hardware-id)
if [ -z "$hardware" ]; then
  board=$(first_line /sys/firmware/devicetree/base/serial-number /sys/class/dmi/id/product_uuid)
  hardware="$board/$(root_disk)"
fi
printf '%s/%s' "$machine" "$hardware" | sha256sum | cut -c1-64
