import path from 'node:path'
import { encodeField } from '../host/host-encoding.ts'
import type { PayloadFile } from '../host/payload.ts'
import { type App, countedFolder, stateDirectory, unitOf } from '../inventory/model.ts'
import { hostProgram } from '../templates/render.ts'

/** The units of an app that `status` asks for. */
export function unitsOf(app: Pick<App, 'name' | 'databases' | 'service'>): string[] {
  const gated = Object.keys(app.databases).length > 0
  return [
    unitOf(app),
    ...(gated ? [`${app.name}-litestream.service`, `${app.name}-gate.service`, `${app.name}-check.timer`] : []),
  ]
}

/** What goes to a host beside a probe: `status.sh` is then the program to run among the files. */
export function statusPayload(apps: App[]): PayloadFile[] {
  const programs = [
    'status.sh',
    'status/app.sh',
    'status/health.sh',
    'status/left.sh',
    'status/loose.sh',
    'status/position.sh',
    'numbers.sh',
  ]
  return [
    ...programs.map((name) => ({ name, content: hostProgram(name) })),
    {
      name: 'status-units',
      content: apps
        .flatMap(unitsOf)
        .map((unit) => `${unit}\n`)
        .join(''),
    },
    {
      name: 'status-places',
      content: placesOf(apps)
        .map((place) => `${encodeField(place)}\n`)
        .join(''),
    },
    ...apps.map((app) => ({ name: `status-apps/${app.name}`, content: knownOf(app) })),
  ]
}

/** The folders whose file systems matter: the host's own, and those that state of apps lies in. */
function placesOf(apps: App[]): string[] {
  const folders = apps.flatMap((app) => [
    ...(app.service === null ? [stateDirectory(app.name)] : []),
    ...Object.values(app.databases).map((file) => path.posix.dirname(file)),
  ])
  return [...new Set(['/', '/var/lib', '/opt', ...folders])]
}

/** What is known of an app's state directory: lines for templates/host/status/loose.sh. */
export function knownOf(app: App): string {
  // What else lies beside the databases of somebody else's unit is no business of streamside's.
  const folder = countedFolder(app)
  if (folder === null) return 'elsewhere\t-\n'
  const state = `${folder}/`
  const below = (kind: string, paths: string[]) =>
    paths
      .map((path) => (path.startsWith('/') ? path : `${state}${path}`))
      .filter((path) => path.startsWith(state))
      .map((path) => [kind, path.slice(state.length)] as const)
  const lines: (readonly [string, string])[] = [
    ...below('db', Object.values(app.databases)),
    ...below('file', Object.keys(app.files)),
    ...app.unprotected.map((each) => ['accepted', acceptedPath(each)] as const),
  ]
  if (app.service !== null) lines.unshift(['folder', folder])
  return lines.map(([kind, path]) => `${kind}\t${encodeField(path)}\n`).join('')
}

/** `./images/` and `images` are the same; `.` is the whole directory. */
export function acceptedPath(path: string): string {
  return path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/')
}
