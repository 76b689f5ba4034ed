import { posix } from 'node:path'
import { stateDirectory } from '../model.ts'
import { closedFolder, isWithin, onHost, wrongPath } from '../paths.ts'
import { mistake, type Reading, warning } from '../reading.ts'
import { shown } from '../show.ts'

interface Claim {
  app: string
  what: string
  path: string
  at: readonly PropertyKey[]
}

/** Paths of databases and files on hosts: where they may lie, and that none lies on another. */
export function checkPathsOnHosts(reading: Reading): void {
  const { apps } = reading.entries
  /** By host. */
  const claims = new Map<string, Claim[]>()
  for (const [name, app] of apps) {
    const own = [...databasesOf(reading, name), ...filesOf(reading, name)]
    for (const host of new Set([app.host ?? [], app.hosts ?? []].flat()))
      claims.set(host, [...(claims.get(host) ?? []), ...own])
    // An app without a usable host still cannot be at odds with itself.
    if (app.host === undefined && app.hosts === undefined) claims.set(`\0${name}`, own)
  }
  const said = new Set<readonly PropertyKey[]>()
  for (const list of claims.values())
    for (const [index, claim] of list.entries()) {
      if (said.has(claim.at)) continue
      const other = list.slice(0, index).find((each) => clash(each, claim) !== null)
      if (!other) continue
      said.add(claim.at)
      const whose = other.app === claim.app ? other.what : `${other.what} of ${shown(other.app)}`
      mistake(
        reading,
        claim.at,
        `${clash(other, claim)} ${whose}`,
        undefined,
        claim.what.startsWith('file') ? 'key' : 'value',
      )
    }
}

function databasesOf(reading: Reading, name: string): Claim[] {
  const app = reading.entries.apps.get(name)
  const claims: Claim[] = []
  const listed: [string, string, readonly PropertyKey[]][] = Object.entries(app?.databases ?? {}).map(([db, path]) => [
    db,
    path,
    ['apps', name, 'databases', db],
  ])
  if (app?.database !== undefined) listed.push(['main', app.database, ['apps', name, 'database']])
  for (const [db, path, at] of listed) {
    const full = onHost(name, path)
    const isService = app?.service !== undefined
    const wrong = wrongDatabase(name, path, isService) ?? othersFolder(reading, name, full)
    if (wrong !== null) {
      mistake(
        reading,
        at,
        wrong,
        path.startsWith('/') && !isService
          ? `databases lie below ${stateDirectory(name)}, or in /srv or /mnt`
          : undefined,
      )
      continue
    }
    if (!isService && !isWithin(full, stateDirectory(name)))
      warning(
        reading,
        at,
        `outside of ${stateDirectory(name)}: its folder is opened to the app, and what else lies in it is not looked at`,
        ...(typeof app?.storage === 'object' ? ['ephemeral storage holds the state directory only'] : []),
      )
    claims.push({ app: name, what: `the database ${db}`, path: full, at })
  }
  return claims
}

/** Why a database of an app cannot lie at this path, whatever else is in the inventory; or null. */
export function wrongDatabase(app: string, path: string, isService = false): string | null {
  const full = onHost(app, path)
  return (
    wrongPath(path) ??
    (/-(wal|shm|journal)$/.test(path) ? 'is the name of a file that SQLite makes beside a database' : null) ??
    (full === stateDirectory(app) ? 'names a folder, not a file' : null) ??
    (isService && !path.startsWith('/') ? "a service has no folder of streamside's: write the whole path" : null) ??
    (path.startsWith('/') ? closedFolder(full, isService) : null) ??
    (Buffer.byteLength(full) > 1000 || full.split('/').some((part) => Buffer.byteLength(part) > 200)
      ? 'too long for a file system'
      : null)
  )
}

/** The state, configuration or release folder of another app of the inventory. */
function othersFolder(reading: Reading, name: string, path: string): string | null {
  const other = /^\/(?:var\/lib|opt|etc)\/([^/]+)(?:\/|$)/.exec(path)?.[1]
  if (other === undefined || other === name || !reading.entries.apps.has(other)) return null
  return `lies in a folder of the app ${shown(other)}`
}

function filesOf(reading: Reading, name: string): Claim[] {
  const claims: Claim[] = []
  const app = reading.entries.apps.get(name)
  const isService = app?.service !== undefined && app.release === undefined
  for (const path of Object.keys(app?.files ?? {})) {
    const at = ['apps', name, 'files', path]
    const full = onHost(name, path)
    const allowed = [...(isService ? [] : [stateDirectory(name)]), `/etc/${name}`]
    const wrong =
      wrongPath(path) ??
      (allowed.some((folder) => isWithin(full, folder) && full !== folder)
        ? null
        : isService && !path.startsWith('/')
          ? `a service has no folder of streamside's: write the whole path, below /etc/${name}`
          : `must lie below ${allowed.join(' or ')}`) ??
      (Buffer.byteLength(full) > 1000 || full.split('/').some((part) => Buffer.byteLength(part) > 200)
        ? 'too long for a file system'
        : null)
    if (wrong !== null) mistake(reading, at, wrong, undefined, 'key')
    else claims.push({ app: name, what: `file ${shown(posix.basename(full))}`, path: full, at })
  }
  return claims
}

/** How the second path is at odds with the first, as the beginning of a sentence that ends with the first; null if not. */
function clash(first: Claim, second: Claim): string | null {
  if (first.path === second.path) return 'the same path as'
  if (sidecars(first.path).some((path) => isWithin(second.path, path))) return 'lies on a file that belongs to'
  if (sidecars(second.path).some((path) => isWithin(first.path, path))) return 'its own files lie on'
  if (isWithin(second.path, first.path)) return 'lies below the file of'
  if (isWithin(first.path, second.path)) return 'is a folder above'
  return null
}

/** What SQLite and Litestream keep beside a database: -wal, -shm, -journal; the folder .NAME-litestream; restore's file. */
function sidecars(path: string): string[] {
  const folder = posix.dirname(path)
  const base = posix.basename(path)
  return [`${path}-wal`, `${path}-shm`, `${path}-journal`, `${path}.restoring`, `${folder}/.${base}-litestream`]
}
