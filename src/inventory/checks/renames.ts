import { mistake, type Reading } from '../reading.ts'
import { shown } from '../show.ts'
import { appName } from './names.ts'

/** `was:` names one app that there is no more, and whose data are on the hosts' disks to be taken along. */
export function checkRenames(reading: Reading): void {
  const { apps } = reading.entries
  const renamed = new Map<string, string>()
  for (const [name, { was, storage }] of apps) {
    if (was === undefined) continue
    const path = ['apps', name, 'was']
    const other = renamed.get(was)
    const wrong =
      was === name
        ? 'the name that it has now'
        : appName(was) !== null
          ? 'no app can have had this name'
          : apps.has(was)
            ? `${shown(was)} is an app of this inventory`
            : other !== undefined
              ? `${shown(other)} was ${shown(was)} too; one app becomes one`
              : null
    if (wrong !== null) mistake(reading, path, wrong, 'the name that the app had before: was: gotify')
    else if (typeof storage === 'object')
      mistake(reading, path, 'an app with ephemeral storage cannot be renamed: its files are gone once it has stopped')
    renamed.set(was, name)
  }
}
