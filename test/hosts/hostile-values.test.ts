import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { listObjects, runInHost, shellInHost } from '../lab/index.ts'
import { changesOf, leftovers } from './host-state.ts'
import { eventsOf, notesApp, readRows, type Site, site, until, writeRow } from './site.ts'

const hosts = ['odd-twelve', 'odd-thirteen'] as const

/** Answers with what it was started with. */
const mirror = `#!/usr/bin/python3
import base64, http.server, json, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        env = {k.decode(): base64.b64encode(v).decode() for k, v in os.environb.items()}
        argv = [base64.b64encode(os.fsencode(a)).decode() for a in sys.argv]
        body = json.dumps({"argv": argv, "env": env}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
`
// systemd takes no quotes, backslashes and control characters in the path of a program
const program = '-mirror $HOME %n ${x};& * ~ ünï{{y}}'

/** What a shell, systemd, a template, a tar or a line protocol might take for something of its own. */
const odd = [
  '$(touch /tmp/pwned)',
  '`touch /tmp/pwned`',
  '; touch /tmp/pwned',
  '&& touch /tmp/pwned #',
  "'; touch /tmp/pwned; '",
  '"; touch /tmp/pwned; "',
  '| tee /tmp/pwned',
  '$HOME ${PATH} $$ $1 %n %h %% %i',
  '{{app.name}} {{{env}}}',
  '\\',
  '\\\\n \\t \\0 \\x41 \\u0041 \\',
  '"',
  "'",
  '-rf',
  '--help',
  '*',
  '~root/../..',
  ' both ends ',
  'tab\there',
  'two\nlines\n',
  '\n',
  'carriage\rreturn',
  'bell\u0007 escape\u001b[31m delete\u007f',
  'ünïcödé 💾 \u202eright to left\u2028separator\u0085',
  '# no comment',
  'a=b',
  '[Service]\nExecStart=/bin/touch /tmp/pwned',
  'X="1"\nY="2"',
  '=',
  '!secret: x',
]
const generated = fc.sample(
  fc
    .string({ unit: 'binary', minLength: 0, maxLength: 60 })
    .filter((value) => !/[\0\p{Noncharacter_Code_Point}]/u.test(value)),
  { numRuns: 120, seed: 20_260_101 },
)
const long = 'long "$x" % \\ '.repeat(7_000)

const environment: Record<string, string> = { EMPTY: '', LONG: long }
for (const [index, value] of [...odd, ...generated].entries()) environment[`V${index}`] = value
const secrets: Record<string, string> = { SECRET_ODD: `s'3"c\\r$e%t \`touch /tmp/pwned\``, SECRET_LONG: `S${long}` }
const args = ['', ...odd, ...generated.slice(0, 40), '0'.repeat(60_000)]

/** Names below the state directory, none of which may be a folder of another. */
const names = [
  ...odd.filter((name) => !name.includes('/') && name !== '\n').map((name) => `conf/${name}`),
  `conf/${'n'.repeat(200)}`,
  'deep/$(id)/%n/-x/new\nline/file',
  '.hidden',
]
const bytes = Buffer.from(Array.from({ length: 4096 }, (_, n) => (n * 7 + (n >> 8)) & 255))

const database = `/var/lib/ledger/da'ta "x" $HOME/%n \\ ünïcödé;&.db`

let lab: Site
let scratch: string
let app: Record<string, unknown>
let ledger: Record<string, unknown>
let parts: () => Parameters<Site['rewrite']>[0]

beforeAll(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'streamside-odd-'))
  const release = path.join(scratch, "re'lease $x")
  mkdirSync(release)
  await writeFile(path.join(release, program), mirror)
  await chmod(path.join(release, program), 0o755)
  const source = (name: string, content: string | Buffer) => {
    const file = path.join(scratch, name)
    writeFileSync(file, content)
    return file
  }
  const plain = source('plain $(x)', odd.join('\n'))
  const template = source('template', '{{env.V0}}|{{env.SECRET_ODD}}|{{json env.V9}}|$(touch /tmp/pwned)')
  app = {
    hosts: [...hosts],
    release: { from: release, command: [`./${program}`, ...args] },
    packages: ['python3'],
    port: 8151,
    environment: {
      ...environment,
      ...Object.fromEntries(Object.keys(secrets).map((name) => [name, `!secret ${name}`])),
    },
    files: {
      ...Object.fromEntries(names.map((name) => [name, { from: plain, template: false }])),
      'bytes.bin': { from: source('bytes', bytes), template: false, mode: '0600' },
      rendered: { from: template },
      "/etc/mirror/sub folder/it's.conf": { from: plain, template: false, mode: '0440' },
    },
    health: { http: 'http://127.0.0.1:8151/', within: '20s' },
  }
  ledger = {
    ...notesApp('', 8152, {
      host: undefined,
      hosts: [...hosts],
      database,
      environment: { DATABASE: database },
    }),
  }
  delete ledger['host']
  const commands = Object.fromEntries(
    Object.entries(secrets).map(([name, value]) => [name, { command: ['cat', source(`secret-${name}`, value)] }]),
  )
  parts = () => ({ apps: { mirror: app, ledger }, secrets: commands })
  lab = await site('odd', [{ name: 'odd-twelve' }, { name: 'odd-thirteen', suite: 'trixie' }], parts())
})

