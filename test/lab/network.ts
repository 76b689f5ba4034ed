import type { AptSource } from './apt-source.ts'
import { bridgeAddressOf, bridgeOf, subnetOf, type Instance } from './instances.ts'
import { $ } from './shell.ts'

/** What runs on the bridge's address: fixed ports, because an inventory in Git names them. */
export const ports = {
  /** S3 as the hosts see it: the fault proxy. */
  s3: 9000,
  /** SeaweedFS itself, on an address of its own (`storageOf`). */
  weed: 9001,
  /** The release folder, for the operator's side only. */
  releases: 9002,
  /** Servers that tests start themselves, open to the hosts. */
  tests: [9100, 9199],
} as const

export interface Link {
  /** Name of the network namespace. */
  namespace: string
  /** The machine's end of the cable. */
  veth: string
  address: string
  mac: string
}

/** The network of one host, all of it derived from the instance's number and the host's index (0 to 199). */
export function linkOf(instance: Instance, host: { name: string; index: number }): Link {
  const hex = (value: number): string => value.toString(16).padStart(2, '0')
  return {
    namespace: `${bridgeOf(instance)}-${host.name}`,
    veth: `${bridgeOf(instance)}h${host.index}`,
    address: `10.83.${instance.number}.${10 + host.index}`,
    // fixed: with a new MAC at each boot, stale ARP entries cost up to a minute
    mac: `02:4c:41:42:${hex(instance.number)}:${hex(host.index)}`,
  }
}

/**
 * The S3 server has a network namespace of its own, joined to this machine by a cable that is not on the bridge: SeaweedFS
 * listens on loopback too, under ports that a second instance or another program may hold; hosts get to it only through the
 * fault proxy; and it has no way out.
 */
export const storageOf = (instance: Instance) => ({
  namespace: `${bridgeOf(instance)}.s3`,
  veth: `${bridgeOf(instance)}s3`,
  address: `10.83.${instance.number}.254`,
  near: `10.83.${instance.number}.253`,
})

const exists = async (name: string): Promise<boolean> => (await $`ip link show dev ${name}`.nothrow()).exitCode === 0

/** MTU of the way out (1400 behind some tunnels): larger packets of the hosts would vanish there. */
async function uplinkMtu(): Promise<number> {
  const routes = JSON.parse((await $`ip -j -4 route show default`).stdout || '[]') as { dev?: string }[]
  const device = routes[0]?.dev
  if (device === undefined) return 1500
  const links = JSON.parse((await $`ip -j link show dev ${device}`).stdout) as { mtu?: number }[]
  return Math.min(links[0]?.mtu ?? 1500, 1500)
}

/** Bridge and firewall of an instance; safe to call again. */
export async function raiseNetwork(instance: Instance, source: AptSource): Promise<void> {
  const bridge = bridgeOf(instance)
  if (!(await exists(bridge))) await $`ip link add ${bridge} type bridge`
  await $`ip link set ${bridge} mtu ${await uplinkMtu()} up`
  await $`ip addr replace ${`${bridgeAddressOf(instance)}/24`} dev ${bridge}`
  await joinStorage(instance)
  const loaded = await $({ input: firewall(instance, source) })`nft -f -`.nothrow()
  if (loaded.exitCode !== 0) throw new Error(`nft refused the lab's firewall:\n${loaded.stderr}`)
}

async function makeNamespace(namespace: string): Promise<void> {
  const namespaces = (await $`ip netns list`).stdout.split('\n').map((line) => line.split(' ')[0])
  if (!namespaces.includes(namespace)) await $`ip netns add ${namespace}`
}

async function joinStorage(instance: Instance): Promise<void> {
  const { namespace, veth, address, near } = storageOf(instance)
  await makeNamespace(namespace)
  if (!(await exists(veth))) await $`ip link add ${veth} type veth peer name eth0 netns ${namespace}`
  await $`ip addr replace ${`${near}/30`} dev ${veth}`
  await $`ip link set ${veth} up`
  const commands = ['link set lo up', 'link set eth0 up', `addr replace ${address}/30 dev eth0`]
  await $({ input: commands.join('\n') })`ip -n ${namespace} -batch -`
}

