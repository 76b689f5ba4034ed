import type { HostState } from '../desired/host-state.ts'
import { backFrom, isOfOneHost } from '../inventory/elsewhere.ts'
import { type App, stateDirectory } from '../inventory/model.ts'
import { isWithin } from '../inventory/paths.ts'
import type { Observed } from '../host/observed.ts'
import type { HostPlan } from './change.ts'
import { instanceOnRecord, isReplicated } from './leaving.ts'
import { closedFolders, strangeDatabases } from './databases.ts'
import { journaldOverridden, rsyslogInvalid } from './logging.ts'
import { isDamaged, type Manifest, manifestPath } from './manifest.ts'
import { droppedDatabases } from './moves.ts'
import { isForAll, overrideWarnings } from './overrides.ts'
import { leftOfRename, type Rename } from './renames.ts'

type Warning = HostPlan['warnings'][number]

/** What should be known about a host although nothing is done about it. */
export function planWarnings(
  state: HostState,
  observed: Observed,
  { leaving, going, renames, recorded }: { leaving: string[]; going: string[]; renames: Rename[]; recorded: Manifest },
): Warning[] {
  const left = leaving.filter((app) => !going.includes(app))
  const gone = going.filter((app) => !renames.some(({ from, halves }) => from === app || halves.includes(app)))
  return [
    ...recordDamaged(state, observed),
    ...droppedDatabases(state, recorded),
    ...left.map((app) => appLeft(app, state, recorded)),
    ...gone.map((app) => dataLeft(app, recorded)),
    ...renames.flatMap((rename) => leftOfRename(rename, recorded)),
    ...smallStorage(state, observed),
    ...closedFolders(state, observed),
    ...strangeDatabases(state, observed),
    ...state.later.map((app) => ((app.service?.package ?? null) === null ? mountedFirst(app) : adoptedLater(app))),
    ...openBelow(observed),
    ...byPrefix(state, observed),
    ...overrideWarnings(state, observed),
    ...journaldOverridden(state, observed),
    ...rsyslogInvalid(state, observed),
  ]
}

