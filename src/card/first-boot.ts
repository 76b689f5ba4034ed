import type { Card } from '../inventory/model.ts'
import type { HostKeyPair } from './host-key.ts'

/** What a new card is to make of a fresh image: everything that its first boot is told. */
export interface FirstBoot {
  /** The host's name in the inventory. */
  host: string
  card: Card
  /** Who logs in, by key alone, and may use sudo without a password. */
  user: string
  /** Public keys, as they stand in authorized_keys. */
  keys: string[]
  hostKey: HostKeyPair
  /** Tells one card from another: cloud-init does its work once for each. */
  instanceId: string
}

/** A file of the boot partition. */
export interface CardFile {
  name: string
  content: string
}
