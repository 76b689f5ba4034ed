import { posix, resolve } from 'node:path'
import { stateDirectory } from './model.ts'

/** Absolute path on the operator's machine of a path in the inventory; `~/` is the user's home. */
export function onOperator(folder: string, path: string): string {
  return resolve(folder, path)
}

/** Absolute path on the host of a path that is relative to the app's state directory unless absolute. */
export function onHost(app: string, path: string): string {
  return posix.resolve(stateDirectory(app), path)
}

/** True when `path` is `folder` itself or lies below it. Both absolute and normalised. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`)
}

/** Why a path cannot be one of a host's, or null. What is relative must stay in its folder. */
export function wrongPath(path: string): string | null {
  if (path.split('/').includes('..')) return 'a path cannot hold ..'
  // what the gate puts aside lies there, and is counted as that
  if (path.split('/').some((part) => part.startsWith('.streamside-')))
    return 'names that begin with .streamside- are ours'
  if (path.endsWith('/') || path === '.' || path.endsWith('/.')) return 'names a folder, not a file'
  return null
}

/**
 * Folders in which nothing of an app belongs: the system's, streamside's own, and those that the sandbox of the app's unit
 * replaces (/tmp, /run by PrivateTmp= and RuntimeDirectory=) or hides (/home, /root by ProtectHome=, systemd.exec(5)).
 */
const closed = [
  '/etc',
  '/usr',
  '/boot',
  '/proc',
  '/sys',
  '/dev',
  '/run',
  '/tmp',
  '/var/tmp',
  '/var/run',
  '/bin',
  '/sbin',
  '/lib',
  '/lib64',
  '/root',
  '/home',
  '/var/lib/streamside',
  '/var/log',
  '/var/cache',
  '/opt/streamside',
]

/** Where packages keep databases of their own, and a release's app has nothing to seek. */
const packages = new Set(['/etc', '/usr', '/var/log', '/var/cache'])

/** Why an absolute path cannot hold a database of an app, or null. */
export function closedFolder(path: string, isService = false): string | null {
  const folder = closed.find((each) => isWithin(path, each) && !(isService && packages.has(each)))
  if (folder === undefined) return null
  if (folder === '/home' || folder === '/root')
    return isService
      ? `${folder} is hidden from Litestream and the gate by their sandbox`
      : `${folder} is hidden from the app by its sandbox`
  if (folder.endsWith('/streamside')) return `${folder} is streamside's own`
  return /tmp|run/.test(folder) ? `${folder} does not outlive a reboot` : `${folder} belongs to the system`
}