/** Nothing tells then what has left: without this, it would run on unseen. */
function recordDamaged(state: HostState, observed: Observed): Warning[] {
  const { manifest } = observed
  const strangers = [...observed.signatures.keys()]
    .flatMap((path) => /^\/opt\/([^/]+)\/releases\//.exec(path)?.[1] ?? [])
    .filter((name) => !state.apps.some((app) => app.name === name))
  if (!isDamaged(manifest) && !(manifest === null && wasSetUp(state, observed, strangers))) return []
  const names = [...new Set(strangers)].sort()
  const lost = names.length === 0 ? '' : `; of ${names.join(', ')} there is still a release`
  return [
    {
      code: 'record-damaged',
      message:
        `${manifestPath}, the record of what streamside has laid on this host, is ${manifest === null ? 'gone or empty' : 'damaged'}: ` +
        `apps that have left the inventory, and files that are not wanted any more, are not known by it${lost}`,
      next:
        `look on the host what is there and not in the inventory (ls /etc/streamside/apps /opt; systemctl list-units --all '*-litestream.service'): ` +
        'put such an app back into the inventory, provision, and take it out again. Provision writes the record anew, and nothing tells it then',
    },
  ]
}

/**
 * Whether streamside has been here: the record is written before anything is started. A first run that was cut off has none yet,
 * and its units may have been started by a boot.
 */
function wasSetUp({ apps }: HostState, observed: Observed, strangers: string[]): boolean {
  if (observed.transactions.some(({ state }) => state !== 'ended')) return false
  return (
    strangers.length > 0 ||
    observed.started.size > 0 ||
    apps.some(({ name }) => observed.apps.get(name)?.claimed === true)
  )
}

function appLeft(app: string, { host, elsewhere }: HostState, recorded: Manifest): Warning {
  const stays = isReplicated(app, recorded) ? 'its data and its replica stay' : 'its data stay'
  const now = isOfOneHost(instanceOnRecord(app, recorded)) ? undefined : elsewhere.get(app)
  return {
    code: 'app-left',
    app,
    message: `${app} is no longer in the inventory for this host, and is left there as it is`,
    next:
      now === undefined
        ? `remove it from the host with --prune (${stays}), or put it back into the inventory`
        : backFrom(app, host.name, now),
  }
}

function adoptedLater({ name, service }: App): Warning {
  return {
    code: 'adopted-after',
    app: name,
    message:
      `the package ${service?.package} is installed first, and starts ${service?.unit} as packages do; ` +
      'what is laid over it then follows from what it has brought',
    next: `provision goes on with that by itself; streamside plan shows it once the package is there`,
  }
}

function mountedFirst({ name, replica }: App): Warning {
  return {
    code: 'mounted-first',
    app: name,
    message: `what holds replica ${replica} is mounted first: it says who holds ${name}, and what number its user has`,
    next: 'provision goes on with that by itself; streamside plan shows it once that is mounted',
  }
}

/** Nothing of ours writes below a mount, but for a Litestream that is running while its replica is unmounted. */
function openBelow(observed: Observed): Warning[] {
  return [...observed.replicas].flatMap(([name, { below, path }]) => {
    const mode = Number.parseInt(below?.mode ?? '0', 8)
    if (below === null || ((mode & 0o002) === 0 && (below.owner === 'root' || (mode & 0o200) === 0))) return []
    return [
      {
        code: 'replica-open-below',
        message: `others than root may write to the directory that replica ${name} is mounted on (${below.owner}, mode ${below.mode}): when it is unmounted under a Litestream that runs, that could write there`,
        next: `while it is unmounted: chown root:root ${path} && chmod 0755 ${path}`,
      },
    ]
  })
}

/**
 * Drop-ins for all units whose names begin alike, and for all of a type (systemd.unit(5), `foo-.service.d`, `service.d`): they may be
 * meant for others, so they stay. Those for all that a package or systemd itself has are everybody's.
 */
function byPrefix({ resources }: HostState, { units }: Observed): Warning[] {
  const own = resources.flatMap((resource) =>
    resource.kind === 'unit' && resource.adopted !== true && !resource.packaged ? [resource.name] : [],
  )
  const found = new Map<string, string[]>()
  for (const name of own)
    for (const file of units.get(name)?.dropInPaths ?? [])
      if (/^\/(etc|run|lib|usr\/lib|usr\/local\/lib)\/systemd\/.*-\.[a-z]+\.d\/[^/]+$/.test(file) || isForAll(file))
        found.set(file, [...(found.get(file) ?? []), name])
  return [...found].map(([file, names]) => ({
    code: 'drop-in-by-prefix',
    message: `${file} changes ${names.join(', ')}, too: it is for every unit ${isForAll(file) ? 'of its kind' : 'whose name begins so'}`,
    next: `streamside leaves it, for it may be meant for others. If it is not meant for these, put what it says into drop-ins of the units that it is for`,
  }))
}

function dataLeft(app: string, recorded: Manifest): Warning {
  const unit = recorded.services?.[app]?.unit
  const place = recorded.replicas?.[app]
  const replica = place === undefined ? 'its replica' : `its replica (${place})`
  const user = isReplicated(app, recorded) ? `, its user and ${replica}` : ' and its user'
  if (unit !== undefined)
    return {
      code: 'given-back',
      app,
      message: `${app} leaves this host; ${unit} is as it was before, with its data, and ${replica} is left`,
      next: 'from now on nothing it writes is replicated; remove the replica yourself once nobody will want it back',
    }
  const laid = recorded.data?.[app]?.databases
  const outside = Object.values(laid ?? {}).filter((file) => !isWithin(file, stateDirectory(app)))
  // what an earlier version has set up is not on record
  const unknown = laid === undefined && isReplicated(app, recorded) ? ', and databases that lie elsewhere' : ''
  const elsewhere = outside.map((file) => `, ${file}`).join('')
  return {
    code: 'data-left',
    app,
    message: `${app} leaves this host; /var/lib/${app}${elsewhere}${user} are left${unknown}`,
    next: 'remove them yourself once nobody will want them back',
  }
}

/** A restore needs room beside the database, Litestream keeps the newest transactions, and the WAL grows between them. */
const ephemeralFactor = 3

function smallStorage(state: HostState, observed: Observed): Warning[] {
  return state.apps.flatMap((app) => {
    if (app.storage.kind !== 'ephemeral') return []
    const bytes = Object.values(app.databases).reduce(
      (sum, path) => sum + (observed.databases.get(path)?.bytes ?? 0),
      0,
    )
    const { sizeBytes } = app.storage
    if (sizeBytes >= ephemeralFactor * bytes) return []
    return [
      {
        code: 'ephemeral-small',
        app: app.name,
        message:
          `the ephemeral storage of ${app.name} has ${mebibytes(sizeBytes)}, less than three times its databases ` +
          `(${mebibytes(bytes)}): a restore may not fit`,
        next: `set  storage: { ephemeral: ${mebibytes(Math.ceil((4 * bytes) / 2 ** 20) * 2 ** 20)} }  or more`,
      },
    ]
  })
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)}M`
}
