import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { App, Host } from '../inventory/model.ts'
import { stateDirectory } from '../inventory/model.ts'
import { revealed, Secret } from '../inventory/secret.ts'
import { Problem } from '../problem.ts'
import { environmentLine } from '../templates/quote.ts'
import { render, renderText } from '../templates/render.ts'
import type { FileResource, Resource } from './resources.ts'

/** Where an app's releases live; `current` beside them names the one that runs. */
export function releasesDirectory(app: string): string {
  return `/opt/${app}/releases`
}

export function currentLink(app: string): string {
  return `/opt/${app}/current`
}

/** The folder of everything streamside keeps for an app in /etc; root only, for it holds secrets. */
export function configDirectory(app: string): string {
  return `/etc/streamside/apps/${app}`
}

/** Seconds an app's start may take, its gate included: a restore of many gigabytes from a slow bucket (TimeoutStartSec=). */
export const startLimitSeconds = 6 * 60 * 60

/** Seconds an app has to stop in order before it is killed (TimeoutStopSec=). */
export const stopLimitSeconds = 30

export interface AppOnHost {
  app: App
  host: Host
  uid: number
  gid: number
  release: { digest: string; tar: string; bytes: number }
}

/** Everything of an app but its gate and Litestream: accounts, folders, release, environment, files and its unit. */
export function appResources({ app, host, uid, gid, release }: AppOnHost): Resource[] {
  const state = stateDirectory(app.name)
  const config = configDirectory(app.name)
  const unit = `${app.name}.service`
  const files = Object.entries(app.files).map(([target, file]) => userFile(app, host, target, file))
  const environment = environmentFiles(app)
  return [
    ...app.packages.map((name) => ({ kind: 'package', name }) as const),
    { kind: 'user', name: app.name, home: state, uid, gid },
    { kind: 'directory', path: config, mode: '0700', owner: 'root', group: 'root' },
    { kind: 'directory', path: state, mode: '0750', owner: app.name, group: app.name },
    ...parentsBelow(state, [...Object.values(app.databases), ...files.map((file) => file.path)]).map(
      (directory) =>
        ({ kind: 'directory', path: directory, mode: '0750', owner: app.name, group: app.name, as: app.name }) as const,
    ),
    {
      kind: 'release',
      app: app.name,
      digest: release.digest,
      path: `${releasesDirectory(app.name)}/${release.digest}`,
      tar: release.tar,
      bytes: release.bytes,
      keep: app.release.keep,
    },
    { kind: 'link', path: currentLink(app.name), target: `${releasesDirectory(app.name)}/${release.digest}` },
    ...environment,
    ...files,
    {
      kind: 'file',
      path: `/etc/systemd/system/${unit}`,
      mode: '0644',
      owner: 'root',
      group: 'root',
      content: appUnit(app, state),
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
        ...environment.map((file) => file.path),
        ...files.map((file) => file.path),
      ],
    },
  ]
}

/** argv of the app on the host: a relative path starts at the release, a bare word is looked up in PATH. */
export function resolvedCommand(app: App): string[] {
  const [program, ...args] = app.release.command
  if (program === undefined) return []
  const resolved =
    program.includes('/') && !program.startsWith('/') ? path.posix.join(currentLink(app.name), program) : program
  return [resolved, ...args]
}

function appUnit(app: App, state: string): string {
  const databases = Object.values(app.databases)
  return render('systemd/app.service.hbs', {
    app: app.name,
    description: `${app.name} (run by streamside)`,
    gated: databases.length > 0,
    state,
    command: resolvedCommand(app),
    workingDirectory: app.release.workingDirectory === 'release' ? currentLink(app.name) : state,
    secrets: Object.values(app.environment).some((value) => value instanceof Secret),
    writable: [...new Set(databases.map((file) => path.posix.dirname(file)))].filter(
      (directory) => directory !== state && !directory.startsWith(`${state}/`),
    ),
    lowPort: app.port !== null && app.port < 1024,
    memoryDenyWriteExecute: app.sandbox.memoryDenyWriteExecute,
    startLimitSeconds,
    stopLimitSeconds,
  })
}

/** Secrets stand in a file of their own, so that the other one can be shown in a diff. */
function environmentFiles(app: App): FileResource[] {
  const open: string[] = app.port === null ? [] : [environmentLine('PORT', String(app.port))]
  const closed: string[] = []
  const secrets: Secret[] = []
  for (const [name, value] of Object.entries(app.environment)) {
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

function userFile(app: App, host: Host, target: string, file: App['files'][string]): FileResource {
  const content = userFileContent(app, host, target, file)
  const secrets = Object.values(app.environment)
    .filter((value) => value instanceof Secret)
    .filter((secret) => secret.reveal() !== '' && content.includes(secret.reveal()))
  return {
    kind: 'file',
    path: target.startsWith('/') ? target : path.posix.join(stateDirectory(app.name), target),
    mode: file.mode,
    owner: app.name,
    group: app.name,
    as: app.name,
    content,
    ...(secrets.length > 0 ? { secrets, opaque: true } : {}),
  }
}

function userFileContent(app: App, host: Host, target: string, file: App['files'][string]): string | Buffer {
  const bytes = readFileSync(file.from)
  if (!file.template) return bytes
  const source = bytes.toString('utf8')
  try {
    return renderText(
      source,
      {
        app: { name: app.name, port: app.port ?? '', state: stateDirectory(app.name), release: currentLink(app.name) },
        host: { name: host.name, address: host.address },
        databases: app.databases,
        env: Object.fromEntries(Object.entries(app.environment).map(([name, value]) => [name, revealed(value)])),
      },
      file.from,
    )
  } catch (error) {
    throw new Problem({
      code: 'template',
      doing: `rendering ${target} of ${app.name} from ${file.from}`,
      found: error instanceof Error ? error.message : String(error),
      next: 'mend the template; `template: false` copies the file as it is',
      host: host.name,
      app: app.name,
      exit: 2,
      cause: error,
    })
  }
}

/** Folders between the state directory and what lies deeper in it, outermost first. */
function parentsBelow(state: string, paths: string[]): string[] {
  const found = new Set<string>()
  for (const file of paths) {
    let directory = path.posix.dirname(file)
    while (directory.startsWith(`${state}/`)) {
      found.add(directory)
      directory = path.posix.dirname(directory)
    }
  }
  return [...found].sort()
}
