import { isIPv4 } from 'node:net'
import { z } from 'zod'
import { card } from './card.ts'
import { port, secret } from './scalars.ts'

/** Passed to ssh and shown everywhere; a name that begins with `-` would be an option to ssh. */
const address = z.string().superRefine((value, context) => {
  const wrong = value.startsWith('-')
    ? 'cannot begin with -, ssh would take it for an option'
    : value.includes('@')
      ? 'holds an @; the user has a key of its own: user'
      : /^[^:]+:[0-9]+$/.test(value)
        ? 'holds a port; it has a key of its own: port'
        : !/^[A-Za-z0-9_:][A-Za-z0-9._:%-]{0,252}$/.test(value)
          ? 'not a host name or an IP address'
          : /^[0-9]+(\.[0-9]+){3}$/.test(value) && !isIPv4(value)
            ? 'not an IPv4 address: four numbers from 0 to 255'
            : null
  if (wrong !== null) context.addIssue({ code: 'custom', message: wrong })
})

const user = z
  .string()
  .regex(/^[a-z_][a-z0-9_-]{0,31}$/, 'not a user name: lower-case letters, digits, _ and -, a letter first')

export const sshUser = user.describe('User to log in as; must be able to use sudo. Default: what ssh_config says.')
export const sshPort = port().describe('Port of sshd. Default: what ssh_config says, else 22.')

export const host = z
  .strictObject({
    address: address
      .optional()
      .describe('Host name or IP address, or a Host of your ssh_config. Default: the name it has here.'),
    port: sshPort.optional(),
    user: sshUser.optional(),
    tags: z
      .array(
        z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/, 'not a tag: letters, digits, - _ . and no @ before it'),
      )
      .optional()
      .describe('Words to select hosts by: --limit @tag.'),
    'sudo-password': secret().optional().describe('!secret NAME of the password, for hosts whose sudo asks for one.'),
    card: card.optional().describe('What `streamside card` writes on a new SD card of this host.'),
  })
  .describe('A machine that is reached over SSH.')
