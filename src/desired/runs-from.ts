import { createHash } from 'node:crypto'
import type { Resource, UnitResource } from './resources.ts'

/** Digest of everything a unit runs from: it changes exactly when the unit has to be restarted. */
export function runsFromDigest(unit: UnitResource, resources: Resource[]): string {
  const lines = unit.runsFrom.map((path) => {
    const resource = resources.find((candidate) => 'path' in candidate && candidate.path === path)
    if (!resource) throw new Error(`${unit.name} is said to run from ${path}, which nothing lays`)
    return `${path}\n${contentDigest(resource)}\n`
  })
  return sha256(lines.join(''))
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
