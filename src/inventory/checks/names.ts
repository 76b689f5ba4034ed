import { mistake, type Reading } from '../reading.ts'
import { isReserved } from '../reserved.ts'

/** Names of hosts, replicas and apps: what they become on hosts and in buckets has to be able to carry them. */
export function checkNames(reading: Reading): void {
  const { apps, hosts, replicas, secrets } = reading.entries
  for (const name of hosts.keys()) {
    const wrong = wrongHostName(name)
    if (wrong !== null) mistake(reading, ['hosts', name], wrong, undefined, 'key')
  }
  for (const name of replicas.keys()) {
    const wrong = /^(emulate|conditional)$/.test(name)
      ? `${name} means something else under ownership; choose another name`
      : /^[a-z][a-z0-9_-]{0,62}$/.test(name)
        ? null
        : 'not a name for a replica: lower-case letters, digits, - and _, a letter first'
    if (wrong !== null) mistake(reading, ['replicas', name], wrong, undefined, 'key')
  }
  for (const name of secrets.keys())
    if (!/^[A-Za-z][A-Za-z0-9_.-]{0,63}$/.test(name))
      mistake(reading, ['secrets', name], 'not a name for a secret: letters, digits, - _ and .', undefined, 'key')
  for (const name of apps.keys()) {
    const wrong = appName(name)
    if (wrong) mistake(reading, ['apps', name], wrong.message, wrong.hint, 'key')
  }
}

/** Why a host cannot have this name, or null. */
export function wrongHostName(name: string): string | null {
  if (name.startsWith('-')) return 'a host name cannot begin with -, ssh would take it for an option'
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(name)
    ? null
    : 'not a name for a host: letters, digits, - _ and ., at most 63'
}

/**
 * An app's name is that of its user, its group, its unit and its folders. useradd(8) and systemd.unit(5) leave 28
 * characters for it, since the longest unit made of it is NAME-litestream.service and a user name has at most 32.
 */
export function appName(name: string): { message: string; hint?: string } | null {
  const hint = 'it becomes a unit, a user and folders: lower-case letters, digits and -, a letter first, at most 28'
  if (name === '') return { message: 'an app needs a name', hint }
  if (name.includes('%')) return { message: 'a name cannot hold %, which systemd expands in units', hint }
  if (!/^[a-z][a-z0-9-]{0,27}$/.test(name)) return { message: 'not a name for an app', hint }
  if (/-(gate|litestream|check)$/.test(name))
    return { message: `a name cannot end in ${/-[a-z]+$/.exec(name)?.[0]}: another unit of streamside is called so` }
  if (isReserved(name))
    return {
      message: `${name} is taken on Debian by a user, unit or folder of the system`,
      hint: `call it ${name}-app, for example`,
    }
  return null
}
