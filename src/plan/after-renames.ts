import type { Observed } from '../host/observed.ts'
import { type App, stateDirectory } from '../inventory/model.ts'
import { Problem } from '../problem.ts'
import { type Manifest, readManifest } from './manifest.ts'
import { earlierNames, type Rename, renamesOn } from './renames.ts'

/**
 * What a host will show once its renames are done: the user of the earlier name is the user of the new one, with its uid, so
 * nothing of the app's files changes its owner.
 * @throws Problem `rename-clash` when a name is wanted by two, or the host has an app or a user of both names; `rename-done` when
 *   an app would be made anew under a name that another one here has given up
 */
export function afterRenames(observed: Observed, apps: readonly App[], host: string): Observed {
  const renames = renamesOn(apps, observed)
  const recorded = readManifest(observed.manifest)
  refuseGivenAway(observed, apps, renames, recorded, host)
  if (renames.length === 0) return observed
  const users = new Map(observed.users)
  for (const rename of renames) {
    refuseClash(rename, { observed, recorded, renames, apps, host })
    const { from, to, halves } = rename
    const names = [...new Set([from, ...halves, to])]
    const account = names.flatMap((name) => observed.users.get(name) ?? [])[0]
    if (!account) continue
    for (const name of names) users.delete(name)
    users.set(to, { ...account, home: stateDirectory(to) })
  }
  return { ...observed, users }
}

function refuseClash(
  { from, to, halves }: Rename,
  given: { observed: Observed; recorded: Manifest; renames: readonly Rename[]; apps: readonly App[]; host: string },
): void {
  const { observed, recorded, renames, apps, host } = given
  const clash = (found: string, next: string) =>
    new Problem({ code: 'rename-clash', doing: `renaming ${from} to ${to} on ${host}`, found, next, host, app: to })
  const other = renames.find((each) => each.from === from && each.to !== to)
  if (other)
    throw clash(
      `${to} and ${other.to} both say that they were ${from}`,
      `take was: out of the one that was not, in the inventory`,
    )
  const half = apps.find(({ name }) => halves.includes(name))
  if (half)
    throw clash(
      `a rename of ${from} to ${half.name} was cut off, so that its user and its files may be called ${half.name}`,
      `take ${half.name} out of the inventory, run provision, which gives them the name ${to}, and add ${half.name} after that`,
    )
  if (from !== to && recorded.apps.includes(to))
    throw clash(
      `${host} has an app of each name`,
      `${to} has data of its own: take was: ${from} out of ${to} in the inventory, or give the renamed app another name`,
    )
  const users = [...new Set([from, ...halves, to])].filter((name) => observed.users.has(name))
  if (users.length > 1)
    throw clash(
      `${host} has a user of each name`,
      `give the renamed app another name, or remove the user ${users.includes(to) ? to : users.at(-1)} on ${host} (userdel ${users.includes(to) ? to : users.at(-1)}) when nothing needs it`,
    )
}

/** Its claim would have it take up what it was before the rename, beside or instead of what that has become since. */
function refuseGivenAway(
  observed: Observed,
  apps: readonly App[],
  renames: readonly Rename[],
  recorded: Manifest,
  host: string,
): void {
  for (const { name } of apps) {
    if (recorded.apps.includes(name) || observed.apps.get(name)?.claimed !== true) continue
    if (renames.some(({ to }) => to === name)) continue
    const heirs = Object.keys(recorded.was ?? {}).filter((each) => earlierNames(each, recorded).includes(name))
    const heir = heirs.find((each) => recorded.apps.includes(each)) ?? heirs[0]
    if (heir === undefined) continue
    throw new Problem({
      code: 'rename-done',
      doing: `planning ${name} on ${host}`,
      found: `what was ${name} there is called ${heir} since, with its data and its user`,
      next: recorded.apps.includes(heir)
        ? `to call it ${name} again, put ${name} with was: ${heir} in the place of ${heir} in the inventory; a new app needs another name`
        : `to have its data, call the app ${heir} in the inventory; a new app needs another name`,
      host,
      app: name,
    })
  }
}
