import { readdirSync } from 'node:fs'
import { hostProgram, templatesDirectory } from '../templates/render.ts'
import type { Resource } from './resources.ts'

/** Where the programs that run on a host live. */
export const programsDirectory = '/usr/local/lib/streamside'

// Not kept on the host: they travel with each probe and each transaction.
const travelling = new Set(['probe.sh', 'tree.sh'])

/**
 * What every host gets, whatever runs on it.
 * @param gated whether an app with a database lives here: the gate's tools and programs are for those
 */
export function baseResources(gated: boolean): Resource[] {
  const resources: Resource[] = [
    { kind: 'package', name: 'curl' },
    { kind: 'directory', path: '/etc/streamside', mode: '0700', owner: 'root', group: 'root' },
    { kind: 'directory', path: '/etc/streamside/apps', mode: '0700', owner: 'root', group: 'root' },
  ]
  if (!gated) return resources
  resources.push(
    { kind: 'package', name: 'jq' },
    { kind: 'package', name: 'sqlite3' },
    { kind: 'package', name: 'ca-certificates' },
    { kind: 'directory', path: programsDirectory, mode: '0755', owner: 'root', group: 'root' },
  )
  for (const name of gatePrograms()) {
    resources.push({
      kind: 'file',
      path: `${programsDirectory}/${name}`,
      mode: '0755',
      owner: 'root',
      group: 'root',
      content: hostProgram(name),
      ...(name.endsWith('.sh') ? { validate: 'sh' as const } : {}),
    })
  }
  return resources
}

function gatePrograms(): string[] {
  return readdirSync(new URL('host/', templatesDirectory), { withFileTypes: true })
    .filter((entry) => entry.isFile() && !travelling.has(entry.name))
    .map((entry) => entry.name)
    .sort()
}
