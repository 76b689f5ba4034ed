#!/bin/sh
# Makes a freshly bootstrapped tree look like the root of a Raspberry Pi OS Lite card just flashed.
# Usage (by base-tree.ts):  chroot TREE sh -s <customise-base.sh
# The tree is shared by all hosts: nothing in it may belong to one host (keys, machine-id, name).
set -eu

# A card gets its identity at its first boot: an empty machine-id is filled in by systemd, host keys by the unit below.
: >/etc/machine-id
rm -f /etc/ssh/ssh_host_* /var/lib/dbus/machine-id /etc/hostname
cat >/etc/systemd/system/regenerate_ssh_host_keys.service <<'UNIT'
[Unit]
Description=Regenerate SSH host keys
Before=ssh.service ssh.socket sshd-keygen.service
ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key
[Service]
Type=oneshot
ExecStart=/usr/bin/ssh-keygen -A
[Install]
WantedBy=multi-user.target
UNIT
systemctl enable --quiet regenerate_ssh_host_keys.service

# What a container has no use for (consoles, network set from outside), and what would run at its own time: apt's timers
# take the dpkg lock whenever they like.
systemctl mask --quiet getty@.service console-getty.service systemd-networkd.service apt-daily.timer apt-daily-upgrade.timer

# A container cannot set the clock, so timesyncd does not run in it (ConditionVirtualization=!container); yet the hosts'
# clock is the machine's, which is synchronised. A test that needs a host whose clock is not: remove the file.
cat >/etc/tmpfiles.d/lab-clock.conf <<'TMPFILES'
d /run/systemd/timesync 0755 - - -
f /run/systemd/timesync/synchronized 0644 - - -
TMPFILES

# The imager sets a UTF-8 locale; without one, programs would treat names outside ASCII in another way than on a real host.
echo 'LANG=C.UTF-8' >/etc/default/locale

useradd --create-home --uid 1000 --shell /bin/bash pi
install -d -m 0700 -o pi -g pi /home/pi/.ssh

# The index of a fresh image is empty or out of date: what is installed must be able to cope with that.
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/*.log /var/log/apt
mkdir -p /var/lib/apt/lists/partial
