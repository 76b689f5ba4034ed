import { appsOn } from '../desired/host-state.ts'
import type { App, Host, Inventory } from '../inventory/model.ts'
import { exitCodes, Problem } from '../problem.ts'
import { appNamed } from './app-hosts.ts'

/**
 * An app of that host that has a database. `asked`: the command in words, and as it would be right for the host that has the app.
 * @throws Problem `app-unknown`, `app-elsewhere`, `app-without-data` (exit 2)
 */
export function restorableApp(
  inventory: Inventory,
  host: Host,
  name: string,
  asked: { doing: string; instead: (host: string) => string } = {
    doing: 'restoring',
    instead: (other) => `streamside restore ${other} --app ${name}`,
  },
): App {
  const app = appNamed(inventory, name)
  const about = { doing: `${asked.doing} ${name} on ${host.name}`, host: host.name, app: name, exit: exitCodes.usage }
  if (!app.hosts.includes(host.name))
    throw new Problem({
      ...about,
      code: 'app-elsewhere',
      found: `the inventory has it on ${app.hosts.join(', ')}`,
      next: asked.instead(app.hosts[0] ?? 'HOST'),
    })
  if (Object.keys(app.databases).length === 0)
    throw new Problem({
      ...about,
      code: 'app-without-data',
      found: 'it has no database in the inventory, so nothing of it is in a replica',
      next: 'name an app that has one, or leave --app out',
    })
  return app
}

/**
 * The app that is meant, of which there can be only one.
 * @param what what is of one app alone: `a transaction`
 * @throws Problem `restore-point-unclear` (exit 2)
 */
export function onlyOne(inventory: Inventory, host: Host, asked: readonly string[], what: string): string {
  const apps = asked.length > 0 ? asked : appsWithData(inventory, host)
  const [only] = apps
  if (only !== undefined && apps.length === 1) return only
  throw new Problem({
    code: 'restore-point-unclear',
    doing: `restoring ${what} of ${host.name}`,
    found:
      apps.length === 0
        ? 'the inventory has no app with a database there'
        : `${what} is one app's, and this is about ${apps.length} (${apps.join(', ')})`,
    next: 'name it: --app NAME',
    host: host.name,
    exit: exitCodes.usage,
  })
}

function appsWithData(inventory: Inventory, host: Host): string[] {
  return appsOn(inventory, host.name)
    .filter(({ databases }) => Object.keys(databases).length > 0)
    .map(({ name }) => name)
}
