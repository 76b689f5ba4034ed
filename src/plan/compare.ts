import type {
  BinaryResource,
  DirectoryResource,
  FileResource,
  LinkResource,
  PackageResource,
  ReleaseResource,
  Resource,
  UserResource,
} from '../desired/resources.ts'
import { sha256 } from '../desired/runs-from.ts'
import type { Observed, ObservedPath } from '../host/observed.ts'
import { Problem } from '../problem.ts'
import type { Change, Step } from './change.ts'
import { fileDiff } from './diff.ts'
import type { Manifest } from './manifest.ts'
import { stateDirectory } from '../inventory/model.ts'
import { refuseAccount, refuseForeign, refuseTaken } from './ours.ts'

/** The change that a resource needs on a host as it was seen; null when it is as wanted. Units are compared apart. */
export function compare(
  resource: Exclude<Resource, { kind: 'unit' }>,
  observed: Observed,
  host: string,
  recorded: Manifest,
): Change | null {
  switch (resource.kind) {
    case 'package':
      return comparePackage(resource, observed)
    case 'user':
      refuseAccount(resource, observed, recorded, host)
      return compareUser(resource, observed)
    case 'directory':
      return compareDirectory(resource, observed, host, recorded)
    case 'file':
      return compareFile(resource, observed, host, recorded)
    case 'link':
      return compareLink(resource, observed, host)
    case 'release':
      return compareTree(resource, resource.digest, observed)
    case 'binary':
      return compareTree(resource, resource.sha256, observed)
  }
}

function comparePackage({ name }: PackageResource, observed: Observed): Change | null {
  if (observed.packages.has(name)) return null
  return {
    summary: { kind: 'package', name, action: 'install', reason: 'not installed' },
    step: { verb: 'package', fields: [name] },
  }
}

function compareUser({ name, uid, gid, home }: UserResource, observed: Observed): Change | null {
  if (observed.users.has(name)) return null
  return {
    summary: { kind: 'user', name, action: 'create', reason: `not there; uid ${uid}, gid ${gid}` },
    step: { verb: 'user', fields: [name, String(uid), String(gid), home] },
  }
}

function compareDirectory(
  resource: DirectoryResource,
  observed: Observed,
  host: string,
  recorded: Manifest,
): Change | null {
  const { path, mode, owner, group, as = 'root' } = resource
  const seen = observed.paths.get(path)
  if (seen?.type === 'link' && resource.mayBeLink === true) return null
  if (seen && seen.type !== 'directory') throw inTheWay(host, path, seen)
  const isOurs = resource.ownOnceMade === true && recorded.folders?.includes(path) === true
  if (seen ? resource.onlyMade === true && !isOurs : resource.implied === true) return null
  const differences = seen ? attributeDifferences(resource, seen) : ['not there']
  if (differences.length === 0) return null
  if (seen && path === stateDirectory(owner)) refuseTaken(path, seen, owner, { observed, recorded, host })
  return {
    summary: { kind: 'directory', name: path, action: seen ? 'update' : 'create', reason: differences.join(', ') },
    step: { verb: 'directory', fields: [path, mode, owner, group, as] },
  }
}

function compareFile(resource: FileResource, observed: Observed, host: string, recorded: Manifest): Change | null {
  const { path, mode, owner, group, as = 'root', validate = 'none', content } = resource
  const seen = observed.paths.get(path)
  if (seen && seen.type !== 'file' && seen.type !== 'link') throw inTheWay(host, path, seen)
  const differences: string[] = []
  if (!seen) differences.push('not there')
  else if (seen.type !== 'file') differences.push('a link stands in its place')
  else {
    if (seen.sha256 !== sha256(content)) differences.push('content')
    differences.push(...attributeDifferences(resource, seen))
  }
  if (differences.length === 0) return null
  if (seen) refuseForeign(path, seen, { observed, recorded, host })
  // The secret that a file held at the last run is not always one of this inventory: it may have been replaced or given up. Of a file
  // that is not on record nobody knows whether it held any.
  const before = recorded.files[path]
  const diff = seen && (before === undefined || before.secret === true) ? null : fileDiff(resource, seen)
  return {
    summary: {
      kind: resource.ours ?? 'file',
      name: path,
      action: seen ? 'update' : 'create',
      reason: differences.join(', '),
      ...(diff === null ? {} : { diff }),
    },
    step: { verb: 'file', fields: [path, mode, owner, group, as, validate], member: { content } },
  }
}

/** Whether what stands at a resource's place has another content than it should have: then a unit may be running from that. */
export function contentDiffers(resource: Exclude<Resource, { kind: 'unit' }>, observed: Observed): boolean {
  switch (resource.kind) {
    case 'file': {
      const seen = observed.paths.get(resource.path)
      return seen?.type !== 'file' || seen.sha256 !== sha256(resource.content)
    }
    case 'link': {
      const seen = observed.paths.get(resource.path)
      return seen?.type !== 'link' || seen.target !== resource.target
    }
    case 'release':
      return treeDifference(resource.path, resource.digest, observed) !== null
    case 'binary':
      return treeDifference(resource.path, resource.sha256, observed) !== null
    default:
      return false
  }
}

