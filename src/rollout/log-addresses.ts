import { lookup } from 'node:dns/promises'
import { BlockList, isIP, isIPv4 } from 'node:net'
import { sshSettings } from '../host/ssh-settings.ts'
import type { Host, Inventory, Logs } from '../inventory/model.ts'
import { exitCodes, Problem } from '../problem.ts'
import type { RunEvent } from '../report/events.ts'

/**
 * The inventory with an IP address for every host that it gives none for: what ssh would go to, looked up on this machine. Log
 * servers listen on theirs, and tell the others by it. Hosts are not asked for this.
 * @throws Problem `log-server-address` when a log server of the inventory has none
 */
export async function withLogAddresses(
  inventory: Inventory,
): Promise<{ inventory: Inventory; unknown: Extract<RunEvent, { type: 'warning' }>[] }> {
  const unknown: Extract<RunEvent, { type: 'warning' }>[] = []
  const { logs } = inventory
  const servers = new Set(logs?.servers.flatMap((server) => (server.kind === 'host' ? [server.host] : [])))
  if (!logs || servers.size === 0) return { inventory, unknown }
  const addresses: Logs['addresses'] = { ...logs.addresses }
  await Promise.all(
    Object.values(inventory.hosts).map(async (host) => {
      if (addresses[host.name]) return
      const found = await addressesOf(inventory, host)
      if (Array.isArray(found)) addresses[host.name] = found
      else if (servers.has(host.name)) throw unknownServer(host, found.name)
      else
        unknown.push({
          type: 'warning',
          host: host.name,
          code: 'log-address',
          message: `this machine knows no IP address for ${found.name}: log servers keep the lines of ${host.name} below _unknown`,
          next: `say in the inventory which address they see:  logs: { addresses: { ${host.name}: … } }`,
        })
    }),
  )
  const known = { ...logs, addresses }
  return { inventory: { ...inventory, logs: known }, unknown: [...unknown, ...leftOut(inventory, known)] }
}

/** Hosts whose lines no log server of the inventory takes, for `network:` has none of their addresses: nothing on them says so. */
function leftOut(
  { hosts }: Inventory,
  { networks, addresses, servers }: Logs,
): Extract<RunEvent, { type: 'warning' }>[] {
  if (networks === null) return []
  const family = (address: string) => (isIPv4(address) ? 'ipv4' : 'ipv6')
  const taken = new BlockList()
  for (const network of networks) {
    const [address = '', bits] = network.split('/')
    taken.addSubnet(address, bits === undefined ? (isIPv4(address) ? 32 : 128) : Number(bits), family(address))
  }
  const others = (host: string) => servers.some((server) => server.kind === 'host' && server.host !== host)
  return Object.keys(hosts)
    .filter(others)
    .flatMap((host) => {
      const own = addresses[host] ?? []
      if (own.length === 0 || own.some((address) => taken.check(address, family(address)))) return []
      return [
        {
          type: 'warning',
          host,
          code: 'log-network',
          message: `${own.join(', ')} is in none of the networks that log servers take lines from (${networks.join(', ')}): those of ${host} get lost`,
          next: 'say so in the inventory:  logs: { network: … }, or which address they see:  logs: { addresses: … }',
        },
      ]
    })
}

async function addressesOf({ ssh }: Inventory, host: Host): Promise<string[] | { name: string }> {
  const { address, port, user, name } = host
  const { hostName } = await sshSettings({ address, port, user, config: ssh.config, host: name })
  if (isIP(hostName) !== 0) return [hostName]
  try {
    const found = await lookup(hostName, { all: true, order: 'ipv4first' })
    // An address of one link alone (fe80::…%eth0) is none that a server could be told of.
    const usable = [...new Set(found.map((each) => each.address))].filter((each) => !each.includes('%'))
    return usable.length > 0 ? usable : { name: hostName }
  } catch {
    // Why a name has no address makes no difference here, and the resolver's words for it differ from machine to machine.
    return { name: hostName }
  }
}

function unknownServer(host: Host, name: string): Problem {
  return new Problem({
    code: 'log-server-address',
    doing: `looking up the log server ${host.name}`,
    found: `this machine knows no IP address for ${name}`,
    next: `say in the inventory which one it listens on:  logs: { addresses: { ${host.name}: 192.168.1.21 } }`,
    host: host.name,
    exit: exitCodes.usage,
  })
}
