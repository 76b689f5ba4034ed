import { fingerprint, judgeHostKey, type HostNames, keyTypeName } from './host-keys.ts'
import type { HostKeyPolicy } from './host-key-check.ts'
import { forgetHostKeys, recordHostKey } from './known-hosts-files.ts'
import { namesMatch, type KnownHostsLine } from './known-hosts.ts'

/** For `restore` alone: a new card has new keys, and a person, or a fingerprint that a script was given, vouches for the one shown. */
export interface NewHostKey {
  /** `SHA256:…`, exactly the key that is expected; null = a person is asked. */
  fingerprint: string | null
}

/**
 * Takes a key that contradicts what is known of a host, when somebody vouches for it: the old keys of that name go from the known_hosts
 * files that are written here (each keeps a copy, `.old`, as with `ssh-keygen -R`), and the new one is recorded. Lines with a marker,
 * with patterns, and those of the system's own file stay; while one of them contradicts the key, it is not taken.
 * @returns whether it was
 */
export async function takesNewKey(
  policy: HostKeyPolicy,
  lines: KnownHostsLine[],
  names: HostNames,
  key: Buffer,
): Promise<boolean> {
  const { host, settings, newKey, report } = policy
  if (!newKey) return false
  const own = [...(policy.knownHosts === null ? [] : [policy.knownHosts]), ...settings.userKnownHosts]
  const old = lines.filter(
    ({ file, marker, names: held }) =>
      marker === null && own.includes(file) && !/[*?!]/.test(held) && namesMatch(held, names.name),
  )
  if (
    judgeHostKey(
      lines.filter((line) => !old.includes(line)),
      names,
      key,
    ).kind !== 'unknown'
  )
    return false
  if (!(await vouched(policy, old, key))) return false
  for (const file of new Set(old.map((line) => line.file))) await forgetHostKeys(file, names.name)
  const [file] = own
  if (file !== undefined && file !== '/dev/null') await recordHostKey(file, names.name, key, settings.hashKnownHosts)
  const detail = `new ${keyTypeName(key)} key ${fingerprint(key)}, in the place of ${old.length} of the old card`
  report({ type: 'host-step', host, step: 'host-key', detail })
  return true
}

async function vouched({ host, newKey, confirm }: HostKeyPolicy, old: KnownHostsLine[], key: Buffer): Promise<boolean> {
  const shown = fingerprint(key)
  if (newKey !== undefined && newKey.fingerprint !== null) return newKey.fingerprint === shown
  const known = old.map(
    (line) => `  known:  ${keyTypeName(line.key)} ${fingerprint(line.key)} (${line.file}:${line.line})\n`,
  )
  return (
    (await confirm?.(
      `${host} shows another key than it had:\n${known.join('')}  shown:  ${keyTypeName(key)} ${shown}\n` +
        'A new card has new keys. Compare the one shown with the machine itself (on its console: ' +
        'ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub).\nIs it the same, and the old ones may go?',
    )) === true
  )
}
