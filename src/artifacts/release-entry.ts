import { posix } from 'node:path'
import { Problem } from '../problem.ts'

/** What a release may hold. Modes are git's two: a file is executable or it is not; folders are 0755. */
export type ReleaseEntry = ReleaseFile | ReleaseFolder | ReleaseLink

export interface ReleaseFile {
  type: 'file'
  /** Relative to the release folder, `/` between the parts. */
  path: string
  mode: '0755' | '0644'
  /** Bytes. */
  size: number
  sha256: string
  /** ELF's e_machine; null = not an ELF file. */
  machine: number | null
}

export interface ReleaseFolder {
  type: 'directory'
  path: string
}

export interface ReleaseLink {
  type: 'link'
  path: string
  /** Relative; stays inside the release. */
  target: string
}

/** What is being packed, for messages. */
export interface Reading {
  /** `packing /srv/app/dist`, `packing gotify.zip` */
  doing: string
}

/** A release that cannot be shipped as it is: names the entry and the way out. */
export function releaseProblem(reading: Reading, found: string, next: string, code = 'release-refused'): Problem {
  return new Problem({ code, doing: reading.doing, found, next })
}

/** The text of a name as people may see it: control characters and quotes are spelt out. */
export function shown(name: string): string {
  return JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name)
}

/**
 * The canonical form of an entry's name (`./a//b/` → `a/b`), or null for the release folder itself (`.`).
 * Throws Problem for names that would lie outside, or that cannot be written as they are.
 */
export function entryPath(name: string, reading: Reading): string | null {
  const refuse = (why: string) =>
    releaseProblem(
      reading,
      `${shown(name)} ${why}`,
      'make the archive again from inside the folder, with relative names',
    )
  if (name.includes('\0')) throw refuse('has a NUL byte in its name')
  // Decoding has replaced bytes that are not UTF-8: the file would get another name on the host.
  if (name.includes('\uFFFD')) throw refuse('has a name that is not UTF-8')
  if (name.startsWith('/')) throw refuse('has an absolute name')
  const parts = name.split('/').filter((part) => part !== '' && part !== '.')
  if (parts.includes('..')) throw refuse('leads out of the release')
  return parts.length === 0 ? null : parts.join('/')
}

/**
 * Completes and checks a whole release: every folder on the way is there, no name is used twice, nothing lies below a link
 * or a file, every link stays inside. Returns the entries in canonical order, whatever order they came in.
 * Throws Problem.
 */
export function canonicalEntries(entries: readonly ReleaseEntry[], reading: Reading): ReleaseEntry[] {
  const byPath = new Map<string, ReleaseEntry>()
  for (const entry of entries) {
    const other = byPath.get(entry.path)
    if (other && !(other.type === 'directory' && entry.type === 'directory'))
      throw releaseProblem(reading, `${shown(entry.path)} is there twice`, 'make the archive again in one go')
    byPath.set(entry.path, entry)
  }
  for (const entry of entries)
    for (let parent = posix.dirname(entry.path); parent !== '.'; parent = posix.dirname(parent)) {
      const above = byPath.get(parent)
      if (!above) byPath.set(parent, { type: 'directory', path: parent })
      else if (above.type !== 'directory')
        throw releaseProblem(
          reading,
          `${shown(entry.path)} lies below ${shown(parent)}, which is a ${above.type === 'link' ? 'symbolic link' : 'file'}`,
          'make the archive again in one go',
        )
    }
  for (const entry of byPath.values()) if (entry.type === 'link') requireInside(entry, byPath, reading)
  if (byPath.size === 0)
    throw releaseProblem(
      reading,
      'it is empty',
      'see that the build has run and that from: names its result',
      'release-empty',
    )
  return [...byPath.values()].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0))
}

/** Follows a link as the kernel would, through other links of the release; it must never be above the release's root. */
function requireInside(link: ReleaseLink, byPath: ReadonlyMap<string, ReleaseEntry>, reading: Reading): void {
  const refuse = (why: string) =>
    releaseProblem(
      reading,
      `the symbolic link ${shown(link.path)} → ${shown(link.target)} ${why}`,
      'only links inside the release can be shipped: copy what it points to into the release, or leave the link out',
    )
  if (link.target === '' || link.target.includes('\0') || link.target.includes('\uFFFD'))
    throw refuse('has no usable target')
  if (link.target.startsWith('/')) throw refuse('is absolute')
  resolveInRelease(link.path, byPath, refuse)
}

/**
 * The path that `path` leads to within the release, links followed; the result need not exist.
 * `refuse` makes the error for leaving the release or going in circles.
 */
export function resolveInRelease(
  path: string,
  byPath: ReadonlyMap<string, ReleaseEntry>,
  refuse: (why: string) => Problem,
): string {
  const todo = path.split('/').toReversed()
  const here: string[] = []
  let followed = 0
  for (let part = todo.pop(); part !== undefined; part = todo.pop()) {
    if (part === '' || part === '.') continue
    if (part === '..') {
      if (here.length === 0) throw refuse('leads out of the release')
      here.pop()
      continue
    }
    const entry = byPath.get([...here, part].join('/'))
    if (entry?.type !== 'link') {
      here.push(part)
      continue
    }
    // Linux gives up after 40 as well (ELOOP).
    if (++followed > 40) throw refuse('goes in circles')
    if (entry.target.startsWith('/')) throw refuse('leads to an absolute path')
    todo.push(...entry.target.split('/').toReversed())
  }
  return here.join('/')
}
