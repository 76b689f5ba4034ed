import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** The checkout that this lab belongs to. */
export const checkout = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..')

/** Downloads and base trees, shared by all instances and all checkouts of this machine (same rule as scripts/setup/node). */
export function cacheFolder(): string {
  const home = process.env['HOME'] ?? '/root'
  return process.env['STREAMSIDE_CACHE'] ?? path.join(process.env['XDG_CACHE_HOME'] ?? `${home}/.cache`, 'streamside')
}

/** Pinned wheels and the programs in them. */
export const downloadFolder = (): string => path.join(cacheFolder(), 'lab', 'downloads')

/** Read-only trees that the hosts' overlays stand on. */
export const baseFolder = (): string => path.join(cacheFolder(), 'lab', 'bases')

/** Where an instance keeps its hosts' cards and its bucket; on disk, because they may be large. */
export const diskFolder = (instance: string): string => path.join(cacheFolder(), 'lab', 'instances', instance)

/** What is true of the machine until it reboots: which instances there are. */
export const runFolder = '/run/streamside-lab'

/** Records, control sockets and logs of one instance. */
export const recordFolder = (instance: string): string => path.join(runFolder, instance)

/**
 * What an operator of this instance needs: ssh_config, key, known_hosts, keys of the bucket. In the checkout (git ignores
 * it), so that an inventory can name it relative to itself.
 */
export const accessFolder = (instance: string): string => path.join(checkout, '.lab', instance)
