import { readdirSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { hostProgram, templatesDirectory } from '../templates/render.ts'
import type { Resource } from './resources.ts'

/** Where the programs that run on a host live. */
export const programsDirectory = '/usr/local/lib/streamside'

// Not kept on the host: they travel with each probe and each transaction.
const travelling = /^((probe|tree|status|logs|start)\.sh|(apply|status)\/)/

// All that a host without a database needs of them.
const ungated = new Set(['record-start.sh'])

/**
 * What every host gets, whatever runs on it.
 * @param gated whether an app with a database lives here: the gate's tools and programs are for those
 */
export function baseResources(gated: boolean): Resource[] {
  const packages = gated ? ['curl', 'jq', 'sqlite3', 'ca-certificates'] : ['curl']
  const folders = [
    ['/etc/streamside', '0700'],
    ['/etc/streamside/apps', '0700'],
    [programsDirectory, '0755'],
  ] as const
  const programs = hostPrograms().filter((name) => gated || ungated.has(name))
  return [
    ...packages.map((name) => ({ kind: 'package', name }) as const),
    ...folders.map(([path, mode]) => ({ kind: 'directory', path, mode, owner: 'root', group: 'root' }) as const),
    ...programs.map((name) => ({
      kind: 'file' as const,
      path: `${programsDirectory}/${name}`,
      mode: '0755',
      owner: 'root',
      group: 'root',
      content: hostProgram(name),
      ours: 'program' as const,
      ...(name.endsWith('.sh') ? { validate: 'sh' as const } : {}),
    })),
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
