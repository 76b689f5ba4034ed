import type { Observed } from '../host/observed.ts'
import { Problem } from '../problem.ts'
import { size } from '../report/size.ts'
import type { Step } from './change.ts'
import type { Ground } from './obstacles.ts'

/** What is sent lies here until it is in its place. */
const incoming = '/var/lib/streamside'

/** Bytes beside what is laid: packages, journals, what apps write meanwhile. As free_or_fail in templates/host/apply/lay.sh. */
const spareBytes = 16 * 2 ** 20
/** Bytes for a transaction that lays next to nothing: its programs and its journal. */
const leastBytes = 2 ** 20
/** The programs of a transaction, its folders, journal and record. */
const leastFiles = 64

type Disk = Observed['disks'][number]

/** The file systems on which a plan has not enough room, in bytes or in inodes. */
export function roomProblems(ground: Ground): Problem[] {
  const { plan, observed } = ground
  const needs = new Map<string, { disk: Disk; bytes: number; files: number; big: boolean }>()
  const need = (path: string, bytes: number, files: number, big: boolean) => {
    const disk = diskOf(path, observed.disks)
    if (!disk) return
    const before = needs.get(disk.target) ?? { disk, bytes: 0, files: 0, big: false }
    needs.set(disk.target, {
      disk,
      bytes: before.bytes + bytes,
      files: before.files + files,
      big: before.big || big,
    })
  }
  need(incoming, leastBytes, leastFiles, false)
  for (const { step } of plan.changes) {
    const laid = laidBy(step, ground)
    if (laid) need(incoming, laid.bytes, 2, laid.big)
    const { path, bytes, files, big } = laid ?? {
      path: step.fields[0] ?? '',
      bytes: 0,
      files: namesMade(step),
      big: false,
    }
    need(path, bytes, files, big)
  }
  return [...needs.values()].flatMap(({ disk, bytes, files, big }) => {
    const wanted = bytes + (big ? spareBytes : 0)
    if (disk.availableKib * 1024 < wanted) return [diskFull(plan.host, disk, wanted)]
    // A file system that makes its inodes as it needs them, as btrfs does, says 0 of 0.
    if (disk.inodes > 0 && disk.availableInodes < files) return [inodesFull(plan.host, disk, files)]
    return []
  })
}

/** A link is made beside its place, and then moved there. */
function namesMade({ verb }: Step): number {
  return verb === 'directory' ? 1 : verb === 'link' ? 2 : 0
}

/** The folders above a release, and the one that it is unpacked in. */
const foldersOfRelease = 4

function laidBy(
  { verb, fields: [path = ''], member }: Step,
  { sizes, state }: Ground,
): { path: string; bytes: number; files: number; big: boolean } | null {
  if (!member) return null
  if ('content' in member) return { path, bytes: Buffer.byteLength(member.content), files: 1, big: false }
  const bytes = sizes.get(member.path) ?? 0
  if (verb !== 'release') return { path, bytes, files: 1, big: true }
  const release = state.resources.find((resource) => resource.kind === 'release' && resource.path === path)
  return { path, bytes, files: release?.kind === 'release' ? release.entries.length + foldersOfRelease : 1, big: true }
}

/** The file system that a path lies on, of those that were looked at. */
function diskOf(path: string, disks: Disk[]): Disk | null {
  const above = disks.filter(
    ({ target }) => path === target || path.startsWith(target.endsWith('/') ? target : `${target}/`),
  )
  return above.reduce<Disk | null>(
    (nearest, disk) => (nearest && nearest.target.length >= disk.target.length ? nearest : disk),
    null,
  )
}

function diskFull(host: string, { target, availableKib }: Disk, wanted: number): Problem {
  return new Problem({
    code: 'disk-full',
    doing: `provisioning ${host}`,
    found: `${size(availableKib * 1024)} are free on ${target}, and this needs ${size(wanted)}; nothing was sent`,
    next:
      `free space: streamside ssh ${host} sudo apt-get clean, or what is big there ` +
      `(streamside ssh ${host} sudo du -xhd2 ${target} | sort -h); then run provision again`,
    host,
  })
}

function inodesFull(host: string, { target, inodes, availableInodes }: Disk, wanted: number): Problem {
  return new Problem({
    code: 'inodes-full',
    doing: `provisioning ${host}`,
    found:
      `${target} takes ${availableInodes} more files (inodes; it has ${inodes}), and this needs ${wanted}; ` +
      'that it has free space left does not help; nothing was sent',
    next:
      `find the folder with very many small files (streamside ssh ${host} sudo du -xd3 --inodes ${target} | sort -n) ` +
      'and remove what is not needed, then run provision again',
    host,
  })
}
