import { isDirectory } from '../inventory/entries.ts'
import { valueAt } from '../inventory/tree.ts'
import { type Draft, mistake } from '../inventory/reading.ts'
import { notCarriedByFile } from '../templates/quote.ts'
import { wrongCommand } from './command.ts'
import { mountUnitName } from './storage.ts'
import { draftApps } from './draft-app.ts'

/** Bytes of a unit's name, its suffix included; UNIT_NAME_MAX of systemd's unit-name.h, less its NUL. */
const longestUnitName = 255

/** What systemd could not hand to an app or to Litestream, or make a unit of: commands, environment, keys, the mount of ephemeral storage. */
export function checkCarried(draft: Draft): void {
  checkKeys(draft)
  const { apps, root } = draft.entries
  for (const { app, ephemeralFolder } of draftApps(draft)) {
    const entry = apps.get(app.name)
    for (const [at, command] of [
      [['release', 'command'], entry?.release?.command],
      [['health', 'command'], entry?.health?.command],
    ] as const) {
      const wrong = command === undefined ? null : wrongCommand(app.name, command)
      if (wrong === null) continue
      const path = ['apps', app.name, ...at]
      const isList = valueAt(root, path)?.kind === 'list'
      mistake(draft, isList ? [...path, wrong.word] : path, wrong.found, wrong.next)
    }
    for (const [name, value] of Object.entries(app.environment ?? {})) {
      const wrong = notCarriedByFile(name, typeof value === 'string' ? value : value.reveal())
      if (wrong !== null)
        mistake(
          draft,
          ['apps', app.name, 'environment', name],
          typeof value === 'string' ? wrong : `the value of the secret ${value.label} ${wrong}`,
          'hand it over in a file of the app instead',
        )
    }
    if (ephemeralFolder !== null && mountUnitName(ephemeralFolder.folder).length > longestUnitName)
      mistake(
        draft,
        ephemeralFolder.at,
        'the folder of ephemeral storage has too long a name for the unit that mounts it',
        `escaped as systemd does it, at most ${longestUnitName} characters; letters and digits count once, others fourfold`,
      )
  }
}

/** Litestream has them from its environment. */
function checkKeys(draft: Draft): void {
  for (const [name, replica] of draft.entries.replicas) {
    if (isDirectory(replica)) continue
    for (const [key, variable] of [
      ['access-key-id', 'AWS_ACCESS_KEY_ID'],
      ['secret-access-key', 'AWS_SECRET_ACCESS_KEY'],
    ] as const) {
      const secret = draft.secrets.get(replica[key]?.description ?? '')
      const wrong = secret === undefined ? null : notCarriedByFile(variable, secret.reveal())
      if (secret !== undefined && wrong !== null)
        mistake(
          draft,
          ['replicas', name, key],
          `the value of the secret ${secret.label} ${wrong}`,
          'is it the key itself, and not a file with more in it?',
        )
    }
  }
}
