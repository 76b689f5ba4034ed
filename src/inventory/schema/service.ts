import { z } from 'zod'
import { localPath } from './scalars.ts'

const debianPackage = z
  .string()
  .regex(/^[a-z0-9][a-z0-9+.-]+$/, 'not the name of a Debian package: lower-case letters, digits, + - .')

// systemd.unit(5): letters, digits and :-_.\ and, of a template's instance, @. A template without an instance cannot be started.
const unit = z
  .string()
  .regex(
    /^[A-Za-z0-9:_.\\-]+(@[A-Za-z0-9:_.\\-]+)?\.service$/,
    'not the name of a service: letters, digits, : - _ . and .service at its end',
  )

const account = z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/, 'not the name of a user')

// rsyslog's programname ends before a colon, a slash and a bracket, and a line that is sent on has room for 48 (RFC 5424).
const program = z
  .string()
  .regex(/^[A-Za-z0-9_.@+-]{1,48}$/, 'not a name that a program logs by: letters, digits, _ . @ + and -, at most 48')

/** A unit that is somebody else's, taken under streamside's wing by a drop-in. */
export const service = z.strictObject({
  unit: unit.describe('The unit, with .service. Nothing of it is edited: a drop-in puts the gate before it.'),
  package: debianPackage
    .optional()
    .describe(
      'The Debian package that brings the unit; installed where it is not. Left out: the unit is there already.',
    ),
  from: localPath()
    .optional()
    .describe('A unit file of your own for it, relative to the inventory, instead of package: the way to a container.'),
  user: account
    .optional()
    .describe("The user that its databases belong to. Left out: the files' owner, else the unit's User=."),
  'logs-as': z
    .array(program)
    .optional()
    .describe(
      "Names that its lines in the log bear, where they are not the unit's: log servers keep them in the app's file.",
    ),
})
