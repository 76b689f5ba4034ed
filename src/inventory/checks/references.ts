import { isDirectory, type ReplicaEntry } from '../entries.ts'
import { nearest } from '../nearest.ts'
import { mistake, type Reading } from '../reading.ts'
import { shown } from '../show.ts'

/** Names that point at something else of the inventory: hosts and replicas of apps, default replica, ownership. */
export function checkReferences(reading: Reading): void {
  const { apps, hosts, replicas, top } = reading.entries
  const refer = (kind: string, name: string, known: Map<string, unknown>, path: readonly PropertyKey[]) => {
    if (known.has(name) || reading.mayHold(name)) return
    const near = nearest(name, known.keys())
    const names = [...known.keys()]
    const rest = near
      ? `; did you mean ${shown(near)}?`
      : names.length === 0
        ? `; the inventory has no ${kind}s`
        : names.length <= 6
          ? `; there is ${names.map((each) => shown(each)).join(', ')}`
          : ''
    mistake(reading, path, `no ${kind} is called ${shown(name)}${rest}`)
  }

  if (top.defaults?.replica !== undefined) refer('replica', top.defaults.replica, replicas, ['defaults', 'replica'])

  for (const [name, app] of apps) {
    if (app.host !== undefined) refer('host', app.host, hosts, ['apps', name, 'host'])
    const seen = new Set<string>()
    for (const [index, host] of (app.hosts ?? []).entries()) {
      const path = ['apps', name, 'hosts', index]
      if (seen.has(host)) mistake(reading, path, `${shown(host)} is listed twice`)
      else refer('host', host, hosts, path)
      seen.add(host)
    }
    if (app.replica !== undefined) refer('replica', app.replica, replicas, ['apps', name, 'replica'])
  }

  for (const [name, replica] of replicas) {
    if (isDirectory(replica) || replica.ownership === undefined || replica.ownership === 'emulate') continue
    const path = ['replicas', name, 'ownership']
    if (replica.ownership === name) mistake(reading, path, 'names the replica itself; leave it out')
    else if (!replicas.has(replica.ownership))
      refer('replica', replica.ownership, new Map([...replicas, ['emulate', {}]]), path)
    else if (replicas.get(replica.ownership)?.type === 'file')
      mistake(
        reading,
        path,
        `${replica.ownership} is a directory, which keeps owner objects of its own data only; name a bucket`,
      )
    else if (keepsElsewhere(replicas.get(replica.ownership)))
      mistake(reading, path, `${replica.ownership} does not keep its own owner objects; name a replica that does`)
  }
}

function keepsElsewhere(replica: ReplicaEntry | undefined): boolean {
  return replica !== undefined && !isDirectory(replica) && replica.ownership !== undefined
}
