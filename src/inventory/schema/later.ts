import { z } from 'zod'
import { duration, reference, text } from './scalars.ts'
import { command } from './words.ts'

/**
 * Keys whose feature is not built yet. They belong to the schema from the start, so that an editor completes them and an
 * inventory that uses them is refused in words rather than half obeyed.
 */
export const drain = z.strictObject({
  file: z
    .strictObject({
      path: text().describe('Path of the file, relative to the state directory.'),
      wait: duration('1s', '1h').optional().describe('How long requests under way are waited for.'),
    })
    .optional()
    .describe('A file that tells the app or its proxy to stop taking requests.'),
  haproxy: z
    .strictObject({
      host: reference().describe('The host that HAProxy runs on.'),
      socket: text().describe('Its runtime socket.'),
      backend: text().describe('The backend whose server is drained.'),
    })
    .optional()
    .describe("HAProxy's runtime socket."),
  nginx: z
    .strictObject({
      host: reference().describe('The host that nginx runs on.'),
      include: text().describe('The file with the upstream servers, which nginx includes.'),
      server: text().optional().describe('The server in it. Default: address and port of the app.'),
    })
    .optional()
    .describe('A file that nginx includes.'),
  commands: z
    .strictObject({
      on: text().describe('Where they run: operator, host (of the app), or the name of a host.'),
      out: command().describe('Takes the app out of service.'),
      in: command().describe('Puts it back.'),
    })
    .optional()
    .describe('Commands of your own.'),
  unit: text().optional().describe('A unit that is stopped before and started after.'),
})

export const alerts = z.strictObject({
  command: command().describe('Program of yours that gets each alert as JSON on its stdin.'),
})
