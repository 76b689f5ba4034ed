import { isIP } from 'node:net'
import { z } from 'zod'
import { duration, localPath, plainText, port, reference, size, sizeBytes } from './scalars.ts'

/** `192.168.1.0/24`, `fd00::/64`: what a log server takes lines from. */
const network = z.string().refine((text) => {
  const [, address = '', bits = ''] = /^([0-9A-Fa-f.:]+)\/([0-9]{1,3})$/.exec(text) ?? []
  const version = isIP(address)
  return version !== 0 && Number(bits) <= (version === 4 ? 32 : 128)
}, 'not a network: 192.168.1.0/24, fd00:1:2::/64')
const address = z.string().refine((text) => isIP(text) !== 0 && !text.includes('%'), 'not an IP address')

const notShare = 'not a share of a disk: 10% (1 to 90), or a size, 16M or more'

/** A part of the file system, or bytes. */
const share = z.string({ error: notShare }).transform((text, context) => {
  const percent = /^([1-9]|[1-8][0-9]|90)%$/.exec(text)?.[1]
  if (percent !== undefined) return { percent: Number(percent) }
  const bytes = sizeBytes(text)
  if (bytes !== null && bytes >= 16 * 2 ** 20) return { bytes }
  context.addIssue({ code: 'custom', message: notShare })
  return z.NEVER
})

const journal = z.strictObject({
  storage: z
    .enum(['persistent', 'volatile'])
    .optional()
    .describe(
      'persistent (default): on the card, so that a crash leaves a trace. volatile: in memory, gone at a reboot.',
    ),
  size: size('8M', '4G').optional().describe('The most that the journal takes, on the card or in memory. Default 64M.'),
  sync: duration('1s', '1h')
    .optional()
    .describe(
      'How long lines may wait before they are written to the card; what is critical is written at once. Default 1m.',
    ),
})

const tls = z.strictObject({
  ca: localPath().describe(
    'PEM file of the authority that log servers, and their clients, have their certificates from.',
  ),
  certificates: localPath()
    .optional()
    .describe(
      'Folder with NAME.pem and NAME.key for each host of the inventory. Left out only when no log server is one of them.',
    ),
})

export const logs = z.strictObject({
  servers: z
    .array(plainText())
    .optional()
    .describe(
      'Who receives the lines of every host: hosts of the inventory, or any address, with its port if need be.',
    ),
  transport: z
    .enum(['tcp', 'tls'])
    .optional()
    .describe('How lines travel. Default tcp; tls when there are certificates under tls.'),
  tls: tls.optional().describe('Certificates of your own. Default: an authority that streamside makes for the site.'),
  queue: z
    .enum(['durable', 'light'])
    .optional()
    .describe(
      'durable: on the card before it is sent, an fsync a line. light (default): in memory, on the card only while a server is away; a power cut loses what is in memory.',
    ),
  'queue-size': size('1M', '256M')
    .optional()
    .describe(
      'The most that a queue takes on the card, for each server; the newest lines are not sent when it is full. Default 64M.',
    ),
  port: port()
    .optional()
    .describe(
      'Where log servers of the inventory listen, and the port of others that give none. Default 514; with tls 6514.',
    ),
  network: z
    .union([network, z.array(network).min(1)])
    .optional()
    .describe(
      "Whose lines log servers of the inventory take. Default: the /24 (IPv6: /64) of the server's own address, and every host of the inventory.",
    ),
  addresses: z
    .record(reference(), z.union([address, z.array(address).min(1)]))
    .optional()
    .describe('IP addresses of hosts as log servers see them, where they are not those that ssh goes to.'),
  'disk-share': share
    .optional()
    .describe(
      'How much of its disk a log server gives to /var/log/hosts: a part of the file system or a size. Default 10%.',
    ),
  keep: duration('1d', '3650d').optional().describe('How long a log server keeps what it has received. Default 30d.'),
  journal: journal.optional().describe('The journal of every host (journald).'),
})
