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
    const wrong = notMountable(folder)
    if (wrong !== null) {
      mistake(reading, first[1], `the folder of ephemeral storage ${wrong}`, 'systemd mounts it; give it a plain name')
      continue
    }
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

/**
 * What Where= of a mount unit cannot carry: it is taken as it stands, without quotes or escapes, and a line ends where it ends
 * (systemd.syntax(7); blanks at its end are cut off, a backslash there joins the next line).
 */
function notMountable(folder: string): string | null {
  if (/[\p{Cc}\u2028\u2029]/u.test(folder)) return 'has a line break or another control character in its name'
  if (/\s$/.test(folder)) return 'has a name that ends in a blank'
  if (folder.includes('\\')) return 'has a backslash in its name'
  if (!folder.isWellFormed() || /\p{Noncharacter_Code_Point}/u.test(folder)) return 'has a name that is no Unicode text'
  return null
}
