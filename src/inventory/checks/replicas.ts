import { type FileEntry, isDirectory } from '../entries.ts'
import { mistake, type Reading, warning } from '../reading.ts'
import { shown } from '../show.ts'

/** No two replicas are one place, and no two apps write below one another's folder in a bucket. */
export function checkReplicas(reading: Reading): void {
  const { apps, replicas, top } = reading.entries
  const places = new Map<string, string>()
  const bases = new Map<string, string>()
  const directories = new Map<string, [name: string, replica: FileEntry]>()
  for (const [name, replica] of replicas) {
    if (isDirectory(replica)) {
      checkDirectory(reading, name, replica, directories)
      if (replica.path !== undefined)
        bases.set(name, [replica.path, ...(replica.prefix ? [replica.prefix] : [])].join('/'))
      continue
    }
    if (replica.bucket === undefined) continue
    const endpoint = replica.endpoint ?? `https://s3.${replica.region ?? 'us-east-1'}.amazonaws.com`
    const base = [endpoint, replica.bucket, ...(replica.prefix ? [replica.prefix] : [])].join('/')
    bases.set(name, base)
    const earlier = places.get(base)
    if (earlier === undefined) places.set(base, name)
    else mistake(reading, ['replicas', name], `the same bucket and prefix as ${shown(earlier)}`, undefined, 'key')
    if (replica.endpoint?.startsWith('http:') && !isPrivate(new URL(replica.endpoint).hostname))
      warning(
        reading,
        ['replicas', name, 'endpoint'],
        'databases travel unencrypted over http',
        'use https:// with a server outside of your own network',
      )
  }

  const paths: { path: string; app: string }[] = []
  for (const [name, app] of apps) {
    const base = bases.get(app.replica ?? top.defaults?.replica ?? '')
    if (base === undefined) continue
    const instances = app.hosts ? app.hosts.map((host) => `${name}@${host}`) : [name]
    for (const instance of instances) {
      const path = `${base}/${instance}/`
      const clash = paths.find(
        (each) => each.app !== name && (each.path.startsWith(path) || path.startsWith(each.path)),
      )
      if (clash)
        mistake(
          reading,
          ['apps', name],
          `its data and those of ${shown(clash.app)} lie within each other in the bucket`,
          'give one of their replicas another prefix',
          'key',
        )
      paths.push({ path, app: name })
    }
  }
}

/** One place has one thing mounted on it, and folders in it that are apart. */
function checkDirectory(
  reading: Reading,
  name: string,
  replica: FileEntry,
  seen: Map<string, [name: string, replica: FileEntry]>,
): void {
  const { path } = replica
  if (path === undefined) return
  const at = ['replicas', name]
  for (const [other, [earlier, entry]] of seen) {
    if (other === path && (entry.prefix ?? '') === (replica.prefix ?? ''))
      mistake(reading, at, `the same directory as ${shown(earlier)}`, undefined, 'key')
    else if (other === path && entry.mount !== replica.mount)
      mistake(
        reading,
        [...at, replica.mount === undefined ? 'path' : 'mount'],
        `${shown(earlier)} mounts something else on ${shown(path)}`,
      )
    else if (other !== path && (other.startsWith(`${path}/`) || path.startsWith(`${other}/`)))
      mistake(
        reading,
        [...at, 'path'],
        `lies within that of ${shown(earlier)}, or the other way round`,
        'give the one that is mounted outside a prefix: for the folder',
      )
  }
  seen.set(path, [name, replica])
}

/** A name or address of one's own network, where http is a choice. */
function isPrivate(host: string): boolean {
  return (
    /^(10\.|127\.|192\.168\.|169\.254\.|172\.(1[6-9]|2[0-9]|3[01])\.|100\.(6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])\.)/.test(
      host,
    ) ||
    /^\[(::1|f[cde])/i.test(host) ||
    !host.includes('.') ||
    /\.(lan|local|home|internal|home\.arpa|test)$/.test(host)
  )
}
