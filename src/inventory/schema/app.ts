import { z } from 'zod'
import { health } from './health.ts'
import { drain } from './drain.ts'
import { release } from './release.ts'
import { duration, localPath, port, reference, secret, size, text } from './scalars.ts'
import { service } from './service.ts'

const variable = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'not a name for an environment variable: letters, digits and _')

const variableValue = z.union([
  z.string().refine((value) => !value.includes('\0'), 'cannot hold a NUL character'),
  z.number().transform(String),
  z.boolean().transform(String),
  secret(),
])

const file = z.strictObject({
  from: localPath().describe('The file on your machine, relative to the inventory.'),
  mode: z
    .string()
    .regex(/^0?[0-7]{3}$/, 'not a file mode: three or four octal digits in quotes, "0640"')
    .refine((value) => !/[2367]$/.test(value), 'lets every user of the host write to the file')
    .transform((value) => value.padStart(4, '0'))
    .optional()
    .describe('Octal, in quotes: "0640" (default). The file belongs to the app.'),
  template: z.boolean().optional().describe('true (default): rendered with Handlebars. false: copied as it is.'),
})

const databaseName = z
  .string()
  .regex(/^[a-z][a-z0-9_-]{0,62}$/, 'not a name for a database: lower-case letters, digits, - and _, a letter first')

const databasePath = text()

const litestream = z.strictObject({
  'sync-interval': duration('1s', '1h').optional().describe('How often changes are sent. Default 1s.'),
  retention: duration('7d', '3650d')
    .optional()
    .describe('How long a point in time stays restorable. Default and least 7d.'),
  'snapshot-interval': duration('5m', '30d').optional().describe('How often a full image is made. Default 24h.'),
  metrics: port().optional().describe('Loopback port of its metrics. Left out: one is chosen once and kept.'),
  wal: z
    .literal('switch')
    .optional()
    .describe(
      'For a service: its databases may be switched to WAL mode, which Litestream needs. Left out: they are not.',
    ),
})

const packageName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9+.-]+$/, 'not the name of a Debian package: lower-case letters, digits, + - .')

export const appShape = {
  host: reference().optional().describe('The one host it runs on: one writer, movable.'),
  hosts: z
    .array(reference())
    .min(1)
    .optional()
    .describe('Several hosts, each with a database of its own (or none). Instead of host.'),
  release: release.optional(),
  service: service
    .optional()
    .describe("Instead of release: a package's unit, one that is there already, or a unit file of your own."),
  packages: z.array(packageName).optional().describe('Debian packages it needs.'),
  port: port().optional().describe('The TCP port it listens on, for templates and to see clashes.'),
  environment: z
    .record(variable, variableValue)
    .optional()
    .describe('Environment variables of the app; a value may be !secret NAME.'),
  files: z
    .record(text(), file)
    .optional()
    .describe(
      'Files for the app, by their path: relative to /var/lib/<app>, or absolute below /etc/<app>. Of a service: the latter only.',
    ),
  database: databasePath.optional().describe('Path of its only database, which is then called main.'),
  databases: z
    .record(databaseName, databasePath)
    .optional()
    .describe('SQLite databases by name: paths relative to /var/lib/<app>, or absolute.'),
  replica: reference().optional().describe('Name of the replica that holds its databases. Default: defaults.replica.'),
  litestream: litestream.optional().describe('How its databases are replicated.'),
  storage: z
    .union([z.literal('persistent'), z.strictObject({ ephemeral: size('16M', '1T').describe('Size of the tmpfs.') })])
    .optional()
    .describe('persistent (default): on the card. { ephemeral: 256M }: in memory, restored at each start.'),
  'when-replica-unreachable': z
    .enum(['start', 'wait'])
    .optional()
    .describe('What to do when the replica cannot be asked and the local database is sound. Default start.'),
  'offline-limit': duration('1m', '3650d')
    .optional()
    .describe('With start: how long after the last contact it still starts by itself. Default 24h.'),
  restart: z
    .enum(['restore', 'prove', 'auto'])
    .optional()
    .describe('What a restart proves before the app starts again. Default auto.'),
  unprotected: z
    .array(text())
    .optional()
    .describe(
      'Paths in its state directory that no replica holds, known and accepted. Of a service: relative to the folder of its databases, which is looked through only then. The file of a database itself, by its whole name: it may be missing.',
    ),
  health: health.optional().describe('How a healthy app answers. Left out: its unit being active has to do.'),
  sandbox: z
    .strictObject({
      'deny-write-execute': z
        .boolean()
        .optional()
        .describe('No memory that is writable and executable. Default false: it breaks Node and Java.'),
    })
    .optional()
    .describe("Switches of the unit's sandbox."),
  was: reference().optional().describe('The name it had before, for an app that was renamed: its data go with it.'),
  drain: drain
    .optional()
    .describe('How requests are kept away from it while it is restarted by update, restart and rollback.'),
}

export const app = z.strictObject(appShape).describe('An app with its databases.')
