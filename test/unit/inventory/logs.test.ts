import { describe, expect, test } from 'vitest'
import { describeMistake } from '../../../src/inventory/mistake.ts'
import { inventoryWith, loadText, mistakesOf } from './workspace.ts'

const logs = (text: string) => inventoryWith().replace('hosts:', `logs: ${text}\nhosts:`)
const told = async (text: string) =>
  (await mistakesOf(loadText(logs(text)))).map((mistake) => describeMistake(mistake).replace(/^home\.yaml:/, ''))

test('logging is left alone unless the inventory speaks of it; then its defaults are small and safe', async () => {
  expect((await loadText(inventoryWith())).inventory.logs).toBeUndefined()
  expect((await loadText(logs('{ servers: [pi-cellar] }'))).inventory.logs).toEqual({
    servers: [{ kind: 'host', host: 'pi-cellar' }],
    transport: 'tcp',
    tls: null,
    queue: 'light',
    queueBytes: 64 * 2 ** 20,
    port: 514,
    networks: null,
    addresses: { 'pi-attic': ['192.168.1.21'], 'pi-cellar': ['192.168.1.22'] },
    share: { percent: 10 },
    keepDays: 30,
    journal: { storage: 'persistent', sizeBytes: 64 * 2 ** 20, syncSeconds: 60 },
  })
})

test('a server is a host of the inventory, or an address with or without its port', async () => {
  const written = '["10.0.0.9:6514", 10.0.0.8, logs.lan, "nas:1514", "[fd00::9]:600", "fd00::8", pi-attic]'
  const { inventory } = await loadText(logs(`{ servers: ${written}, port: 5514 }`))
  expect(inventory.logs?.servers).toEqual([
    { kind: 'address', address: '10.0.0.9', port: 6514 },
    { kind: 'address', address: '10.0.0.8', port: 5514 },
    { kind: 'address', address: 'logs.lan', port: 5514 },
    { kind: 'address', address: 'nas', port: 1514 },
    { kind: 'address', address: 'fd00::9', port: 600 },
    { kind: 'address', address: 'fd00::8', port: 5514 },
    { kind: 'host', host: 'pi-attic' },
  ])
})

test('what the inventory says of sizes, times and networks arrives', async () => {
  const text =
    '{ servers: [pi-attic], queue: durable, queue-size: 8M, network: 192.168.0.0/16, disk-share: 2G, keep: 90d, ' +
    'addresses: { pi-attic: [192.168.7.1, "fd00::1"] }, journal: { storage: volatile, size: 16M, sync: 5m } }'
  expect((await loadText(logs(text))).inventory.logs).toMatchObject({
    queue: 'durable',
    queueBytes: 8 * 2 ** 20,
    networks: ['192.168.0.0/16'],
    addresses: { 'pi-attic': ['192.168.7.1', 'fd00::1'], 'pi-cellar': ['192.168.1.22'] },
    share: { bytes: 2 * 2 ** 30 },
    keepDays: 90,
    journal: { storage: 'volatile', sizeBytes: 16 * 2 ** 20, syncSeconds: 300 },
  })
})

describe('a mistake is told in its place:', () => {
  const mistakes: Record<string, [string, string]> = {
    'a misspelt host': [
      '{ servers: [pi-atic] }',
      '7:19: logs.servers[0]: no host is called pi-atic; did you mean pi-attic?',
    ],
    'a word that is neither': [
      '{ servers: [pi-attic, zebra] }',
      '7:29: logs.servers[1]: zebra is neither a host of the inventory nor an address',
    ],
    'a port that is none': [
      '{ servers: ["10.0.0.9:70000"] }',
      '7:19: logs.servers[0]: 10.0.0.9:70000 is neither a host of the inventory nor an address',
    ],
    'an address that is none': [
      '{ servers: [10.0.0.256] }',
      '7:19: logs.servers[0]: 10.0.0.256 is neither a host of the inventory nor an address',
    ],
    'one that would end a line of the configuration': [
      `{ servers: ["a.b\\" port=\\"1"] }`,
      `7:19: logs.servers[0]: a.b" port="1 is neither a host of the inventory nor an address`,
    ],
    'a server twice': ['{ servers: [pi-attic, pi-attic] }', '7:29: logs.servers[1]: the same server as pi-attic'],
    'a network that is none': [
      '{ servers: [], network: 192.168.1.0 }',
      '7:31: logs.network: not a network: 192.168.1.0/24, fd00:1:2::/64',
    ],
    'a network of more bits than there are': [
      '{ servers: [], network: [192.168.1.0/24, 10.0.0.0/33] }',
      '7:48: logs.network[1]: not a network: 192.168.1.0/24, fd00:1:2::/64',
    ],
    'a share of more than there is': [
      '{ servers: [], disk-share: 120% }',
      '7:34: logs.disk-share: not a share of a disk: 10% (1 to 90), or a size, 16M or more',
    ],
    'an address of a host that there is not': [
      '{ servers: [], addresses: { pi-atic: 10.0.0.1 } }',
      '7:35: logs.addresses.pi-atic: no host is called pi-atic; did you mean pi-attic?',
    ],
    'certificates without TLS': [
      '{ servers: [], transport: tcp, tls: { ca: ./ca.pem } }',
      '7:38: logs.tls: means nothing with transport: tcp',
    ],
    'a log server of the inventory without its certificate': [
      '{ servers: [pi-attic], transport: tls, tls: { ca: ./ca.pem } }',
      '7:51: logs.tls: a host of the inventory is a log server: it needs its certificate; add certificates',
    ],
  }
  for (const [name, [text, expected]] of Object.entries(mistakes))
    test(name, async () => expect(await told(text)).toEqual([expected]))
})
