import { describe, expect, test } from 'vitest'
import { inventoryWith, loadText, mistakesOf } from './workspace.ts'

const app = (...lines: string[]) =>
  inventoryWith(['  traffic:', '    host: pi-attic', ...lines.map((line) => `    ${line}`), ''].join('\n'))
const service = 'service: { package: vnstat, unit: vnstat.service }'
const database = 'database: /var/lib/vnstat/vnstat.db'

describe('an app that is a service', () => {
  test('is a unit, whose it is, and databases where they are', async () => {
    const { inventory, warnings } = await loadText(
      app(
        'service: { package: vnstat, unit: vnstat.service, user: vnstat, logs-as: [vnstatd] }',
        database,
        'litestream: { wal: switch }',
      ),
    )
    expect(warnings).toEqual([])
    expect(inventory.apps['traffic']).toMatchObject({
      release: null,
      service: { package: 'vnstat', unit: 'vnstat.service', user: 'vnstat', from: null, logsAs: ['vnstatd'] },
      databases: { main: '/var/lib/vnstat/vnstat.db' },
      litestream: { switchToWal: true },
    })
  })

  test('may have an environment and files of its own', async () => {
    const lines = ['environment: { A: b }', 'files: { /etc/traffic/x.conf: { from: ./x } }', 'storage: persistent']
    const { inventory, warnings } = await loadText(app(service, ...lines))
    expect(warnings).toEqual([])
    expect(inventory.apps['traffic']).toMatchObject({ environment: { A: 'b' }, storage: { kind: 'persistent' } })
  })

  test('may keep its databases where packages do', async () => {
    for (const path of ['/etc/pihole/gravity.db', '/var/cache/minidlna/files.db', '/var/log/x.db'])
      await expect(loadText(app(service, `database: ${path}`))).resolves.toBeDefined()
  })

  const mistakes: Record<string, [string[], string]> = {
    'a database without its whole path': [
      [service, 'database: vnstat.db'],
      "14:15: apps.traffic.database: a service has no folder of streamside's: write the whole path",
    ],
    'a database that is hidden': [
      [service, 'database: /home/pi/x.db'],
      '14:15: apps.traffic.database: /home is hidden from Litestream and the gate by their sandbox',
    ],
    'a unit that is none': [
      ['service: { unit: vnstat.timer }'],
      '13:22: apps.traffic.service.unit: not the name of a service: letters, digits, : - _ . and .service at its end',
    ],
    'a package and a unit file': [
      ['service: { unit: x.service, package: xy, from: ./x.service }'],
      '13:46: apps.traffic.service.from: takes package or from, not both',
    ],
    "a unit of streamside's": [
      ['service: { unit: traffic-gate.service }'],
      '13:22: apps.traffic.service.unit: is a unit that streamside makes',
    ],
    'the way to the host': [
      ['service: { unit: ssh.service }'],
      '13:22: apps.traffic.service.unit: the host cannot be reached, or not be started, while ssh.service is held back',
    ],
    "keys of a release's user and folders": [
      [service, 'was: vnstat'],
      '14:5: apps.traffic.was: not yet supported for a service',
    ],
    'a file without its whole path': [
      [service, 'files: { x: { from: ./x } }'],
      "14:14: apps.traffic.files.x: a service has no folder of streamside's: write the whole path, below /etc/traffic",
    ],
    "a file in its package's folder": [
      [service, 'files: { /etc/vnstat.conf: { from: ./x } }'],
      '14:14: apps.traffic.files."/etc/vnstat.conf": must lie below /etc/traffic',
    ],
    'something accepted outside of the folder of its database': [
      [service, database, 'unprotected: [cache, /var/cache/x]'],
      '15:26: apps.traffic.unprotected[1]: is relative to the folder of its database',
    ],
    'something accepted when its databases lie in several folders': [
      [service, 'databases: { a: /srv/a/x.db, b: /srv/b/x.db }', 'unprotected: [x]'],
      '15:5: apps.traffic.unprotected: a service that has databases in several folders has no folder to look through',
    ],
    'nothing accepted': [[service, database, 'unprotected: []'], '15:18: apps.traffic.unprotected: names nothing'],
    'ephemeral storage': [
      [service, database, 'storage: { ephemeral: 64M }'],
      '15:5: apps.traffic.storage: a service keeps its databases where they are: a tmpfs over their folder would hide what else its package has there',
    ],
    'a health command of a release': [
      [service, 'health: { command: ./ping }'],
      '14:24: apps.traffic.health.command: a service has no release: the program by its absolute path, or by its name',
    ],
  }
  test.each(Object.entries(mistakes))('cannot have %s', async (_, [lines, expected]) => {
    const found = await mistakesOf(loadText(app(...lines)))
    expect(found.map(({ line, column, path, message }) => `${line}:${column}: ${path}: ${message}`)).toEqual([expected])
  })

  test('cannot log by a name of another app of the host, whatever that has it from', async () => {
    const both = (second: string) =>
      inventoryWith(`  one: { host: pi-attic, service: { unit: a.service, logs-as: [x] } }\n  two: { ${second} }\n`)
    for (const logged of ['one', 'one-gate', 'a', 'x'])
      expect(
        (await mistakesOf(loadText(both(`host: pi-attic, service: { unit: b.service, logs-as: [${logged}] }`)))).at(-1),
      ).toMatchObject({
        line: 12,
        path: 'apps.two.service.logs-as[0]',
        message: 'is a name that the app one logs by there',
      })
    const others = [
      'host: pi-attic, service: { unit: b.service, logs-as: [two, b, y] }',
      'host: pi-cellar, service: { unit: b.service, logs-as: [x, a] }',
    ]
    for (const other of others) await expect(loadText(both(other))).resolves.toBeDefined()
  })

  test('cannot have a unit that another app of the host has', async () => {
    const both = inventoryWith(
      ['one', 'two'].map((name) => `  ${name}: { host: pi-attic, service: { unit: vnstat.service } }\n`).join(''),
    )
    const found = await mistakesOf(loadText(both))
    expect(found.map(({ line, message }) => `${line}: ${message}`)).toEqual([
      '12: vnstat.service of pi-attic is adopted by one already',
    ])
  })
})
