import { pbkdf2Sync } from 'node:crypto'
import type { Card } from '../inventory/model.ts'

type Wifi = NonNullable<Card['wifi']>

/**
 * The key of a WPA network in hex: what its password comes to, so that the password itself, which may be used elsewhere too, does not lie on
 * the card (IEEE 802.11i, H.4: PBKDF2 with SHA-1, the network's name, 4096 rounds, 32 bytes). What has 64 digits is such a key already.
 * @returns null for an open network
 * @throws RangeError for what cannot be a password: 8 to 63 bytes
 */
export function networkKey({ ssid, password }: Wifi): string | null {
  if (password === null) return null
  const text = password.reveal()
  if (/^[0-9a-fA-F]{64}$/.test(text)) return text.toLowerCase()
  const bytes = Buffer.byteLength(text)
  if (bytes < 8 || bytes > 63) throw new RangeError(`it has ${bytes} bytes, and Wi-Fi wants 8 to 63`)
  return pbkdf2Sync(text, ssid, 4096, 32, 'sha1').toString('hex')
}
