import type { Inventory } from '../inventory/model.ts'
import type { RunEvent } from '../report/events.ts'
import { withLogAddresses } from './log-addresses.ts'
import { logCertificates } from './log-certificates.ts'

/**
 * The inventory with what logging needs to be known before hosts are looked at: addresses and certificates.
 * @returns what is to be told once the run has begun
 * @throws Problem `log-server-address`, `log-certificate`, `openssl`
 */
export async function withLogging(loaded: Inventory): Promise<{ inventory: Inventory; told: RunEvent[] }> {
  const { inventory, unknown } = await withLogAddresses(loaded)
  const proof = await logCertificates(inventory)
  if (!inventory.logs || !proof) return { inventory, told: unknown }
  const made: RunEvent[] =
    proof.made === null
      ? []
      : [
          {
            type: 'note',
            message: `made a certificate authority for the logs of ${inventory.site}, in ${proof.made}: keep a copy, and give it to whoever else runs streamside for this site`,
          },
        ]
  return {
    inventory: { ...inventory, logs: { ...inventory.logs, certificates: proof.certificates } },
    told: [...unknown, ...made],
  }
}
