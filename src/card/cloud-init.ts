import { stringify } from 'yaml'
import type { CardFile, FirstBoot } from './first-boot.ts'
import { networkKey } from './wifi.ts'

/**
 * The files of a NoCloud seed, which Raspberry Pi OS trixie and later read from the boot partition (cloud-init: NoCloud; Raspberry Pi's
 * Imager writes the same three).
 */
export function cloudInitFiles(boot: FirstBoot): CardFile[] {
  const network = networkConfig(boot)
  return [
    { name: 'user-data', content: `#cloud-config\n${yaml(userData(boot))}` },
    { name: 'meta-data', content: yaml({ 'instance-id': boot.instanceId, 'local-hostname': boot.card.hostname }) },
    // Without one, or with an empty one, cloud-init asks DHCP on the wire; an older one of this card would stay.
    { name: 'network-config', content: network === null ? '' : yaml({ network }) },
  ]
}

function userData({ card, user, keys, hostKey }: FirstBoot): object {
  return {
    hostname: card.hostname,
    manage_etc_hosts: true,
    ...(card.timezone === null ? {} : { timezone: card.timezone }),
    // `user:`, not `users:`: it is merged over the image's own user and keeps its groups.
    user: {
      name: user,
      shell: '/bin/bash',
      lock_passwd: true,
      sudo: 'ALL=(ALL) NOPASSWD:ALL',
      ssh_authorized_keys: keys,
    },
    ssh_pwauth: false,
    disable_root: true,
    ssh_deletekeys: true,
    ssh_keys: { ed25519_private: hostKey.privateKey, ed25519_public: hostKey.publicKey },
    // Images of Raspberry Pi make new host keys at the first boot, after these.
    bootcmd: [['sh', '-c', 'systemctl disable --now --no-block regenerate_ssh_host_keys.service 2>/dev/null || :']],
    // They come with sshd switched off.
    runcmd: [['systemctl', 'enable', '--now', 'ssh']],
  }
}

/** Netplan's version 2. The wire is named too: what is given here takes the place of the image's own configuration. */
function networkConfig({ card }: FirstBoot): object | null {
  const { wifi, network } = card
  if (wifi === null && network === null) return null
  const dhcp = { dhcp4: true, optional: true }
  const fixed =
    network === null
      ? dhcp
      : {
          dhcp4: false,
          addresses: [network.address],
          routes: [{ to: 'default', via: network.gateway }],
          nameservers: { addresses: network.dns },
          optional: true,
        }
  if (wifi === null) return { version: 2, ethernets: { eth0: fixed } }
  const key = networkKey(wifi)
  return {
    version: 2,
    ethernets: { eth0: dhcp },
    wifis: {
      wlan0: {
        ...fixed,
        'regulatory-domain': wifi.country,
        'access-points': {
          [wifi.ssid]: {
            ...(wifi.hidden ? { hidden: true } : {}),
            ...(key === null ? { auth: { 'key-management': 'none' } } : { password: key }),
          },
        },
      },
    },
  }
}

function yaml(value: object): string {
  // Text that looks like a number or a truth stays text for the YAML 1.1 that cloud-init reads.
  return stringify(value, { version: '1.1', lineWidth: 0 })
}