afterAll(() => rm(scratch, { recursive: true, force: true }))

const decoded = (text: string) => Buffer.from(text, 'base64').toString()

describe('names and values full of quotes, $, %, newlines, backslashes and more', () => {
  test('are planned, carried out, and the app is healthy', async () => {
    expect((await lab.run(['plan', '--accept-new'])).code).toBe(7)
    const run = await lab.provision()
    const healthy = eventsOf(run, 'app-healthy').map((event) => `${String(event['app'])} on ${String(event['host'])}`)
    expect(new Set(healthy)).toEqual(new Set(hosts.flatMap((host) => [`mirror on ${host}`, `ledger on ${host}`])))
  })

  test.each(hosts)('arrive unchanged as environment and arguments on %s', async (host) => {
    const said = JSON.parse(await shellInHost(lab.host(host), 'curl -fsS http://127.0.0.1:8151/')) as {
      argv: string[]
      env: Record<string, string>
    }
    expect(said.argv.map(decoded)).toEqual([`/opt/mirror/current/${program}`, ...args])
    const wanted = { ...environment, ...secrets, PORT: '8151' }
    const got = Object.fromEntries(Object.keys(wanted).map((name) => [name, decoded(said.env[name] ?? '')]))
    expect(got).toEqual(wanted)
    expect(Object.keys(said.env).filter((name) => /^[XY]$/.test(name))).toEqual([])
  })

  test.each(hosts)('arrive unchanged as files and folders on %s', async (host) => {
    for (const name of names) {
      const content = (await runInHost(lab.host(host), ['cat', '--', `/var/lib/mirror/${name}`])).stdout
      expect(content, JSON.stringify(name)).toBe(odd.join('\n'))
    }
    expect(await shellInHost(lab.host(host), 'base64 -w0 /var/lib/mirror/bytes.bin')).toBe(bytes.toString('base64'))
    expect(await shellInHost(lab.host(host), 'cat /var/lib/mirror/rendered')).toBe(
      `${odd[0]}|${secrets['SECRET_ODD']}|${JSON.stringify(odd[9])}|$(touch /tmp/pwned)`,
    )
    expect(await shellInHost(lab.host(host), `stat -c '%a %U' "/etc/mirror/sub folder/it's.conf"`)).toBe('440 mirror\n')
  })

  test.each(hosts)('name a database that is served, replicated and restored on %s', async (name) => {
    const host = lab.host(name)
    await writeRow(host, 8152, odd.join(' '))
    await until('the replica to hold it', 10, async () => {
      const keys = (await listObjects(lab.lab.instance, `odd/ledger@${name}/`)).map((object) => object.key)
      return keys.some((key) => key.endsWith('.ltx')) || null
    })
    // stopped in order: everything is in the replica
    await shellInHost(host, 'systemctl stop ledger && rm -r "$1" && mkdir -m 0750 "$1" && chown ledger: "$1"', [
      path.dirname(database),
    ])
    await shellInHost(host, 'systemctl start ledger')
    const rows = () => readRows(host, 8152).catch(() => null)
    expect(await until('the app to be back', 30, rows)).toEqual([odd.join(' ')])
  })

  test('run nothing, anywhere', async () => {
    for (const host of hosts)
      expect(
        await shellInHost(
          lab.host(host),
          "find / -xdev -path /proc -prune -o -name '*pwned*' -print | grep -v 'conf/' || :",
        ),
      ).toBe('')
    expect(existsSync('/tmp/pwned')).toBe(false)
  })

  test('are found unchanged by a second run, in one exec', async () => {
    for (const more of [[], ['--verify']]) {
      const run = await lab.provision(more)
      expect(changesOf(run)).toEqual([])
      expect(eventsOf(run, 'host-done')).toEqual(
        hosts.map(() => expect.objectContaining({ outcome: 'unchanged', execs: 1 })),
      )
    }
  })

  test('are put back when one was edited, and removed when they leave the inventory', async () => {
    const edited = `/var/lib/mirror/${names[0]}`
    await runInHost(lab.host('odd-twelve'), ['tee', edited], { input: 'edited' })
    const plan = await lab.run(['plan', '--json', '--limit', 'odd-twelve'])
    expect(changesOf(plan)).toContain(`update ${edited}`)
    app = { ...app, files: {} }
    await lab.rewrite(parts())
    const run = await lab.provision()
    const removed = changesOf(run, 'file').filter((change) => change.startsWith('remove '))
    expect(removed).toHaveLength(hosts.length * (names.length + 3))
    for (const host of hosts) {
      expect(await shellInHost(lab.host(host), 'find /var/lib/mirror /etc/mirror -type f')).toBe('')
      expect(await leftovers(lab.host(host))).toEqual([])
    }
  })
})
