import { z } from 'zod'
import { duration, plainText, port } from './scalars.ts'
import { command } from './words.ts'

const url = plainText().refine((value) => {
  const parsed = URL.canParse(value) ? new URL(value) : null
  return parsed !== null && /^https?:$/.test(parsed.protocol) && parsed.username === '' && parsed.password === ''
}, 'not a URL that begins with http:// or https:// (and holds no password)')

const address = z.union([
  port(),
  z.string().regex(/^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9][A-Za-z0-9.-]*):[0-9]{1,5}$/, 'not HOST:PORT, nor a port'),
])

export const health = z
  .strictObject({
    http: url.optional().describe('A URL that answers 2xx, asked on the host: http://127.0.0.1:8080/health'),
    tcp: address.optional().describe('HOST:PORT, or a port on the host, that accepts a connection.'),
    command: command().optional().describe('A command that exits 0, run on the host as the app.'),
    within: duration('1s', '1h').optional().describe('How long it may take after a start. Default 30s.'),
  })
  .superRefine((value, context) => {
    const kinds = (['http', 'tcp', 'command'] as const).filter((kind) => value[kind] !== undefined)
    if (kinds.length !== 1)
      context.addIssue({
        code: 'custom',
        message: kinds.length === 0 ? 'needs one of http, tcp, command' : `takes one of ${kinds.join(', ')}, not both`,
      })
    if (typeof value.tcp === 'string') {
      const number = Number(value.tcp.slice(value.tcp.lastIndexOf(':') + 1))
      if (number < 1 || number > 65_535)
        context.addIssue({ code: 'custom', path: ['tcp'], message: 'the port must be 1 to 65535' })
    }
  })
