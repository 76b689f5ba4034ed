import { posix } from 'node:path'
import type { AppEntry } from '../entries.ts'
import { mistake, type Reading, warning } from '../reading.ts'
import { loggedAs } from '../model.ts'
import { shown } from '../show.ts'

/** Keys of an app that mean a release's user or folders; of a service none of them is streamside's. */
const releaseOnly: Record<string, string> = {
  was: 'take the old name out with --prune, then adopt it under the new one',
}

/** What belongs together in an app that is a service, and that no two adopt the same unit of a host. */
export function checkServices(reading: Reading): void {
  const { apps, root } = reading.entries
  const entries = root.entries.get('apps')?.value
  /** By host and unit. */
  const adopted = new Map<string, string>()
  for (const [name, app] of apps) {
    const entry = entries?.kind === 'map' ? entries.entries.get(name)?.value : undefined
    if (entry?.kind !== 'map') continue
    const path = ['apps', name]
    if (!entry.entries.has('service')) {
      if (app.litestream?.wal !== undefined)
        warning(
          reading,
          [...path, 'litestream', 'wal'],
          'has no effect: a release makes its databases itself, and Litestream switches them',
        )
      continue
    }
    if (entry.entries.has('release')) continue
    for (const [key, instead] of Object.entries(releaseOnly))
      if (entry.entries.has(key)) mistake(reading, [...path, key], 'not yet supported for a service', instead, 'key')
    if (typeof app.storage === 'object')
      mistake(
        reading,
        [...path, 'storage'],
        'a service keeps its databases where they are: a tmpfs over their folder would hide what else its package has there',
        'storage: persistent, or a release instead of a service',
        'key',
      )
    checkUnprotected(reading, name)
    const { service } = app
    if (service?.package !== undefined && service.from !== undefined)
      mistake(
        reading,
        [...path, 'service', 'from'],
        'takes package or from, not both',
        'what else it needs: packages: […]',
        'key',
      )
    const unit = service?.unit
    if (unit === undefined) continue
    const at = [...path, 'service', 'unit']
    const own = [...apps].find(([other, { service: theirs }]) => theirs === undefined && isUnitOf(other, unit))
    if (own || isHelperOf([...apps.keys()], unit)) {
      mistake(reading, at, own ? `is the unit of the app ${shown(own[0])}` : 'is a unit that streamside makes')
      continue
    }
    if (/^(ssh|sshd|dbus|dbus-broker|init|systemd-.*|user@.*|getty@.*)\.service$/.test(unit))
      mistake(reading, at, `the host cannot be reached, or not be started, while ${unit} is held back`)
    for (const host of hostsOf(app)) {
      const key = `${host} ${unit}`
      const earlier = adopted.get(key)
      if (earlier === undefined) adopted.set(key, name)
      else
        mistake(
          reading,
          at,
          `${unit} of ${shown(host)} is adopted by ${shown(earlier)} already`,
          'one app may have several databases',
        )
    }
    checkLogsAs(reading, name)
    const program = app.health?.command?.[0]
    if (program !== undefined && program.includes('/') && !program.startsWith('/'))
      mistake(
        reading,
        [...path, 'health', 'command'],
        'a service has no release: the program by its absolute path, or by its name',
      )
  }
}

/** A line goes to the file of one app. */
function checkLogsAs(reading: Reading, name: string): void {
  const { apps } = reading.entries
  const hosts = hostsOf(apps.get(name))
  const others = [...apps].filter(([other, app]) => other !== name && hostsOf(app).some((host) => hosts.includes(host)))
  for (const [n, logged] of (apps.get(name)?.service?.['logs-as'] ?? []).entries()) {
    const owner = others.find(
      ([other, { service }]) =>
        [other, ...helpersOf(other)].includes(logged) ||
        (service?.unit !== undefined &&
          loggedAs({ unit: service.unit, logsAs: service['logs-as'] ?? [] }).includes(logged)),
    )
    if (owner)
      mistake(
        reading,
        ['apps', name, 'service', 'logs-as', n],
        `is a name that the app ${shown(owner[0])} logs by there`,
      )
  }
}

/** Of a service only that folder is looked through, and only where the inventory says what in it is known to be in no replica. */
function checkUnprotected(reading: Reading, name: string): void {
  const app = reading.entries.apps.get(name)
  if (app?.unprotected === undefined) return
  const path = ['apps', name, 'unprotected']
  const databases = [app.database ?? [], Object.values(app.databases ?? {})].flat()
  const [folder, ...others] = new Set(databases.map((file) => posix.dirname(file)))
  if (folder === undefined || others.length > 0) {
    const why = folder === undefined ? 'has no database' : 'has databases in several folders'
    mistake(reading, path, `a service that ${why} has no folder to look through`, undefined, 'key')
  } else if (app.unprotected.length === 0)
    mistake(reading, path, 'names nothing', `what else ${folder} holds, or leave it out`)
}

function isUnitOf(app: string, unit: string): boolean {
  return unit === `${app}.service`
}

function isHelperOf(apps: string[], unit: string): boolean {
  return apps.some((app) => helpersOf(app).some((helper) => unit === `${helper}.service`))
}

function helpersOf(app: string): string[] {
  return ['gate', 'litestream', 'check'].map((part) => `${app}-${part}`)
}

function hostsOf(app: AppEntry | undefined): string[] {
  return [...new Set([app?.host ?? [], app?.hosts ?? []].flat())]
}
