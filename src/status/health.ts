import path from 'node:path'
import { decodeBase64, decodeField } from '../host/host-encoding.ts'
import { declaredReadOnly, isReadOnly, type Mount, mountOf, parseMounts } from './file-systems.ts'
import { type IoErrors, ioErrors, parseKernelLines, toldReadOnly } from './kernel-log.ts'
import { type Power, powerOf } from './power.ts'

/** Card, power and heat of a host. What the host does not have, or could not say, is null. */
export interface Health {
  power: Power | null
  /** The hottest sensor of the processor. */
  temperature: { celsius: number; sensor: string } | null
  /** Kernel messages since boot about failures of disks that something is mounted from. */
  ioErrors: IoErrors | null
  /** Mounted ext4 file systems, each with what it has counted since its last e2fsck; epoch s. */
  ext4: Ext4[] | null
  /** Those of /, /var/lib, /opt, and of all folders that state of apps lies in. */
  fileSystems: FileSystem[] | null
}

export interface Ext4 {
  device: string
  path: string
  errors: number
  first: number | null
  last: number | null
}

export interface FileSystem {
  path: string
  /** The folders that were asked for and lie on it. */
  holds: string[]
  source: string
  type: string
  readOnly: boolean
  /** /etc/fstab says so; null when it does not name it. */
  declaredReadOnly: boolean | null
  sizeKib: number | null
  availableKib: number | null
  inodes: number | null
  availableInodes: number | null
}

type Records = Map<string, string[][]>

/** Reads the records of templates/host/status/health.sh; null when its answer is not whole. */
export function parseHealth(records: Records): Health | null {
  if (!records.has('health-whole')) return null
  const all = (kind: string) => records.get(kind) ?? []
  const mountsText = all('mounts')[0]?.[0]
  const mounts = mountsText === undefined ? null : parseMounts(decodeBase64(mountsText))
  const [kernel] = all('kernel')
  const messages = kernel ? parseKernelLines(decodeBase64(kernel[3] === '-' ? '' : kernel[3])) : null
  const [throttled] = all('throttled')
  const [voltage] = all('voltage')
  const places = all('place').map(([place = '']) => decodeField(place))
  const whole = mounts && wholeMounts(mounts, places)
  return {
    power: powerOf({
      throttled: throttled ? { source: throttled[0] ?? '', text: decodeBase64(throttled[1]) } : null,
      alarm: voltage ? voltage[0] === '1' : null,
      kernel: messages,
    }),
    temperature: hottest(all('temperature')),
    ioErrors: messages && whole && ioErrors(messages, deviceNames(all('block'), whole)),
    ext4: whole && ext4Of(all('ext4'), all('block'), whole),
    fileSystems:
      mounts &&
      fileSystems(mounts, places, {
        fstab: decodeBase64(all('fstab')[0]?.[0]),
        disks: all('disk'),
        // The whole file system's own device, not the disk below it with others on it.
        isToldReadOnly: (mount) =>
          messages !== null &&
          toldReadOnly(
            messages,
            [mount.source, ...foldersOf(all('block'), mount)].map((each) => path.posix.basename(each)),
          ),
      }),
  }
}

/** File systems that are mounted as a whole, or hold what was asked for: in a container single files of others are mounted, too. */
function wholeMounts(mounts: Mount[], places: string[]): Mount[] {
  const asked = new Set(places.map((place) => mountOf(mounts, place)))
  return mounts.filter((mount) => mount.root === '/' || asked.has(mount))
}

/** Sensors of processors: thermal zones of SoCs and PCs, and hwmon drivers. Others (a network card's) may well be hotter. */
function hottest(records: string[][]): Health['temperature'] {
  const sane = records
    .map(([sensor = '', value]) => ({ sensor, celsius: Math.round(Number(value) / 100) / 10 }))
    .filter(({ celsius }) => celsius > -50 && celsius < 150)
  const processors = sane.filter(({ sensor }) => /cpu|soc|pkg|core|k10temp/i.test(sensor))
  const [first] = (processors.length > 0 ? processors : sane).sort((a, b) => b.celsius - a.celsius)
  return first ? { celsius: first.celsius, sensor: first.sensor } : null
}

/** By mountinfo's key: the folders in /sys of a device and of those below it. */
function foldersOf(blocks: string[][], { id, source }: Mount): string[] {
  return blocks.filter(([key]) => key === id || key === source).map(([, folder]) => decodeBase64(folder))
}

/** As messages name them: the partition, its disk, and the controller of a card (`mmc0`) or of an NVMe (`nvme0`). */
function deviceNames(blocks: string[][], mounts: Mount[]): string[] {
  const names = mounts
    .flatMap((mount) => foldersOf(blocks, mount))
    .flatMap((folder) => {
      const [above = '', below = ''] = folder.split('/block/')
      const controller = /\/(mmc\d+|nvme\d+)(?=\/|$)/.exec(above)?.[1]
      return [...below.split('/').filter((name) => name !== ''), ...(controller ? [controller] : [])]
    })
  return [...new Set(names)]
}

function ext4Of(records: string[][], blocks: string[][], mounts: Mount[]): Ext4[] {
  return records.flatMap(([device = '', errors, first, last]) => {
    const mount = mounts.find((each) => foldersOf(blocks, each).some((folder) => folder.endsWith(`/${device}`)))
    if (!mount) return []
    return [{ device, path: mount.path, errors: count(errors) ?? 0, first: time(first), last: time(last) }]
  })
}

interface Known {
  fstab: string
  disks: string[][]
  isToldReadOnly: (mount: Mount) => boolean
}

function fileSystems(mounts: Mount[], places: string[], { fstab, disks, isToldReadOnly }: Known): FileSystem[] {
  const found = new Map<string, FileSystem>()
  for (const place of places) {
    const mount = mountOf(mounts, place)
    if (mount === null) continue
    const known = found.get(mount.path)
    if (known) {
      known.holds.push(place)
      continue
    }
    const disk = disks.find(([, , , , ...words]) => words.join('\t') === mount.path)
    found.set(mount.path, {
      path: mount.path,
      holds: [place],
      source: mount.source,
      type: mount.type,
      readOnly: isReadOnly(mount) || isToldReadOnly(mount),
      declaredReadOnly: declaredReadOnly(fstab, mount.path),
      sizeKib: count(disk?.[0]),
      availableKib: count(disk?.[1]),
      inodes: count(disk?.[2]),
      availableInodes: count(disk?.[3]),
    })
  }
  return [...found.values()]
}

const count = (text: string | undefined): number | null => (/^\d{1,15}$/.test(text ?? '') ? Number(text) : null)
const time = (text: string | undefined): number | null => count(text) || null
