import type { HostState } from '../desired/host-state.ts'
import type { Observed } from '../host/observed.ts'
import type { HostPlan } from './change.ts'
import type { Manifest } from './manifest.ts'

type Warning = HostPlan['warnings'][number]

/** What should be known about a host although nothing is done about it. */
export function planWarnings(state: HostState, recorded: Manifest, observed: Observed): Warning[] {
  return [...leftApps(state, recorded), ...smallStorage(state, observed)]
}

function leftApps(state: HostState, recorded: Manifest): Warning[] {
  const apps = new Set(state.apps.map((app) => app.name))
  return recorded.apps
    .filter((app) => !apps.has(app))
    .map((app) => ({
      code: 'app-left',
      app,
      message: `${app} is no longer in the inventory for this host; its units, data and replica are left as they are`,
      next: 'put it back into the inventory, or stop it on the host with systemctl',
    }))
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
