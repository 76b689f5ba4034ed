import { expect, test } from 'vitest'
import type { Logs } from '../../../src/inventory/model.ts'
import { withLogAddresses } from '../../../src/rollout/log-addresses.ts'
import { loggingSite } from '../inventory/made.ts'

const addresses = { one: ['10.0.0.1'], two: ['192.168.7.2', 'fd00::2'], three: ['172.16.0.3'] }

const site = (networks: string[] | null, servers: Logs['servers'] = [{ kind: 'host', host: 'one' }]) =>
  loggingSite(Object.keys(addresses), { servers, addresses, networks })
const told = async (...of: Parameters<typeof site>) =>
  (await withLogAddresses(site(...of))).unknown.map(({ code, host: name }) => `${code} ${name}`)

test('a host whose lines no log server would take is told: network: has none of its addresses', async () => {
  expect(await told(['10.0.0.0/24'])).toEqual(['log-network two', 'log-network three'])
  expect(await told(['10.0.0.0/24', 'fd00::/64', '172.16.0.0/12'])).toEqual([])
  expect(await told(['10.0.0.1', '192.168.7.2/32', '172.16.0.3/32'])).toEqual([])
})

test('what follows from the hosts themselves leaves nobody out, and a server sends itself nothing', async () => {
  expect(await told(null)).toEqual([])
  expect(await told(['192.168.0.0/16', '172.16.0.0/12'])).toEqual([])
  expect(await told(['10.0.0.0/24'], [{ kind: 'address', address: '10.0.0.9', port: 514 }])).toEqual([])
})
