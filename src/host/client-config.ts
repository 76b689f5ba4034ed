import type { Inventory } from '../inventory/model.ts'
import type { SshSettings } from './ssh-settings.ts'

/**
 * An ssh_config(5) for the user's own ssh: what the inventory adds, then the configuration that streamside reads too. The first
 * value that ssh finds counts. For a new key, ssh writes to the first known_hosts file, as streamside does.
 * @param settings of the host, as `ssh -G` has them
 */
export function clientConfig(
  ssh: Inventory['ssh'],
  settings: Pick<SshSettings, 'userKnownHosts' | 'strictHostKeyChecking'>,
): string {
  const own =
    ssh.knownHosts === null
      ? []
      : [
          `UserKnownHostsFile ${[...new Set([ssh.knownHosts, ...settings.userKnownHosts])].map((file) => quoted(untokened(file))).join(' ')}`,
        ]
  const included = ssh.config === null ? ['~/.ssh/config', '/etc/ssh/ssh_config'] : [ssh.config]
  return [
    ...own,
    // `no` of the user's configuration counts as `ask`: a key is always checked.
    `StrictHostKeyChecking ${settings.strictHostKeyChecking}`,
    ...included.map((file) => `Include ${file.startsWith('~') ? file : quoted(literal(file))}`),
    '',
  ].join('\n')
}

/** ssh expands tokens in the paths of known hosts. */
function untokened(file: string): string {
  return file.replaceAll('%', '%%')
}

/** Include takes a pattern of glob(7). */
function literal(file: string): string {
  return file.replaceAll(/[*?[\]\\]/g, '\\$&')
}

/** One word: ssh splits at blanks that are not quoted. */
function quoted(file: string): string {
  return `"${file.replaceAll(/["\\]/g, '\\$&')}"`
}
