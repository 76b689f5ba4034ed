import type { GateConfig } from '../desired/gate.ts'
import { decodeBase64 } from '../host/host-encoding.ts'
import type { GateReason } from '../host/observed.ts'
import { parseReason } from '../host/probe-records.ts'
import { appsElsewhere, backFrom, isOfOneHost } from '../inventory/elsewhere.ts'
import type { App, Inventory } from '../inventory/model.ts'

/** An app that is on a host and that the inventory has there no more: what the host has on record of it. */
export interface SeenLeft {
  name: string
  /** The unit that it is run by. */
  unit: string
  /** Its name in the replica and its databases, of its gate.json; null when it has none, or none that can be read. */
  gate: { instance: string; databases: Record<string, string> } | null
  /** It has a gate.json, whatever is in it. */
  gated: boolean
  syncIntervalSeconds: number
  /** Why its gate held it back at the last try. */
  reason: GateReason | null
}

/** What `status` has to know of an app: the inventory says it, or the host where that does not any more. */
export type LookedAt = Pick<App, 'name' | 'databases' | 'unprotected'> & {
  service: { unit: string } | null
  litestream: Pick<App['litestream'], 'syncIntervalSeconds'>
}

/** The records of templates/host/status/left.sh. */
export function parseLeft(records: ReadonlyMap<string, string[][]>): SeenLeft[] {
  const of = (kind: string, app: string) => records.get(kind)?.find(([name]) => name === app)?.[1]
  return (records.get('left') ?? []).map(([name = '', unit = '']) => {
    const gate = of('gate', name)
    const reason = of('reason', name)
    const interval = Number(of('interval', name))
    return {
      name,
      unit,
      gate: gate === undefined ? null : parseGate(decodeBase64(gate)),
      gated: gate !== undefined,
      // the default of the inventory
      syncIntervalSeconds: Number.isSafeInteger(interval) && interval > 0 ? interval : 1,
      reason: reason === undefined ? null : parseReason(decodeBase64(reason)),
    }
  })
}

/** Somebody may have edited it: what is not as it should be is not known. */
function parseGate(text: string): SeenLeft['gate'] {
  try {
    const { instance, databases } = JSON.parse(text) as Partial<GateConfig>
    if (typeof instance !== 'string' || !Array.isArray(databases)) return null
    return { instance, databases: Object.fromEntries(databases.map(({ name, path }) => [name, path])) }
  } catch {
    return null
  }
}

/** As the inventory would have it. */
export function asLookedAt({ name, unit, gate, syncIntervalSeconds }: SeenLeft): LookedAt {
  return {
    name,
    service: unit === `${name}.service` ? null : { unit },
    databases: gate?.databases ?? {},
    unprotected: [],
    litestream: { syncIntervalSeconds },
  }
}

/** What has become of an app that a host still has and the inventory has there no more. */
export interface Left {
  text: string
  /** What would start it when it is down, or take it away. */
  next: string
}

/** @param instance its name in the replica; absent when it has none */
export function whatBecame(app: string, host: string, inventory: Pick<Inventory, 'apps'>, instance?: string): Left {
  const renamed = Object.values(inventory.apps).find(({ was, hosts }) => was === app && hosts.includes(host))
  if (renamed)
    return {
      text: `is called ${renamed.name} in the inventory`,
      next: `run streamside provision, which gives it its new name, ${renamed.name}`,
    }
  const elsewhere = isOfOneHost(instance) ? undefined : appsElsewhere(inventory, host).get(app)
  if (elsewhere)
    return {
      text: `left the inventory for this host: it is ${elsewhere.name === app ? '' : `${elsewhere.name}, `}on ${elsewhere.hosts.join(', ')} there`,
      next: backFrom(app, host, elsewhere),
    }
  return {
    text: 'left the inventory',
    next:
      `put it back into the inventory, and streamside provision starts it; or have it removed, once its data are proven to be ` +
      `in the replica: streamside provision --prune --limit ${host}`,
  }
}
