import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { parseFrom } from '../../../src/commands/init-from.ts'
import { starterInventory } from '../../../src/inventory/starter.ts'
import { loadInventory } from '../../../src/inventory/load.ts'
import { propose } from '../../../src/survey/propose.ts'
import { parseSurvey } from '../../../src/survey/survey.ts'
import { writtenProposals } from '../../../src/survey/written.ts'
import { folderWith } from '../inventory/workspace.ts'
import { type MadeService, surveyAnswer } from './answer.ts'

const seenOf = (services: MadeService[], more?: Parameters<typeof surveyAnswer>[1]) =>
  parseSurvey(surveyAnswer(services, more), 'pi')
const linesOf = (services: MadeService[], more?: Parameters<typeof surveyAnswer>[1]) =>
  writtenProposals(propose(seenOf(services, more)), { name: 'pi', shown: 'pi' })
/** What becomes the inventory once its # are gone. */
const uncommented = (lines: string[]) =>
  lines
    .slice(lines.indexOf('# apps:'))
    .map((line) => (line.startsWith('##') ? line : line.replace(/^# ?/, '')))
    .join('\n')
const apps = (services: MadeService[]) =>
  (parse(uncommented(linesOf(services)), { logLevel: 'error' }) as { apps: Record<string, Record<string, unknown>> })
    .apps

describe('the answer of a survey', () => {
  test('tells the package of a unit that systemd has made of a script in /etc/init.d', () => {
    const script = { unit: 'grey.service', fragment: '/run/systemd/generator.late/grey.service' }
    const packages = (source: string) =>
      seenOf([{ ...script, source }], { owners: 'greylist: /etc/init.d/grey\n' }).services.map((each) => each.package)
    expect(packages('/etc/init.d/grey')).toEqual(['greylist'])
    expect(packages('/etc/init.d/other')).toEqual([null])
  })

  test('is read: sockets, packages of either /lib, one file under two paths once', () => {
    const { services, hostname } = seenOf(
      [
        {
          unit: 'till.service',
          fragment: '/usr/lib/systemd/system/till.service',
          listen: ['0100007F:206D', '00000000000000000000000000000000:0016', '00000000000000000000000001000000:0050'],
          names: ['PORT', 'TOKEN'],
          databases: [
            { path: '/var/lib/private/till/a.db', file: '8:1' },
            { path: '/var/lib/till/a.db', file: '8:1', open: false },
            { path: '/var/lib/till/b.db', file: '8:2', open: false, wal: false },
          ],
        },
      ],
      { owners: 'diversion by x from: /y\ntill:amd64: /lib/systemd/system/till.service\n' },
    )
    expect(hostname).toBe('pi-attic')
    expect(services).toEqual([
      expect.objectContaining({
        package: 'till',
        names: ['PORT', 'TOKEN'],
        listening: [
          { address: '[::]', port: 22 },
          { address: '[0:0:0:0:0:0:0:1]', port: 80 },
          { address: '127.0.0.1', port: 8301 },
        ],
        databases: [
          expect.objectContaining({ text: '/var/lib/private/till/a.db', open: true, wal: true }),
          expect.objectContaining({ text: '/var/lib/till/b.db', open: false, wal: false }),
        ],
      }),
    ])
  })

  test('that is cut short is refused', () => {
    const whole = surveyAnswer([{ unit: 'a.service' }])
    expect(() => parseSurvey(whole.replace('end\n', ''), 'pi')).toThrow(/the answer is not whole/)
    expect(() => parseSurvey('', 'pi')).toThrow(/the answer is not whole/)
  })
})

describe('a proposal', () => {
  test('is made of what has a database, or is a unit of one’s own; the rest is named', () => {
    const found = propose(
      seenOf(
        [
          { unit: 'own.service' },
          { unit: 'ssh.service', fragment: '/lib/systemd/system/ssh.service' },
          {
            unit: 'wiki.service',
            fragment: '/lib/systemd/system/wiki.service',
            databases: [{ path: '/var/lib/wiki/w.db' }],
          },
          { unit: 'gotify.service', databases: [{ path: '/var/lib/gotify/g.db' }] },
          { unit: 'gotify-litestream.service', databases: [{ path: '/var/lib/gotify/g.db' }] },
          { unit: 'made.service', fragment: '/run/systemd/generator/made.service' },
          {
            unit: 'user@1000.service',
            fragment: '/lib/systemd/system/user@.service',
            databases: [{ path: '/home/pi/x.db' }],
          },
        ],
        {
          owners: 'ssh: /lib/systemd/system/ssh.service\nwiki: /lib/systemd/system/wiki.service\n',
          manifest: { v: 1, apps: ['gotify'], files: {}, metrics: {} },
        },
      ),
    )
    expect(found.proposals.map(({ app, kind, databases }) => ({ app, kind, databases }))).toEqual([
      { app: 'own', kind: 'release', databases: {} },
      { app: 'wiki', kind: 'service', databases: { main: '/var/lib/wiki/w.db' } },
    ])
    expect(found.managed).toEqual(['gotify.service', 'gotify-litestream.service'])
    expect(found.others).toEqual(['ssh.service', 'made.service'])
    expect(found.users.map(({ unit }) => unit)).toEqual(['user@1000.service'])
  })

  test('names the program of the release, and where databases have to go that cannot stay', () => {
    const { shop, py } = apps([
      {
        unit: 'shop.service',
        command: ['/opt/shop/bin/serve', '-v'],
        databases: [{ path: '/var/lib/shop/till.db' }, { path: '/srv/other.sqlite3' }, { path: '/home/pi/till.db' }],
      },
      { unit: 'py.service', command: ['/usr/bin/python3', '-u', '/home/pi/app/main.py'] },
    ])
    expect(shop).toMatchObject({
      release: { from: './shop', command: ['./serve', '-v'] },
      databases: { till: 'till.db', other: 'data/other.sqlite3', 'till-2': 'data/till.db' },
    })
    expect(py).toMatchObject({ release: { command: ['/usr/bin/python3', '-u', '/opt/py/current/main.py'] } })
  })

  test('holds no value of the environment, and nothing of a command that may be a secret', () => {
    const lines = linesOf([
      {
        unit: 'shop.service',
        names: ['PATH', 'SHOP_TOKEN', 'GREETING'],
        command: [
          '/opt/shop/serve',
          '--api-key',
          'hunter2',
          '--password=hunter2',
          'AUTH=hunter2',
          'amqp://u:hunter2@h/',
          '--port',
          '80',
        ],
      },
    ]).join('\n')
    expect(lines).not.toContain('hunter2')
    expect(lines).toContain('SHOP_TOKEN: !secret shop-shop-token')
    expect(lines).toContain('GREETING: FILL-IN')
    expect(lines).not.toContain('PATH:')
    expect(lines).toContain('--port 80')
  })

  test("of a package's unit is adopted where it is, with what it takes, once it is uncommented", async () => {
    const owners = { owners: 'wiki: /lib/systemd/system/wiki.service\n' }
    const fragment = '/lib/systemd/system/wiki.service'
    const databases = [{ path: '/var/lib/wiki/w.db', wal: false }, { path: '/var/lib/private/wiki/x.db' }]
    const lines = linesOf([{ unit: 'wiki.service', fragment, databases }], owners)
    expect(lines.join('\n')).toContain('No inventory can name its database /var/lib/private/wiki/x.db')
    expect(lines.join('\n')).toContain('litestream: { wal: switch }')
    const starter = {
      site: 'home',
      user: 'pi',
      hosts: [{ name: 'pi', address: '192.168.1.21' }],
      replica: { endpoint: 'https://nas.lan:9000', region: 'us-east-1', bucket: 'home', prefix: 'home' },
      app: null,
      proposals: uncommented(lines).split('\n'),
    }
    const cwd = await folderWith({ 'inventory.yaml': starterInventory(starter) })
    const { inventory } = await loadInventory(`${cwd}/inventory.yaml`, {
      cwd,
      env: { BACKUP_KEY: 'k', BACKUP_SECRET: 's' },
    })
    expect(inventory.apps['wiki']).toMatchObject({
      service: { unit: 'wiki.service', package: 'wiki' },
      databases: { w: '/var/lib/wiki/w.db' },
      litestream: { switchToWal: true },
    })
  })

  test('names the databases in the command where the inventory has them, whatever folder it is started in', () => {
    const command = ['/srv/shop/serve', 'db/shop.db', '--log=db/log.db', '--root', 'db', '/etc/x']
    const databases = [{ path: '/srv/shop/db/shop.db' }, { path: '/srv/shop/db/log.db' }]
    const made = [{ unit: 'shop.service', user: 'shop', workingDirectory: '/srv/shop', command, databases }]
    const [found] = propose(seenOf(made)).proposals
    expect(found?.databases).toEqual({ shop: 'data/shop.db', log: 'data/log.db' })
    expect(found?.command).toEqual(['./serve', 'data/shop.db', '--log=data/log.db', '--root', 'db', '/etc/x'])
    const lines = linesOf(made).join('\n')
    expect(lines).toContain('Now it starts in /srv/shop: look at what')
    expect(lines).toContain('Its database has to go to /var/lib/shop-app/data/shop.db')
  })

  test('has another name than the user whose unit it is, whom streamside would not take for its own', () => {
    const [found] = propose(seenOf([{ unit: 'shop.service', user: 'shop' }])).proposals
    expect(found?.app).toBe('shop-app')
    expect(linesOf([{ unit: 'shop.service', user: 'shop' }]).join('\n')).toContain('service: { unit: shop.service }')
  })

  test('takes a name that an app can have, once', () => {
    const names = propose(
      seenOf(
        ['x@1.service', 'x-1.service', 'news.service', '0.service', 'a-gate.service', `${'n'.repeat(60)}.service`].map(
          (unit) => ({ unit }),
        ),
      ),
    ).proposals.map(({ app }) => app)
    expect(names).toEqual(['x-1', 'x-1-2', 'news-app', 'app', 'a-app', 'n'.repeat(22)])
  })

  test('of anything that a host may call things is a comment, and YAML once it is none', async () => {
    const hostile = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(
        '\n',
        '\r',
        '\u2028',
        '\u0085',
        ': ',
        ' #',
        '\napps:\n  evil: {}\n',
        '"',
        "'",
        '\\',
        '\t',
        '{{x}}',
        '!secret a',
        '*a',
        '&a',
        '%',
        '\u202e',
      ),
      fc
        .array(fc.constantFrom('\n', '#', ':', ' ', '"', "'", '\\', '\u2029', '\u0007', 'é', '𝕏', '-'), {
          maxLength: 12,
        })
        .map((parts) => parts.join('')),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            unit: hostile.map((text) => `${text}.service`),
            description: hostile,
            user: hostile,
            fragment: hostile.map((text) => `/etc/systemd/system/${text}`),
            command: fc.array(hostile, { maxLength: 4 }),
            databases: fc.array(fc.record({ path: hostile.map((text) => `/srv/${text}`) }), { maxLength: 3 }),
          }),
          { maxLength: 4 },
        ),
        async (services) => {
          const lines = linesOf(
            services.map((made) => ({
              ...made,
              databases: made.databases.map((db, n) => ({ ...db, file: `1:${n}` })),
            })),
          )
          // One line each, all of them comments: the loader reads nothing of it, and neither does a YAML 1.1 reader.
          for (const line of lines) expect(line).toMatch(/^#[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]*$/u)
          expect(parse(lines.join('\n'))).toBe(null)
          if (!lines.includes('# apps:')) return
          const read = parse(uncommented(lines), { logLevel: 'error' }) as { apps: Record<string, unknown> }
          expect(Object.keys(read)).toEqual(['apps'])
          for (const app of Object.values(read.apps))
            expect(app).toMatchObject({ host: 'pi', release: { command: expect.any(Array) } })
        },
      ),
      { numRuns: 150 },
    )
  })

  test('makes an inventory that loads as it is, with and without a bucket', async () => {
    const proposals = linesOf([{ unit: 'shop.service', databases: [{ path: '/srv/a\n#: "b".db' }] }])
    const hosts = [{ name: 'pi', address: '192.168.1.21', user: 'admin', port: 2222 }]
    const replica = { endpoint: 'https://nas.lan:9000', region: 'us-east-1', bucket: 'home', prefix: 'home' }
    for (const starter of [
      { site: 'home', user: null, hosts, replica: null, app: null, proposals },
      { site: 'home', user: 'pi', hosts, replica: null, app: null, proposals },
      { site: 'home', user: null, hosts, replica, app: null, proposals },
    ]) {
      const cwd = await folderWith({ 'inventory.yaml': starterInventory(starter) })
      const env = { BACKUP_KEY: 'k', BACKUP_SECRET: 's' }
      const { inventory, warnings } = await loadInventory(`${cwd}/inventory.yaml`, { cwd, env })
      expect(warnings).toEqual([])
      expect(inventory.hosts['pi']).toMatchObject({ address: '192.168.1.21', user: 'admin', port: 2222 })
      expect(Object.keys(inventory.apps)).toEqual([])
    }
  })
})

describe('--from', () => {
  test.each([
    ['pi-attic', { name: 'pi-attic', address: 'pi-attic', user: null, port: null }],
    ['pi@pi-attic.lan:2222', { name: 'pi-attic', address: 'pi-attic.lan', user: 'pi', port: 2222 }],
    ['192.168.1.21', { name: null, address: '192.168.1.21', user: null, port: null }],
    ['attic=pi@192.168.1.21:22', { name: 'attic', address: '192.168.1.21', user: 'pi', port: 22 }],
    ['[fe80::1]:22', { name: null, address: 'fe80::1', user: null, port: 22 }],
    ['a=fe80::1', { name: 'a', address: 'fe80::1', user: null, port: null }],
  ])('reads %s', (text, expected) => {
    expect(parseFrom(text)).toEqual(expected)
  })

  test.each(['', '-oProxyCommand=x', 'pi@', 'a b', 'x:99999', 'x:y', 'pi@-x', 'Pi Attic=x', 'PI@x', 'a\nb'])(
    'refuses %j',
    (text) => {
      expect(() => parseFrom(text)).toThrow(expect.objectContaining({ code: 'init-from', exit: 2 }))
    },
  )
})
