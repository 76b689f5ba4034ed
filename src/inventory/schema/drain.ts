import { z } from 'zod'
import { duration, notYet, reference, text } from './scalars.ts'
import { command } from './words.ts'

const haproxy = z.strictObject({
  host: reference().describe('The host that HAProxy runs on.'),
  socket: text().describe('Its runtime socket.'),
  backend: text().describe('The backend whose server is drained.'),
})

const nginx = z.strictObject({
  host: reference().describe('The host that nginx runs on.'),
  include: text().describe('The file with the upstream servers, which nginx includes.'),
  server: text().optional().describe('The server in it. Default: address and port of the app.'),
})

const commands = z.strictObject({
  on: text().describe('Where they run: operator, host (of the app), or the name of a host.'),
  out: command().describe('Takes the app out of service.'),
  in: command().describe('Puts it back.'),
})

export const drain = z.strictObject({
  file: z
    .strictObject({
      path: text().describe('Path of the file, relative to the state directory.'),
      wait: duration('1s', '1h')
        .optional()
        .describe(
          'How long it lies there before the app is stopped: until its proxy has seen that, and requests under way have ended. Default 10s.',
        ),
    })
    .optional()
    .describe(
      'A file of that name tells the app to answer its health check with an error, so that its proxy sends it no more requests. It is made before update, restart and rollback stop the app, and removed at its next start.',
    ),
  haproxy: notYet(haproxy, "HAProxy's runtime socket."),
  nginx: notYet(nginx, 'A file that nginx includes.'),
  commands: notYet(commands, 'Commands of your own.'),
  unit: notYet(text(), 'A unit that is stopped before and started after.'),
})
