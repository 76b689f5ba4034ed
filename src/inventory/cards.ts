import type { Entries, HostEntry } from './entries.ts'
import type { Card } from './model.ts'
import type { Secret } from './secret.ts'

/** The card of a host of which nothing is said. */
export function plainCard(hostname: string): Card {
  return { hostname, authorizedKeys: null, timezone: null, wifi: null, network: null }
}

/**
 * What is written on a host's new card. Key by key: a host that has a Wi-Fi of its own has the site's time zone all the same. Only for
 * entries without mistakes.
 */
export function toCard(
  name: string,
  own: HostEntry['card'],
  shared: NonNullable<Entries['top']['defaults']>['card'],
  secretOf: (symbol: symbol) => Secret,
): Card {
  const { timezone, wifi, 'authorized-keys': authorizedKeys } = { ...shared, ...own }
  const network = own?.network
  const card = { ...plainCard(own?.hostname ?? name), authorizedKeys: authorizedKeys ?? null }
  return {
    ...card,
    timezone: timezone ?? null,
    wifi:
      wifi?.ssid === undefined || wifi.country === undefined
        ? null
        : {
            ssid: wifi.ssid,
            password: wifi.password === undefined ? null : secretOf(wifi.password),
            country: wifi.country,
            hidden: wifi.hidden ?? false,
          },
    network:
      network?.address === undefined || network.gateway === undefined
        ? null
        : { address: network.address, gateway: network.gateway, dns: network.dns ?? [network.gateway] },
  }
}
