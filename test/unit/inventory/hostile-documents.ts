import fc from 'fast-check'
import { stringify } from 'yaml'
import { inventoryWith, notes } from './workspace.ts'

/** Documents that an inventory may be mistaken for, or be made of by someone with bad intentions. */

/** Sound, whatever lies in its folder. */
export const good = inventoryWith(`${notes}  wiki:
    hosts: [pi-attic, pi-cellar]
    release: { from: { arm64: { url: "https://example.org/w.tgz", sha256: ${'ab'.repeat(32)} } }, command: [./w, "a b"] }
    environment: { TOKEN: !secret nas-key, LEVEL: 3 }
    files: { wiki.conf: { from: /etc/hostname, mode: "0640" } }
    databases: { main: data/wiki.db, search: data/search.db }
    litestream: { sync-interval: 1s, retention: 7d, metrics: 9101 }
    storage: { ephemeral: 256M }
    health: { http: "http://127.0.0.1:8081/", within: 30s }
`).replaceAll(
  / *release: \{ from: \.\/dist, .*\n/g,
  `    release: { from: { path: /usr/share/doc }, command: ./serve }\n`,
)

// Words that the schema or YAML take for something, and text that a terminal, a shell, systemd or a file system would.
const hostileWord = fc.constantFrom(
  '%n',
  '%%',
  '../../etc/passwd',
  '..',
  '/',
  '/etc/shadow',
  '-oProxyCommand=x',
  '$(reboot)',
  '`id`',
  '; rm -rf /',
  'a b',
  '',
  ' ',
  'root',
  'sshd',
  'systemd-x',
  'notes-gate',
  'NOTES',
  'nötes',
  'notes\u202e',
  '\u001b[31m',
  '\u0007',
  '\u0000',
  '\r',
  '\u009b2J',
  'a\nb',
  '\u2028',
  '"',
  "'",
  '\\',
  '!secret',
  '!secret x',
  '*a',
  '&a',
  '<<',
  '__proto__',
  'constructor',
  'null',
  'true',
  '0640',
  '1e999',
  '-1',
  '65536',
  '.inf',
  '1s',
  '7d',
  '256M',
  '0x10',
  '99999999999999999999',
  'x'.repeat(300),
  '😀',
  'data/notes.db',
  'data/notes.db-wal',
  'pi-attic',
  'nas',
  '8080',
  's3',
  'file',
  'emulate',
  'AKIA-in-the-open',
  '{{x}}',
  '[',
  '{',
)

const knownKey = fc.constantFrom(
  'version',
  'site',
  'defaults',
  'litestream',
  'replicas',
  'hosts',
  'apps',
  'secrets',
  'ssh',
  'logs',
  'alerts',
  'host',
  'release',
  'from',
  'command',
  'port',
  'environment',
  'files',
  'database',
  'databases',
  'replica',
  'storage',
  'ephemeral',
  'health',
  'http',
  'tcp',
  'within',
  'type',
  'bucket',
  'prefix',
  'endpoint',
  'ownership',
  'access-key-id',
  'secret-access-key',
  'address',
  'user',
  'tags',
  'sudo-password',
  'notes',
  'wiki',
  'nas',
  'pi-attic',
  'mode',
  'url',
  'sha256',
  'arm64',
  'drain',
  'service',
  'unit',
)

const anyKey = fc.oneof({ weight: 4, arbitrary: knownKey }, hostileWord, fc.string({ maxLength: 8 }))

const { anyValue } = fc.letrec<{ anyValue: unknown }>((tie) => ({
  anyValue: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    hostileWord,
    fc.string({ unit: 'binary', maxLength: 12 }),
    fc.oneof(fc.integer(), fc.double(), fc.boolean(), fc.constant(null)),
    fc.array(tie('anyValue'), { maxLength: 4 }),
    fc.dictionary(anyKey, tie('anyValue'), { maxKeys: 5, noNullPrototype: true }),
  ),
}))

/** The top of an inventory with anything in its places. */
const wrongTypes = fc
  .dictionary(knownKey, anyValue, { maxKeys: 8, noNullPrototype: true })
  .map((value) => stringify({ version: 1, ...value }))

/** Names, ports and paths that clash, in an inventory of the right shape. */
const appEntry = fc.record(
  {
    host: fc.constantFrom('pi-attic', 'pi-cellar', 'pi-atic', '-x'),
    release: fc.constant({ from: { path: '/usr/share/doc' }, command: './serve' }),
    port: fc.constantFrom(8080, 8081, 0, 70_000),
    databases: fc.dictionary(
      fc.constantFrom('main', 'b', 'Main', '../x'),
      fc.constantFrom(
        'a.db',
        './a.db',
        'a.db-wal',
        '/srv/a.db',
        '/etc/a.db',
        '../b/a.db',
        'a.db/b',
        '%n.db',
        'a\tb.db',
        '/var/lib/b/a.db',
      ),
      { maxKeys: 3, noNullPrototype: true },
    ),
    replica: fc.constantFrom('nas', 'nass', 'other'),
    litestream: fc.record(
      { metrics: fc.constantFrom(8080, 9101, 80), retention: fc.constantFrom('7d', '1d', 7) },
      { requiredKeys: [] },
    ),
    environment: fc.dictionary(hostileWord, hostileWord, { maxKeys: 2, noNullPrototype: true }),
    files: fc.dictionary(hostileWord, fc.constant({ from: '/etc/hostname' }), { maxKeys: 2, noNullPrototype: true }),
  },
  { requiredKeys: ['host', 'release'] },
)
const clashes = fc
  .dictionary(fc.oneof(fc.constantFrom('a', 'b', 'notes'), hostileWord), appEntry, {
    maxKeys: 4,
    noNullPrototype: true,
  })
  .map((apps) => `${inventoryWith('').replace(/apps:\n$/, '')}${stringify({ apps })}`)

