import { onHost, wrongPath } from '../paths.ts'
import { mistake, type Reading, warning } from '../reading.ts'

/** What belongs together within one app. */
export function checkApps(reading: Reading): void {
  const { apps, root, top } = reading.entries
  for (const [name, app] of apps) {
    const path = ['apps', name]
    const node = root.entries.get('apps')?.value
    const entry = node?.kind === 'map' ? node.entries.get(name)?.value : undefined
    if (entry?.kind !== 'map') continue
    const written = entry.entries

    if (!written.has('host') && !written.has('hosts'))
      mistake(
        reading,
        path,
        'runs nowhere: give it a host (one writer) or hosts (a database on each)',
        undefined,
        'key',
      )
    if (written.has('host') && written.has('hosts'))
      mistake(reading, [...path, 'hosts'], 'takes host or hosts, not both', undefined, 'key')
    if (!written.has('release') && !written.has('service'))
      mistake(
        reading,
        path,
        'has nothing to run: give it a release, or a service',
        'release: { from: ./dist, command: ./app }',
        'key',
      )
    if (written.has('release') && written.has('service'))
      mistake(reading, [...path, 'service'], 'takes release or service, not both', undefined, 'key')
    if (written.has('database') && written.has('databases'))
      mistake(
        reading,
        [...path, 'database'],
        'takes database (one, called main) or databases, not both',
        undefined,
        'key',
      )

    const hasDatabase =
      written.has('database') ||
      (app.databases !== undefined ? Object.keys(app.databases).length > 0 : written.has('databases'))
    const replica =
      written.has('replica') ||
      (root.entries.has('defaults') && top.defaults === undefined) ||
      top.defaults?.replica !== undefined
    if (hasDatabase && !replica && !reading.mayHold('replica'))
      mistake(
        reading,
        [...path, written.has('database') ? 'database' : 'databases'],
        'no replica holds it: add replica to the app, or to defaults',
        undefined,
        'key',
      )
    if (!hasDatabase) {
      for (const key of ['replica', 'litestream', 'when-replica-unreachable', 'offline-limit'])
        if (written.has(key)) warning(reading, [...path, key], 'has no effect: the app has no database')
      if (typeof app.storage === 'object')
        warning(
          reading,
          [...path, 'storage'],
          'everything in its state directory is lost at each stop: no database, no replica',
        )
    }
    const retention = app.litestream?.retention
    const interval = app.litestream?.['snapshot-interval']
    if (retention !== undefined && interval !== undefined && interval > retention)
      mistake(reading, [...path, 'litestream', 'snapshot-interval'], 'longer than the retention')
    if (app['when-replica-unreachable'] === 'wait' && app['offline-limit'] !== undefined)
      warning(reading, [...path, 'offline-limit'], 'has no effect with when-replica-unreachable: wait')
    if (app.litestream?.metrics !== undefined && app.litestream.metrics < 1024)
      mistake(reading, [...path, 'litestream', 'metrics'], 'Litestream has no privileges: a port of 1024 or more')
    checkDrain(reading, name)
    checkHealth(reading, name)
  }
}

function checkDrain(reading: Reading, name: string): void {
  const app = reading.entries.apps.get(name)
  const file = app?.drain?.file?.path
  if (app === undefined || file === undefined) return
  const at = ['apps', name, 'drain', 'file', 'path']
  if (app.service !== undefined) {
    mistake(reading, at, 'a service has no state directory of streamside: this is for a release')
    return
  }
  const why = file.startsWith('/') ? 'lies in the state directory: a path relative to that' : wrongPath(file)
  if (why !== null) mistake(reading, at, why)
  const databases = app.database === undefined ? Object.values(app.databases ?? {}) : [app.database]
  if (databases.some((path) => onHost(name, path) === onHost(name, file)))
    mistake(reading, at, 'is a database: it would be removed at the next start')
}

function checkHealth(reading: Reading, name: string): void {
  const { apps, hosts } = reading.entries
  const app = apps.get(name)
  const health = app?.health
  if (!app || !health) return
  const kind = health.http !== undefined ? 'http' : 'tcp'
  const target =
    health.http !== undefined
      ? new URL(health.http).hostname
      : typeof health.tcp === 'string'
        ? health.tcp.slice(0, health.tcp.lastIndexOf(':'))
        : null
  if (target === null) return
  const bare = target.replace(/^\[|\]$/g, '').toLowerCase()
  if (/^(localhost|127\.[0-9.]+|::1|0\.0\.0\.0|::)$/.test(bare)) return
  const own = [app.host ?? [], app.hosts ?? []].flat()
  const addresses = own.flatMap((host) => [host, hosts.get(host)?.address ?? host]).map((each) => each.toLowerCase())
  if (!addresses.includes(bare))
    warning(
      reading,
      ['apps', name, 'health', kind],
      'asks another machine than the one the app runs on',
      'the question is asked on the host itself: 127.0.0.1',
    )
}
