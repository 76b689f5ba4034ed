import type { Host, Inventory } from '../inventory/model.ts'
import { exitCodes, Problem } from '../problem.ts'
import { hostNames } from './host-key-check.ts'
import { recordHostKey } from './known-hosts-files.ts'
import { sshSettings } from './ssh-settings.ts'

/**
 * Records the key that a host will show, before it has shown it: beside those that are known of it, for its old card may still be in use.
 * @param key in wire format
 * @returns the file that holds it
 * @throws Problem `known-hosts-none` (exit 2), and those of `sshSettings`
 */
export async function recordPreparedKey(host: Host, ssh: Inventory['ssh'], key: Buffer): Promise<string> {
  const settings = await sshSettings({ ...host, config: ssh.config, host: host.name })
  const file = ssh.knownHosts ?? settings.userKnownHosts[0]
  if (file === undefined || file === '/dev/null')
    throw new Problem({
      code: 'known-hosts-none',
      doing: `recording the key of ${host.name}`,
      found: 'your ssh configuration has no file for known hosts',
      next: 'name one in the inventory: ssh: { known-hosts: ./known_hosts }',
      host: host.name,
      exit: exitCodes.usage,
    })
  await recordHostKey(file, hostNames(settings).name, key, settings.hashKnownHosts)
  return file
}