/** The good inventory with a piece cut, doubled, moved, or replaced by something hostile. */
const mutated = fc
  .array(
    fc.record({
      kind: fc.constantFrom('cut', 'double', 'insert', 'replace', 'line'),
      at: fc.nat(good.length),
      length: fc.integer({ min: 1, max: 30 }),
      word: fc.oneof(hostileWord, anyKey),
    }),
    { minLength: 0, maxLength: 3 },
  )
  .map((changes) => {
    let text = good
    for (const { kind, at, length, word } of changes) {
      const [before, piece, after] = [text.slice(0, at), text.slice(at, at + length), text.slice(at + length)]
      if (kind === 'cut') text = before + after
      else if (kind === 'double') text = before + piece + piece + after
      else if (kind === 'insert') text = before + word + piece + after
      else if (kind === 'replace') text = before + word + after
      else {
        const lines = text.split('\n')
        const line = at % lines.length
        lines.splice((line + length) % lines.length, 0, lines[line] ?? '')
        text = lines.join('\n')
      }
    }
    return text
  })

/** One value of the good inventory replaced by a hostile one, quoted so that it stays YAML. */
const replacedValue = fc
  .record({ at: fc.nat(200), word: fc.oneof(hostileWord, fc.string({ unit: 'binary', maxLength: 20 })) })
  .map(({ at, word }) => {
    const values = [...good.matchAll(/(?<=: )[^\s{[,!}]+/g)]
    const value = values[at % values.length]
    if (!value) return good
    return `${good.slice(0, value.index)}${JSON.stringify(word)}${good.slice(value.index + value[0].length)}`
  })

/** Pieces of YAML's grammar in any order. */
const soup = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        'a',
        ': ',
        ':',
        ' ',
        '  ',
        '\n',
        '\n  ',
        '- ',
        '[',
        ']',
        '{',
        '}',
        ', ',
        '&a ',
        '*a',
        '*b',
        '!secret ',
        '!secret nas-key',
        '!!int ',
        '!x ',
        '"',
        "'",
        '|\n',
        '>-\n',
        '%YAML 1.1\n',
        '---\n',
        '...\n',
        '\t',
        '# c\n',
        '? ',
        '<<: ',
        '0x',
        '~',
        '\r',
        '\ufeff',
        '\u0085',
      ),
      knownKey,
      hostileWord,
    ),
    { maxLength: 40 },
  )
  .map((pieces) => pieces.join(''))

/** Aliases of aliases, a little too many or a great many. */
const aliases = fc
  .record({ levels: fc.integer({ min: 1, max: 70 }), width: fc.integer({ min: 1, max: 12 }) })
  .map(({ levels, width }) =>
    [
      'version: 1\nx0: &x0 { host: pi-attic }',
      ...Array.from(
        { length: levels },
        (_, n) => `x${n + 1}: &x${n + 1} [${Array<string>(width).fill(`*x${n}`).join(', ')}]`,
      ),
      `apps: { notes: { <<: *x0 }, wiki: *x${levels} }`,
    ].join('\n'),
  )

const nested = fc
  .record({
    open: fc.constantFrom('[', '{a: ', '- ', '? ', '\n a:', '!x [', '&a [', '{? '),
    times: fc.integer({ min: 1, max: 400 }),
  })
  .map(({ open, times }) => `apps: ${open.repeat(times)}`)

const bytes = fc.uint8Array({ maxLength: 200 })
const brokenUtf8 = fc
  .record({ at: fc.nat(good.length), byte: fc.integer({ min: 0x80, max: 0xff }) })
  .map(({ at, byte }) => {
    const buffer = Buffer.from(good)
    buffer[Math.min(at, buffer.length - 1)] = byte
    return new Uint8Array(buffer)
  })

export const hostileDocument: fc.Arbitrary<string | Uint8Array> = fc.oneof(
  { weight: 5, arbitrary: mutated },
  { weight: 4, arbitrary: replacedValue },
  { weight: 5, arbitrary: clashes },
  { weight: 4, arbitrary: wrongTypes },
  { weight: 5, arbitrary: soup },
  { weight: 1, arbitrary: aliases },
  { weight: 1, arbitrary: nested },
  { weight: 1, arbitrary: bytes },
  { weight: 1, arbitrary: brokenUtf8 },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 200 }) },
)