const tableOf = (instance: Instance): string => `streamside_lab_${instance.number}`

/**
 * A host reaches the other hosts of its lab, S3, and what `apt-get` needs; all else is rejected at once (not dropped: a
 * time-out would only make a mistake slow). Declaring the table before deleting it makes the file load in any state.
 */
function firewall(instance: Instance, source: AptSource): string {
  const bridge = bridgeOf(instance)
  const table = tableOf(instance)
  const set = (values: readonly (string | number)[]): string => `{ ${values.join(', ')} }`
  const aptPorts = [...new Set([80, 443, ...source.ports])]
  const dns =
    source.resolvers.length > 0 ? `ip daddr ${set(source.resolvers)} meta l4proto { tcp, udp } th dport 53 accept` : ''
  return `
table inet ${table} {}
delete table inet ${table}
table inet ${table} {
  chain forward {
    type filter hook forward priority -10; policy accept;
    iifname "${bridge}" oifname "${bridge}" accept
    oifname "${bridge}" ct state established,related accept
    oifname "${bridge}" reject
    iifname != "${bridge}" return
    ct state established,related accept
    ${dns}
    ip daddr ${set(source.addresses)} tcp dport ${set(aptPorts)} accept
    meta l4proto tcp reject with tcp reset
    reject
  }
  chain input {
    type filter hook input priority -10; policy accept;
    iifname != "${bridge}" return
    ct state established,related accept
    ip daddr ${bridgeAddressOf(instance)} tcp dport { ${ports.s3}, ${ports.tests.join('-')} } accept
    ip protocol icmp accept
    meta l4proto tcp reject with tcp reset
    reject
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr ${subnetOf(instance)} oifname != "${bridge}" masquerade
  }
}
`
}

/** The host's namespace and cable; safe to call again. Address and route are set from outside, as a DHCP server would. */
export async function plugIn(instance: Instance, host: { name: string; index: number }): Promise<void> {
  const link = linkOf(instance, host)
  const mtu = await uplinkMtu()
  await makeNamespace(link.namespace)
  if (!(await exists(link.veth))) {
    await $`ip link add ${link.veth} mtu ${mtu} type veth peer name eth0 address ${link.mac} mtu ${mtu} netns ${link.namespace}`
  }
  await $`ip link set ${link.veth} master ${bridgeOf(instance)} up`
  const commands = [
    'link set lo up',
    'link set eth0 up',
    `addr replace ${link.address}/24 dev eth0`,
    `route replace default via ${bridgeAddressOf(instance)}`,
  ]
  await $({ input: commands.join('\n') })`ip -n ${link.namespace} -batch -`
}

/** Pulls a host's cable out or puts it back. */
export async function setCable(
  instance: Instance,
  host: { name: string; index: number },
  state: 'up' | 'down',
): Promise<void> {
  await $`ip link set ${linkOf(instance, host).veth} ${state}`
}

/** Removes all that `raiseNetwork` and `plugIn` have made for this instance, by the names made from its number. */
export async function removeNetwork(instance: Instance): Promise<void> {
  const bridge = bridgeOf(instance)
  for (const line of (await $`ip netns list`).stdout.split('\n')) {
    const name = line.split(' ')[0] ?? ''
    if (name === storageOf(instance).namespace || name.startsWith(`${bridge}-`)) await $`ip netns delete ${name}`
  }
  const links = JSON.parse((await $`ip -j link show`).stdout || '[]') as { ifname: string }[]
  for (const { ifname } of links) {
    // a cable whose other end is in a namespace that is just going may go by itself between the list and here
    if (new RegExp(`^${bridge}(h\\d+|s3)$`).test(ifname)) await $`ip link delete ${ifname}`.nothrow()
  }
  if (await exists(bridge)) await $`ip link delete ${bridge}`
  await $({ input: `table inet ${tableOf(instance)} {}\ndelete table inet ${tableOf(instance)}\n` })`nft -f -`
}
