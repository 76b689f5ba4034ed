import { isIPv4 } from 'node:net'
import { z } from 'zod'
import { plainText, secret } from './scalars.ts'

const ipv4 = z.string().refine((value) => isIPv4(value), 'not an IPv4 address: four numbers from 0 to 255')

const interfaceAddress = z.string().superRefine((value, context) => {
  const [, address = '', length = ''] = /^([0-9.]+)\/([0-9]{1,2})$/.exec(value) ?? []
  if (!isIPv4(address) || Number(length) < 1 || Number(length) > 32)
    context.addIssue({ code: 'custom', message: 'not an address with the length of its network: 192.168.1.21/24' })
})

/** What all cards of a site may have in common. */
const shared = {
  'authorized-keys': z
    .array(plainText())
    .min(1)
    .optional()
    .describe(
      'Public keys that may log in: as they stand in a .pub file, or the paths of such files. Default: those of ~/.ssh.',
    ),
  timezone: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9_+-]*(\/[A-Za-z0-9_+-]+)*$/, 'not a time zone: Europe/Berlin, UTC')
    .optional()
    .describe('Time zone. Default: what the image has.'),
  wifi: z
    .strictObject({
      // IEEE 802.11: 1 to 32 octets
      ssid: plainText()
        .refine((value) => Buffer.byteLength(value) <= 32, 'longer than 32 bytes, which no network is')
        .describe('Name of the network.'),
      password: secret().optional().describe('!secret NAME of its password. Without one the network is open.'),
      country: z
        .string()
        .regex(/^[A-Z]{2}$/, 'not a country: two letters, DE')
        .describe('Country whose rules the radio follows: without it a Raspberry Pi keeps it switched off.'),
      hidden: z.boolean().optional().describe('The network does not tell its name.'),
    })
    .optional()
    .describe('Wi-Fi; the wire works as well.'),
}

/** `defaults.card` */
export const sharedCard = z.strictObject(shared)

/** `hosts.NAME.card` */
export const card = z.strictObject({
  ...shared,
  hostname: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'not a host name: lower-case letters, digits and -, at most 63')
    .optional()
    .describe('What the machine calls itself. Default: its name here.'),
  network: z
    .strictObject({
      address: interfaceAddress.describe('Its address, with the length of its network.'),
      gateway: ipv4.describe('Where what is not in its network goes.'),
      dns: z.array(ipv4).min(1).optional().describe('Name servers. Default: the gateway.'),
    })
    .optional()
    .describe('A fixed address: of the Wi-Fi where there is one, else of the wire. Default: DHCP.'),
})
