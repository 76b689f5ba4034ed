import { isIPv4 } from 'node:net'
import type { Logs } from '../inventory/model.ts'

/**
 * Whose lines a log server takes, as rsyslog's $AllowedSender writes it: the networks of the inventory or, where it names none, the
 * server's own /24 (IPv6: /64) and every host that is known by an address.
 * @param own IP address of the server
 */
export function allowedSenders(logs: Logs, own: string): string[] {
  if (logs.networks !== null) return logs.networks.map(sender)
  const near = isIPv4(own) ? own.replace(/[0-9]+$/, '') : null
  const others = Object.values(logs.addresses)
    .flat()
    .filter((address) => near === null || !address.startsWith(near))
    .sort()
  return [
    near === null ? `${own}/64` : `${near}0/24`,
    ...new Set(others.map((address) => `${address}/${isIPv4(address) ? 32 : 128}`)),
  ].map(sender)
}

/** IPv6 stands in brackets there. */
function sender(network: string): string {
  const [address = '', bits = ''] = network.split('/')
  return address.includes(':') ? `[${address}]/${bits}` : network
}
