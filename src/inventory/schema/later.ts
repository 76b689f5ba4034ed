import { z } from 'zod'
import { duration, localPath, plainText, reference, text } from './scalars.ts'
import { command } from './words.ts'

/**
 * Keys whose feature is not built yet. They belong to the schema from the start, so that an editor completes them and an
 * inventory that uses them is refused in words rather than half obeyed.
 */
export const service = z.strictObject({
  package: text().optional().describe('The Debian package that brings the unit.'),
  unit: text().describe('The unit, with .service.'),
  from: localPath().optional().describe('A unit file of your own.'),
})

export const drain = z.strictObject({
  file: z
    .strictObject({ path: text(), wait: duration('1s', '1h').optional() })
    .optional()
    .describe('A file that tells the app or its proxy to stop taking requests.'),
  haproxy: z
    .strictObject({ host: reference(), socket: text(), backend: text() })
    .optional()
    .describe("HAProxy's runtime socket."),
  nginx: z
    .strictObject({ host: reference(), include: text(), server: text().optional() })
    .optional()
    .describe('A file that nginx includes.'),
  commands: z
    .strictObject({ on: text(), out: command(), in: command() })
    .optional()
    .describe('Your own commands; on: operator, host, or the name of a host.'),
  unit: text().optional().describe('A unit that is stopped before and started after.'),
})

export const logs = z.strictObject({
  servers: z.array(plainText()).describe('Hosts of the inventory, or address:port.'),
  transport: z.enum(['tcp', 'tls', 'relp']).optional(),
  queue: z.enum(['assisted', 'durable']).optional(),
})

export const alerts = z.strictObject({
  command: command().describe('Program of yours that gets each alert as JSON on its stdin.'),
})
