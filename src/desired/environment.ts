import type { App } from '../inventory/model.ts'
import { Secret } from '../inventory/secret.ts'
import { Problem } from '../problem.ts'
import { environmentLine, notCarriedByFile } from '../templates/quote.ts'
import { configDirectory } from './places.ts'
import type { FileResource } from './resources.ts'

/**
 * The environment of an app as files for `EnvironmentFile=`, which root alone can read. Secrets stand in a file of their own, so that the other one can be shown in a diff.
 * @param first lines before those of the inventory
 * @throws Problem `environment` for a value that systemd could not hand over
 */
export function environmentFiles(app: App, first: string[] = []): FileResource[] {
  const open = [...first]
  const closed: string[] = []
  const secrets: Secret[] = []
  for (const [name, value] of Object.entries(app.environment)) {
    const wrong = notCarriedByFile(name, value instanceof Secret ? value.reveal() : value)
    if (wrong !== null)
      throw new Problem({
        code: 'environment',
        doing: `reading the environment of ${app.name}`,
        found: `${name} ${wrong}`,
        next: value instanceof Secret ? `mend the secret ${value.label}` : 'mend it, or put it into a file of the app',
        app: app.name,
        exit: 2,
      })
    if (value instanceof Secret) {
      closed.push(environmentLine(name, value.reveal()))
      secrets.push(value)
    } else {
      open.push(environmentLine(name, value))
    }
  }
  const file = (name: string, lines: string[]) =>
    ({
      kind: 'file',
      path: `${configDirectory(app.name)}/${name}`,
      mode: '0600',
      owner: 'root',
      group: 'root',
      content: lines.map((line) => `${line}\n`).join(''),
    }) as const
  return closed.length === 0
    ? [file('app.env', open)]
    : [file('app.env', open), { ...file('app.secret.env', closed), secrets, opaque: true }]
}