function compareLink({ path, target }: LinkResource, observed: Observed, host: string): Change | null {
  const seen = observed.paths.get(path)
  if (seen && seen.type !== 'link') throw inTheWay(host, path, seen)
  if (seen?.target === target) return null
  return {
    summary: {
      kind: 'link',
      name: path,
      action: seen ? 'update' : 'create',
      reason: seen ? `${seen.target} → ${target}` : `→ ${target}`,
    },
    step: { verb: 'link', fields: [path, target] },
  }
}

function compareTree(resource: ReleaseResource | BinaryResource, digest: string, observed: Observed): Change | null {
  const reason = treeDifference(resource.path, digest, observed)
  if (reason === null) return null
  const summary = {
    kind: resource.kind,
    name: resource.path,
    action: reason === 'not there' ? 'create' : 'update',
    reason,
  } as const
  return resource.kind === 'release'
    ? {
        summary,
        step: {
          verb: 'release',
          fields: [resource.path, digest, String(resource.bytes)],
          member: { path: resource.tar, sums: releaseSums(resource.entries) },
        },
      }
    : {
        summary,
        step: { verb: 'binary', fields: [resource.path, resource.mode, digest], member: { path: resource.from } },
      }
}

/** Lines for sha256sum --check; a name with a backslash or a line's end is escaped as sha256sum writes it itself. */
function releaseSums(entries: ReleaseResource['entries']): string {
  return entries
    .flatMap((entry) => {
      if (entry.type !== 'file') return []
      const name = `./${entry.path}`.replaceAll(/[\\\n\r]/g, (char) => ({ '\n': '\\n', '\r': '\\r' })[char] ?? '\\\\')
      return [`${name === `./${entry.path}` ? '' : '\\'}${entry.sha256}  ${name}\n`]
    })
    .join('')
}

function treeDifference(path: string, digest: string, observed: Observed): string | null {
  const seen = observed.trees.get(path)
  const recorded = observed.signatures.get(path)
  if (!seen) return 'not there'
  if (!recorded || recorded.digest !== digest) return 'it is there, and whether it is as it was laid is not known'
  if (seen.content !== null && seen.content !== recorded.content) return 'its content is damaged'
  return seen.stat === recorded.stat ? null : 'changed since it was laid'
}

/** The step that records a tree's signature anew; `-` has apply compute it, which it must when it has laid the tree. */
export function signatureStep(path: string, digest: string, observed: Observed, laid: boolean): Step {
  const recorded = observed.signatures.get(path)
  const keep = laid || !recorded ? null : recorded
  return { verb: 'signature', fields: [path, digest, keep?.stat ?? '-', keep?.content ?? '-'] }
}

/** What apply makes sure of before it touches a path: that it still is as it was seen. */
export function expectation({ path, as = 'root' }: { path: string; as?: string }, observed: Observed): Step {
  const seen = observed.paths.get(path)
  const digest = !seen
    ? '-'
    : seen.type === 'file'
      ? seen.sha256
      : seen.type === 'link'
        ? `link:${sha256(seen.target)}`
        : 'other'
  return { verb: 'expect', fields: [path, digest, as] }
}

function attributeDifferences(
  wanted: { mode: string; owner: string; group: string },
  seen: { mode: string; owner: string; group: string },
): string[] {
  const differences: string[] = []
  if (seen.mode !== wanted.mode) differences.push(`mode ${seen.mode} → ${wanted.mode}`)
  if (seen.owner !== wanted.owner || seen.group !== wanted.group)
    differences.push(`owner ${seen.owner}:${seen.group} → ${wanted.owner}:${wanted.group}`)
  return differences
}

const standing = {
  directory: 'a folder',
  mount: 'a folder of another mount',
  file: 'a file',
  link: 'a link',
  other: 'a pipe, a socket or a device',
}

/** No path of the inventory's. */
function isStreamsides(path: string): boolean {
  return path.startsWith('/etc/streamside/') || path.startsWith('/usr/local/lib/streamside/')
}

function inTheWay(host: string, path: string, seen: ObservedPath): Problem {
  return new Problem({
    code: 'in-the-way',
    doing: `planning ${path} on ${host}`,
    found: `${standing[seen.type]} stands there${seen.type === 'mount' ? `, which belongs to ${seen.owner}` : ''}`,
    next:
      seen.type === 'mount'
        ? 'whose that is, only who mounted it can say: give it to the app (chown), unmount it, or choose another path in the inventory'
        : `it is not ours, so it is not touched: move it away${isStreamsides(path) ? '' : ', or choose another path in the inventory'}`,
    host,
  })
}
