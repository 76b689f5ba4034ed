import { randomUUID } from 'node:crypto'
import { render } from '../templates/render.ts'
import type { CardFile, FirstBoot } from './first-boot.ts'
import { networkKey } from './wifi.ts'

/**
 * The files that Raspberry Pi OS bookworm (Debian 12) takes from its boot partition. firstrun.sh does it all, for it runs before
 * anything else; the other two keep the image's own first boot from asking for a user and leaving sshd off.
 */
export function firstRunFiles(boot: FirstBoot): CardFile[] {
  return [
    { name: 'firstrun.sh', content: firstRun(boot) },
    // no password: `*` is the hash of none (shadow(5))
    { name: 'userconf.txt', content: `${boot.user}:*\n` },
    { name: 'ssh', content: '' },
  ]
}

function firstRun({ host, card, user, keys, hostKey }: FirstBoot): string {
  const { wifi, network } = card
  const method = network === null ? { auto: true } : { auto: false, ...network, dns: network.dns.join(';') }
  return render('card/firstrun.sh.hbs', {
    host,
    hostname: card.hostname,
    user,
    keys: keys.join('\n'),
    privateKey: hostKey.privateKey.trimEnd(),
    publicKey: hostKey.publicKey,
    timezone: card.timezone ?? '',
    country: wifi?.country ?? '',
    connections: [
      ...(wifi === null
        ? []
        : [
            connection('card-wifi', 'wifi', {
              ...method,
              ssid: ssidBytes(wifi.ssid),
              hidden: wifi.hidden,
              key: networkKey(wifi) ?? '',
            }),
          ]),
      ...(wifi === null && network !== null ? [connection('card-wire', 'ethernet', { ...method })] : []),
    ],
  })
}

/** A connection of NetworkManager's as a keyfile. */
function connection(id: string, type: string, more: object): { id: string; content: string } {
  const plain = { ssid: '', hidden: false, key: '', address: '', gateway: '', dns: '' }
  const context = { ...plain, ...more, id, type, uuid: randomUUID(), isWifi: type === 'wifi' }
  return { id, content: render('card/connection.nmconnection.hbs', context).trimEnd() }
}

/** As a list of bytes, which a name with quotes, semicolons or blanks at its end survives (nm-settings-keyfile(5)). */
function ssidBytes(ssid: string): string {
  return [...Buffer.from(ssid)].map((byte) => `${byte};`).join('')
}

/** What the kernel's command line says for firstrun.sh to run: as root, once, before the rest; then the machine boots anew. */
export const firstRunArguments = [
  'systemd.run=/boot/firmware/firstrun.sh',
  'systemd.run_success_action=reboot',
  'systemd.run_failure_action=reboot',
  'systemd.unit=kernel-command-line.target',
]
