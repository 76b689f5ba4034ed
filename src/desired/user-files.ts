import { readFileSync } from 'node:fs'
import path from 'node:path'
import { type App, type Host, stateDirectory } from '../inventory/model.ts'
import { Secret } from '../inventory/secret.ts'
import { Problem } from '../problem.ts'
import { renderText, TemplateError } from '../templates/user-template.ts'
import { currentLink } from './places.ts'
import type { DirectoryResource, FileResource } from './resources.ts'

/**
 * A file of the user's for an app (`files:`).
 * @param owner whose it is; default: the app's own user
 * @throws Problem `file-unreadable`, `template`
 */
export function userFile(
  app: App,
  host: Host,
  target: string,
  file: App['files'][string],
  owner: { user: string; group: string } = { user: app.name, group: app.name },
): FileResource {
  const state = stateDirectory(app.name)
  const absolute = target.startsWith('/') ? target : path.posix.join(state, target)
  const used = new Set<Secret>()
  const content = file.template ? rendered(app, host, target, file.from, used) : read(app, target, file.from)
  for (const value of Object.values(app.environment))
    if (value instanceof Secret && value.reveal() !== '' && content.includes(value.reveal())) used.add(value)
  return {
    kind: 'file',
    path: absolute,
    mode: file.mode,
    owner: owner.user,
    group: owner.group,
    // Root must not write where the app decides what a path means.
    ...(absolute.startsWith(`${state}/`) ? { as: app.name } : {}),
    content,
    ...(used.size > 0 ? { secrets: [...used], opaque: true } : {}),
  }
}

/** The folders that databases and files need. */
export function foldersOf(app: App, files: FileResource[]): DirectoryResource[] {
  const state = stateDirectory(app.name)
  const paths = files.map((file) => file.path)
  const databases = Object.values(app.databases)
  const own = { kind: 'directory', mode: '0750', owner: app.name, group: app.name } as const
  const roots = { kind: 'directory', mode: '0750', owner: 'root', group: app.name } as const
  return [
    ...parentsBelow(state, [...databases, ...paths]).map((folder) => ({ ...own, path: folder, as: app.name })),
    ...parentsBelow('/etc', paths).map((folder) => ({ ...roots, path: folder })),
    ...databases.filter((file) => !file.startsWith(`${state}/`)).flatMap(foldersElsewhere.bind(null, app.name)),
  ]
}

/**
 * A file of the user's for a service, below /etc/<app>: root's, readable for the user of its databases. One that is there and was
 * not laid by us (a package's, somebody's own) stays, and is told of.
 */
export function serviceFile(
  app: App,
  host: Host,
  target: string,
  file: App['files'][string],
  group: string,
): FileResource {
  return userFile(app, host, target, file, { user: 'root', group })
}

/** The folders that a service's files need; one that is there stays as it is. */
export function serviceFoldersOf(files: FileResource[]): DirectoryResource[] {
  const paths = parentsBelow(
    '/etc',
    files.map((file) => file.path),
  )
  return paths.map((folder) => ({
    kind: 'directory',
    path: folder,
    onlyMade: true,
    mode: '0755',
    owner: 'root',
    group: 'root',
  }))
}

/** Outside of the state directory (a disk below /srv or /mnt) a folder that is there is somebody's, and stays as it is. */
function foldersElsewhere(app: string, file: string): DirectoryResource[] {
  const parents = parentsBelow(`/${file.split('/')[1] ?? ''}`, [file])
  const last = parents.at(-1)
  return parents.map((folder) => ({
    kind: 'directory',
    path: folder,
    onlyMade: true,
    ownOnceMade: true,
    ...(folder === last ? { mode: '0750', owner: app, group: app } : { mode: '0755', owner: 'root', group: 'root' }),
  }))
}

/** Folders between `folder` and what lies deeper in it, outermost first. */
function parentsBelow(folder: string, paths: string[]): string[] {
  const found = new Set<string>()
  for (const file of paths) {
    let directory = path.posix.dirname(file)
    while (directory.startsWith(`${folder}/`)) {
      found.add(directory)
      directory = path.posix.dirname(directory)
    }
  }
  return [...found].sort()
}

/** What a template may name: as much of an app as it sees. */
export type TemplateApp = Pick<App, 'name' | 'port' | 'environment' | 'databases'>

/**
 * The names that a template of an app has on one host.
 * @param read told of each secret that the template reads: in the result it may stand quoted beyond recognition
 */
export function templateContext(
  app: TemplateApp,
  host: Pick<Host, 'name' | 'address'>,
  read: (secret: Secret) => void = () => undefined,
): object {
  const env = {}
  for (const [name, value] of Object.entries(app.environment))
    Object.defineProperty(env, name, {
      enumerable: true,
      get: () => {
        if (!(value instanceof Secret)) return value
        read(value)
        return value.reveal()
      },
    })
  return {
    app: { name: app.name, port: app.port ?? '', state: stateDirectory(app.name), release: currentLink(app.name) },
    host: { name: host.name, address: host.address },
    databases: app.databases,
    env,
  }
}

function rendered(app: App, host: Host, target: string, from: string, used: Set<Secret>): string {
  const source = read(app, target, from).toString('utf8')
  try {
    return renderText(
      source,
      templateContext(app, host, (secret) => used.add(secret)),
    )
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error
    throw new Problem({
      code: 'template',
      doing: `rendering ${target} of ${app.name}`,
      found: `${from}:${error.line}:${error.column}: ${error.message}`,
      next: 'mend the template; `template: false` copies the file as it is',
      host: host.name,
      app: app.name,
      exit: 2,
      cause: error,
    })
  }
}

function read(app: App, target: string, from: string): Buffer {
  try {
    return readFileSync(from)
  } catch (error) {
    throw new Problem({
      code: 'file-unreadable',
      doing: `reading ${from}, which is to be ${target} of ${app.name}`,
      found: error instanceof Error ? error.message : String(error),
      next: `mend files: of ${app.name} in the inventory, or make the file readable`,
      app: app.name,
      exit: 2,
      cause: error,
    })
  }
}
