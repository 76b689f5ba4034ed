import path from 'node:path'
import type { PackedRelease } from '../artifacts/release.ts'
import type { App, Host, Release } from '../inventory/model.ts'
import { stateDirectory } from '../inventory/model.ts'
import { Secret } from '../inventory/secret.ts'
import { environmentLine } from '../templates/quote.ts'
import { render } from '../templates/render.ts'
import { resolvedCommand } from './command.ts'
import { environmentFiles } from './environment.ts'
import { configDirectory, currentLink, releasesDirectory } from './places.ts'
import { impliedFolder, type Resource } from './resources.ts'
import { foldersOf, userFile } from './user-files.ts'

/** Seconds an app has to stop in order before it is killed (TimeoutStopSec=). */
export const stopLimitSeconds = 30

export { configDirectory }

export interface AppOnHost {
  app: App
  host: Host
  uid: number
  gid: number
  /** How it is run, and what was packed of it. */
  release: Release
  packed: Pick<PackedRelease, 'digest' | 'tar' | 'bytes' | 'entries'>
}

/** Everything of an app but its gate and Litestream: accounts, folders, release, environment, files and its unit. */
export function appResources({ app, host, uid, gid, release, packed }: AppOnHost): Resource[] {
  const state = stateDirectory(app.name)
  const config = configDirectory(app.name)
  const unit = `${app.name}.service`
  const files = Object.entries(app.files).map(([target, file]) => userFile(app, host, target, file))
  const environment = environmentFiles(app, app.port === null ? [] : [environmentLine('PORT', String(app.port))])
  return [
    ...app.packages.map((name) => ({ kind: 'package', name }) as const),
    { kind: 'user', name: app.name, home: state, uid, gid },
    { kind: 'directory', path: config, mode: '0700', owner: 'root', group: 'root' },
    { kind: 'directory', path: state, mode: '0750', owner: app.name, group: app.name },
    ...foldersOf(app, files),
    impliedFolder(`/opt/${app.name}`, '0755', { mayBeLink: true }),
    impliedFolder(releasesDirectory(app.name), '0755'),
    {
      kind: 'release',
      app: app.name,
      digest: packed.digest,
      path: `${releasesDirectory(app.name)}/${packed.digest}`,
      tar: packed.tar,
      bytes: packed.bytes,
      entries: packed.entries,
      keep: release.keep,
    },
    { kind: 'link', path: currentLink(app.name), target: `${releasesDirectory(app.name)}/${packed.digest}` },
    ...environment,
    ...files,
    {
      kind: 'file',
      path: `/etc/systemd/system/${unit}`,
      mode: '0644',
      owner: 'root',
      group: 'root',
      content: appUnit(app, release, state),
      validate: 'unit',
    },
    {
      kind: 'unit',
      name: unit,
      enabled: true,
      active: true,
      app: app.name,
      runsFrom: [
        `/etc/systemd/system/${unit}`,
        currentLink(app.name),
        `${releasesDirectory(app.name)}/${packed.digest}`,
        ...environment.map((file) => file.path),
        ...files.map((file) => file.path),
      ],
    },
  ]
}

function appUnit(app: App, release: Release, state: string): string {
  const databases = Object.values(app.databases)
  return render('systemd/app.service.hbs', {
    app: app.name,
    description: `${app.name} (run by streamside)`,
    gated: databases.length > 0,
    state,
    command: resolvedCommand(app, release.command),
    workingDirectory: release.workingDirectory === 'release' ? currentLink(app.name) : state,
    secrets: Object.values(app.environment).some((value) => value instanceof Secret),
    writable: [...new Set(databases.map((file) => path.posix.dirname(file)))].filter(
      (directory) => directory !== state && !directory.startsWith(`${state}/`),
    ),
    lowPort: app.port !== null && app.port < 1024,
    drainFile: app.drain?.file,
    memoryDenyWriteExecute: app.sandbox.memoryDenyWriteExecute,
    stopLimitSeconds,
  })
}
