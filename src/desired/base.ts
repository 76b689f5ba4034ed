import { readdirSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { hostProgram, templatesDirectory } from '../templates/render.ts'
import { type FileResource, impliedFolder, type Resource } from './resources.ts'
import { sha256 } from './runs-from.ts'

/** Where the programs that run on a host live: a folder a version, `current`, a link to the one in use, and `launch`. */
export const programsDirectory = '/usr/local/lib/streamside'

/** The version in use. */
export const versionLink = `${programsDirectory}/current`

/** Follows the link once for each program that a unit starts: it lies beside the versions and belongs to none. */
const launch = 'launch'

// Not kept on the host: they travel with each probe and each transaction.
const travelling =
  /^((probe|tree|look|services|replicas|directory-store|status|logs|start|survey)\.sh|(apply|probe|status)\/)/

// All that a host without a database needs of them.
const ungated = new Set(['record-start.sh'])

// For log servers alone.
const receiving = new Set(['await-address.sh', 'rotate-logs.sh'])

/** Whether a path lies in a version's folder: those go as a whole, once nothing runs from them (apply/lay.sh). */
export function isVersioned(path: string): boolean {
  return path.startsWith(`${programsDirectory}/programs-`)
}

/**
 * What every host gets, whatever runs on it.
 * @param gated whether an app with a database lives here: the gate's tools and programs are for those
 * @param logServer whether it receives the lines of others
 */
export function baseResources(gated: boolean, logServer = false): Resource[] {
  const packages = gated ? ['curl', 'jq', 'sqlite3', 'ca-certificates'] : ['curl']
  const folders = [
    ['/etc/streamside', '0700'],
    ['/etc/streamside/apps', '0700'],
    [programsDirectory, '0755'],
  ] as const
  const programs = hostPrograms()
    .filter((name) => name !== launch && (receiving.has(name) ? logServer : gated || ungated.has(name)))
    .map((name) => ({ name, content: hostProgram(name) }))
  // Renamed into place one by one, programs that are started meanwhile would be made of two versions.
  const version = `${programsDirectory}/programs-${sha256(JSON.stringify(programs)).slice(0, 16)}`
  const subfolders = [...new Set(programs.map(({ name }) => path.posix.dirname(`${version}/${name}`)))].filter(
    (folder) => folder !== version,
  )
  const file = (target: string, content: string): FileResource => ({
    kind: 'file',
    path: target,
    mode: '0755',
    owner: 'root',
    group: 'root',
    content,
    ours: 'program',
    ...(target.endsWith('.jq') ? {} : { validate: 'sh' }),
  })
  return [
    ...packages.map((name) => ({ kind: 'package', name }) as const),
    ...folders.map(([path, mode]) => ({ kind: 'directory', path, mode, owner: 'root', group: 'root' }) as const),
    impliedFolder('/var/lib/streamside', '0700', { mayBeLink: true }),
    file(`${programsDirectory}/${launch}`, hostProgram(launch)),
    ...[version, ...subfolders].map((folder) => impliedFolder(folder, '0755')),
    ...programs.map(({ name, content }) => file(`${version}/${name}`, content)),
    // after its files: apply lays links last
    { kind: 'link', path: versionLink, target: version },
  ]
}

/** Names below templates/host of the programs that stay on a host; folders among them are laid as folders. */
function hostPrograms(): string[] {
  return readdirSync(new URL('host/', templatesDirectory), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      path.relative(fileURLToPath(new URL('host/', templatesDirectory)), path.join(entry.parentPath, entry.name)),
    )
    .filter((name) => !travelling.test(name))
    .sort()
}
