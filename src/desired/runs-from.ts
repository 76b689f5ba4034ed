import { createHash } from 'node:crypto'
import type { FileResource, Resource, UnitResource } from './resources.ts'

/** Digest of everything a unit runs from: it changes exactly when the unit has to be restarted. */
export function runsFromDigest(unit: UnitResource, resources: Resource[]): string {
  const lines = unit.runsFrom.map((path) => {
    const resource = resources.find((candidate) => 'path' in candidate && candidate.path === path)
    if (!resource) throw new Error(`${unit.name} is said to run from ${path}, which nothing lays`)
    return `${path}\n${contentDigest(resource)}\n`
  })
  return sha256(lines.join(''))
}

/**
 * What a host needs to tell at a unit's start whether it runs from what was laid (record-start.sh): a line `UNIT DIGEST`, and a
 * line `=UNIT SHA256  PATH` for each file that is read at its start and never again.
 */
export function runsFromLines(unit: UnitResource, resources: Resource[]): string {
  const files = resources.filter(
    (resource): resource is FileResource =>
      resource.kind === 'file' && isReadOnce(resource.path) && unit.runsFrom.includes(resource.path),
  )
  return [
    `${unit.name} ${runsFromDigest(unit, resources)}\n`,
    ...files.map(({ path, content }) => `=${unit.name} ${sha256(content)}  ${path}\n`),
  ].join('')
}

/**
 * Whether only a unit's start reads the file: its unit, drop-ins, environment and configuration of Litestream. Of a release and of
 * the user's own files nobody knows when the app reads them.
 */
export function isReadOnce(path: string): boolean {
  return path.startsWith('/etc/systemd/system/') || path.startsWith('/etc/streamside/')
}

function contentDigest(resource: Resource): string {
  switch (resource.kind) {
    case 'file':
      return sha256(resource.content)
    case 'link':
      return resource.target
    case 'release':
      return resource.digest
    case 'binary':
      return resource.sha256
    default:
      throw new Error(`a ${resource.kind} is nothing that a unit runs from`)
  }
}

/** Hex sha256 of a text or bytes. */
export function sha256(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex')
}
