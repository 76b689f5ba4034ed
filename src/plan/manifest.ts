import { isVersioned } from '../desired/base.ts'
import type { HostState } from '../desired/host-state.ts'
import { dropInPath } from '../desired/service.ts'
import { instanceName } from '../inventory/model.ts'
import { isSecret } from './diff.ts'
import { manifestOf } from './manifest-shape.ts'
import { dataOf } from './moves.ts'

export const manifestPath = '/var/lib/streamside/manifest'

/** What streamside manages on a host, recorded there by apply: what is not in it is never touched. */
export interface Manifest {
  v: 1
  apps: string[]
  /** Files and links: the user that writes them, and the app they belong to. */
  files: Record<string, ManifestFile>
  /** Loopback ports of Litestream's metrics, so that they do not move. */
  metrics: Record<string, number>
  /** Where the data of each app lie, for people, for the inventory tells it no more once they have left: `<replica>, <instance>`. */
  replicas?: Record<string, string>
  /** Where the databases of each app lie, as its programs are told. */
  data?: Record<string, ManifestData>
  /** Folders outside of apps' state directories that streamside has made for their databases. Left out when there are none. */
  folders?: string[]
  /** Adopted services by app: their unit, whose their databases are, and how they were before. Left out when there are none. */
  services?: Record<string, ManifestService>
  /**
   * Earlier names: `to: from`. Where `apps` has `from`, that rename is under way, or was cut off: written before its first part, so
   * that user and files of `from` may have either name. Where it has not, the rename is done, and `from` is the app's past.
   */
  was?: Record<string, string>
}

export interface ManifestData {
  /** Paths by name. */
  databases: Record<string, string>
  /** `persistent`, or `ephemeral` and its size. */
  storage: string
}

export interface ManifestService {
  unit: string
  user: string
  enabled: boolean
  active: boolean
}

export interface ManifestFile {
  as: string
  app: string | null
  /** It holds secrets: what stands there is never shown, whatever comes in its place. */
  secret?: true
}

/** Reads a manifest; a missing or damaged one is an empty one: then nothing is known to be ours, and nothing is removed. */
export function readManifest(text: string | null): Manifest {
  return (text === null ? null : parsed(text)) ?? { v: 1, apps: [], files: {}, metrics: {} }
}

/** Whether a manifest is there that cannot be read: cut off, garbage, or none of this version. */
export function isDamaged(text: string | null): boolean {
  return text !== null && parsed(text) === null
}

function parsed(text: string): Manifest | null {
  try {
    return manifestOf(JSON.parse(text))
  } catch {
    return null
  }
}

/**
 * The manifest of a host as it will be. What an app that left the inventory had stays recorded until it is removed.
 * @param going apps that are removed now
 * @param was earlier names, of apps that are there and of others
 * @param made folders that this plan makes, and that are ours from then on
 */
export function manifestFor(
  state: HostState,
  recorded: Manifest,
  going: readonly string[] = [],
  was: Record<string, string> = {},
  made: readonly string[] = [],
): Manifest {
  const present = state.apps.map((app) => app.name)
  const keptServices = Object.entries(recorded.services ?? {}).filter(
    ([app]) => !present.includes(app) && !going.includes(app),
  )
  const services = [
    ...keptServices,
    ...state.apps.flatMap(({ name, service }) => {
      const facts = state.services.get(name)
      if (service === null || facts === undefined) return []
      return [[name, { unit: service.unit, user: facts.account.user, ...facts.before }] as const]
    }),
  ]
  const gone = recorded.apps.filter((app) => !present.includes(app) && !going.includes(app))
  const files = new Map<string, ManifestFile>()
  for (const [path, entry] of Object.entries(recorded.files))
    if (entry.app === null ? gone.length > 0 && isShared(path) : gone.includes(entry.app)) files.set(path, entry)
  for (const resource of state.resources) {
    if ((resource.kind !== 'file' && resource.kind !== 'link') || isVersioned(resource.path)) continue
    const as = resource.kind === 'file' ? (resource.as ?? 'root') : 'root'
    const secret = resource.kind === 'file' && isSecret(resource)
    files.set(resource.path, { as, app: appOf(resource.path, state), ...(secret ? { secret } : {}) })
  }
  const kept = <T>(of: Record<string, T> = {}) => Object.entries(of).filter(([app]) => gone.includes(app))
  const replicas = [
    ...kept(recorded.replicas),
    ...state.apps.flatMap((app) =>
      app.replica === null ? [] : [[app.name, `${app.replica}, ${instanceName(app, state.host.name)}`] as const],
    ),
  ]
  const data = [
    ...kept(recorded.data),
    ...state.apps.flatMap((app) => {
      const places = dataOf(app)
      return places === null ? [] : [[app.name, places] as const]
    }),
  ]
  const apps = [...present, ...gone].sort()
  const wanted = new Set(state.resources.flatMap((resource) => (resource.kind === 'directory' ? [resource.path] : [])))
  // whose they are when an app has left is not recorded
  const folders = [
    ...new Set([...(recorded.folders ?? []).filter((each) => wanted.has(each) || gone.length > 0), ...made]),
  ]
  // A name that an app has again is nobody's earlier one.
  const earlier = Object.entries(was).filter(([, from]) => !apps.includes(from))
  return {
    v: 1,
    apps,
    files: byName([...files]),
    metrics: byName([...kept(recorded.metrics), ...Object.entries(state.metrics)]),
    ...(replicas.length === 0 ? {} : { replicas: byName(replicas) }),
    ...(data.length === 0 ? {} : { data: byName(data) }),
    ...(folders.length === 0 ? {} : { folders: folders.sort() }),
    ...(services.length === 0 ? {} : { services: byName(services) }),
    ...(earlier.length === 0 ? {} : { was: byName(earlier) }),
  }
}

/** Whether apps have a file in common, so that one that has left and runs on may need it: programs, an authority, a replica's mount. */
export function isShared(file: string): boolean {
  return file.startsWith('/usr/local/') || (file.startsWith('/etc/systemd/system/') && file.endsWith('.mount'))
}

/** The same text for the same entries, for a manifest is compared as one. */
function byName<T>(entries: (readonly [string, T])[]): Record<string, T> {
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

/** By its unit, or by its place: everything of an app lies below folders, or is a unit, of its name. */
function appOf(file: string, { apps, resources }: HostState): string | null {
  const unit = resources.find(
    (resource) =>
      resource.kind === 'unit' && file === `/etc/systemd/system/${resource.name}` && resource.app !== undefined,
  )
  if (unit?.kind === 'unit') return unit.app ?? null
  const adopted = apps.find(({ service }) => service !== null && file === dropInPath(service.unit))
  if (adopted) return adopted.name
  const names = apps.map((app) => app.name)
  return (
    names.find((app) =>
      [`/etc/streamside/apps/${app}/`, `/var/lib/${app}/`, `/opt/${app}/`, `/etc/${app}/`].some((folder) =>
        file.startsWith(folder),
      ),
    ) ??
    names.find((app) =>
      new RegExp(`^/etc/systemd/system/${app}(-gate|-litestream|-check)?\\.(service|timer)$`).test(file),
    ) ??
    null
  )
}
