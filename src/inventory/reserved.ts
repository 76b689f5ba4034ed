/**
 * Names that Debian and Raspberry Pi OS use for users, groups, units, and folders of /etc, /var/lib and /opt. An app has
 * one of each under its own name, so it cannot take one of these. Read from base-passwd, and from minimal installations of
 * Debian 12 and 13 with openssh-server, rsyslog and sudo, and of Raspberry Pi OS Lite.
 */
const taken = new Set(
  `
  adm audio backup bin bluetooth cdrom crontab daemon dialout dip disk fax floppy games gnats gpio i2c input irc kmem kvm
  list lp mail man messagebus netdev news nobody nogroup operator pi plugdev polkitd proxy pulse render root sasl sgx shadow
  spi src ssh-keys ssl-cert staff sudo sync sys syslog tape tcpdump tss tty users utmp uucp uuidd video voice www-data

  alternatives apparmor apt avahi binfmt bluez boot ca-certificates chrony cloud-init console-setup cracklib cron cups dbus
  dconf debconf default dhcp dhcpcd dhclient dictionaries-common dpkg emacs environment ethertypes firmware fonts fstab fwupd
  getty git gnutls group groff gshadow gss host hostname hosts hwclock init initramfs-tools insserv inspircd
  iproute2 iptables iptables-rules issue kernel keyboard-setup kmod ldap localtime locale login logcheck logrotate machines
  magic man-db misc modprobe modules motd mtab nanorc netconfig network networking networkmanager networks nftables nsswitch
  opt os-release pam passwd perl plymouth polkit portables private procps profile protocols python python3 quotaon
  rc rc-local rescue resolvconf rfkill rmt rpc rpi-eeprom-update rsync rsyncd rsyslog security selinux services sgml skel
  snmp ssh sshd sshswitch ssl subgid subuid sudoers sysctl sysstat systemd terminfo timezone timesyncd triggerhappy ucf udev
  udisks2 ufw update-motd urandom vim wgetrc wpa-supplicant x11 x11-common xattr xdg xml emergency user user-runtime-dir
  autovt debug-shell fstrim e2scrub packagekit postfix exim4

  litestream streamside gate
  `
    .trim()
    .split(/\s+/),
)

/** True when a Debian system has, or an update may bring, a user, unit or folder of this name. */
export function isReserved(name: string): boolean {
  return taken.has(name) || /^(systemd|dbus|initrd|apt|dpkg|cloud|getty|streamside|rpi|raspi)-/.test(name)
}
