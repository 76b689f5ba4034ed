import { posix } from 'node:path'
import { isWithin, onHost } from '../paths.ts'
import { mistake, type Reading } from '../reading.ts'
import { shown } from '../show.ts'

/**
 * Ephemeral storage is a tmpfs over the folder of the databases (src/desired/storage.ts): it is one folder, and what else was
 * laid into it would be gone after each boot.
 */
export function checkEphemeralFolders(reading: Reading): void {
  for (const [name, app] of reading.entries.apps) {
    if (typeof app.storage !== 'object') continue
    const databases: [path: string, at: readonly PropertyKey[]][] = Object.entries(app.databases ?? {}).map(
      ([db, path]) => [onHost(name, path), ['apps', name, 'databases', db]],
    )
    if (app.database !== undefined) databases.push([onHost(name, app.database), ['apps', name, 'database']])
    const [first] = databases
    if (first === undefined) {
      mistake(
        reading,
        ['apps', name, 'storage'],
        'ephemeral storage without a database: there is nothing to bring back',
      )
      continue
    }
    const folder = posix.dirname(first[0])
    for (const [path, at] of databases)
      if (posix.dirname(path) !== folder)
        mistake(reading, at, `ephemeral storage is one folder, and the first database lies in ${shown(folder)}`)
    for (const file of Object.keys(app.files ?? {}))
      if (isWithin(onHost(name, file), folder))
        mistake(
          reading,
          ['apps', name, 'files', file],
          `lies in ${shown(folder)}, which is ephemeral: it would be gone after a reboot`,
          'give the databases a folder of their own',
          'key',
        )
  }
}
