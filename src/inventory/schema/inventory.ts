import { z } from 'zod'
import { app } from './app.ts'
import { sharedCard } from './card.ts'
import { host, sshPort, sshUser } from './host.ts'
import { alerts } from './later.ts'
import { logs } from './logs.ts'
import { replica } from './replica.ts'
import { localPath, notYet, plainText, reference } from './scalars.ts'

/** Oldest Litestream that loses no data: each of 0.5.0 to 0.5.16 has a bug that does (upstream 781 … 1432). */
export const oldestLitestream = [0, 5, 17] as const

const litestreamVersion = z.string().superRefine((value, context) => {
  const parts = /^([0-9]{1,4})\.([0-9]{1,4})\.([0-9]{1,4})$/.exec(value)?.slice(1).map(Number)
  if (!parts) {
    const v = value.startsWith('v') ? ', without the v' : ''
    context.addIssue({ code: 'custom', message: `not a version: three numbers${v}, 0.5.17` })
    return
  }
  const different = oldestLitestream.findIndex((wanted, index) => parts[index] !== wanted)
  if (different !== -1 && (parts[different] ?? 0) < (oldestLitestream[different] ?? 0))
    context.addIssue({
      code: 'custom',
      message: `${value} loses data; the oldest that is accepted is ${oldestLitestream.join('.')}`,
    })
})

const word = 'letters, digits, - and _'

export const defaults = z.strictObject({
  user: sshUser.optional(),
  port: sshPort.optional(),
  replica: reference().optional().describe('Replica of the apps that name none.'),
  card: sharedCard.optional().describe('What the SD cards of all hosts have in common.'),
})

export const ssh = z.strictObject({
  config: localPath().optional().describe('An ssh_config file to use instead of your own, relative to the inventory.'),
  'known-hosts': localPath()
    .optional()
    .describe('A known_hosts file beside your own, relative to the inventory; new keys are written to it.'),
})

export const litestream = z.strictObject({
  version: litestreamVersion
    .optional()
    .describe('Version of Litestream on the hosts. Default 0.5.17, the oldest accepted.'),
  from: plainText()
    .optional()
    .describe("URL of a release folder, or a local directory of the same shape, when not upstream's."),
})

export const secretSource = z
  .strictObject({
    command: z
      .array(z.string().min(1))
      .min(1)
      .describe('Program and arguments that print the secret: [op, read, "op://home/nas/key"]. No shell runs it.'),
  })
  .describe('Where one secret comes from.')

/** Everything but the entries of hosts, apps and replicas, which are read one by one. */
export const singles = {
  version: z
    .literal(1, { error: 'this streamside reads version 1 of the format' })
    .describe('Version of this format: 1.'),
  site: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_ .-]{0,62}$/, `not a name for a site: ${word}, at most 63`)
    .describe('Name of the site, for messages.'),
  defaults: defaults.optional().describe('What hosts and apps take that do not say it themselves.'),
  ssh: ssh.optional().describe('How hosts are reached; default: as your ssh does.'),
  litestream: litestream.optional().describe('Which Litestream runs on the hosts.'),
  logs: logs.optional().describe('Where the lines of every host are sent, and how its journal is kept.'),
  alerts: notYet(alerts, 'What is run for an alert.'),
}

export const inventory = z
  .strictObject({
    ...singles,
    secrets: z
      .record(z.string(), secretSource)
      .optional()
      .describe('Secrets that come from a command. Others: environment, secrets.yaml, secrets.sops.yaml.'),
    replicas: z.record(z.string(), replica).optional().describe('Where databases are streamed to, by name.'),
    hosts: z.record(z.string(), host).optional().describe('The machines, by name.'),
    apps: z.record(z.string(), app).optional().describe('The apps, by name.'),
  })
  .describe('An inventory of streamside.')
