import { constants, createReadStream, createWriteStream, existsSync } from 'node:fs'
import { mkdir, mkdtemp, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Instance } from './instances.ts'
import { $, until } from './shell.ts'

/** A disk of this machine, in a file: a block device that every host sees by its number, and that outlives their cards. */
export interface LoopDisk {
  /** The file behind it. */
  image: string
  /** `/dev/loopN`. */
  device: string
}

/** What is noted of one: the file before it is attached, the device as soon as it has one. */
interface Noted {
  image: string
  device: string | null
}

const recordsOf = (instance: Instance): string => path.join(instance.records, 'loop-disks')

async function note(record: string, noted: Noted): Promise<void> {
  await writeFile(`${record}.new`, JSON.stringify(noted))
  await rename(`${record}.new`, record)
}

/**
 * Makes a disk with an ext4 of so many MiB. It goes with its instance (`down`), also after whoever made it was killed: its file,
 * which no other device has, is on record before the kernel gives it one.
 */
export async function makeLoopDisk(instance: Instance, label: string, mebibytes: number): Promise<LoopDisk> {
  const disks = path.join(instance.disks, 'loop-disks')
  for (const folder of [disks, recordsOf(instance)]) await mkdir(folder, { recursive: true })
  const folder = await mkdtemp(path.join(disks, `${label}-`))
  const record = path.join(recordsOf(instance), path.basename(folder))
  const image = path.join(folder, `${label}.img`)
  await note(record, { image, device: null })
  await $`truncate -s ${mebibytes}M ${image}`
  await $`mkfs.ext4 -q -F -L ${label} ${image}`
  const device = (await $`losetup --find --show ${image}`).stdout.trim()
  await note(record, { image, device })
  return { image, device }
}

/** What a disk holds now, under a name beside its own file: gone with it. Nothing has it mounted, or soon nothing does. */
export async function keepLoopDisk(disk: LoopDisk, name: string): Promise<string> {
  await letGo(disk)
  const kept = path.join(path.dirname(disk.image), `${name}.kept`)
  await pipeline(createReadStream(disk.device), createWriteStream(kept))
  return kept
}

/** Puts back what `keepLoopDisk` kept. Nothing has the disk mounted, or soon nothing does. */
export async function putBackLoopDisk(disk: LoopDisk, kept: string): Promise<void> {
  await letGo(disk)
  // through the device, whose pages in memory are those that the next mount reads
  await pipeline(createReadStream(kept), createWriteStream(disk.device, { flags: 'r+', flush: true }))
}

/** Until the hosts that have just been killed have it mounted no more: who opens a block device alone must be alone. */
async function letGo({ device }: LoopDisk): Promise<void> {
  await until(`${device} to be unmounted everywhere`, 10, async () => {
    try {
      await (await open(device, constants.O_RDWR | constants.O_EXCL)).close()
      return true
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error
      return false
    }
  })
}

/** Detaches a disk, and removes its file and its record. Safe to run twice. Throws when something on this machine has it mounted. */
export async function removeLoopDisk(instance: Instance, disk: LoopDisk): Promise<void> {
  await removeRecorded(path.join(recordsOf(instance), path.basename(path.dirname(disk.image))), disk)
}

/** The same of all that are on record for an instance. */
export async function removeLoopDisks(instance: Instance): Promise<void> {
  const folder = recordsOf(instance)
  if (!existsSync(folder)) return
  for (const name of await readdir(folder)) {
    const record = path.join(folder, name)
    // `.new`: cut off while it was written; the one beside it holds
    if (!name.endsWith('.new')) await removeRecorded(record, JSON.parse(await readFile(record, 'utf8')) as Noted)
  }
}

async function removeRecorded(record: string, noted: Noted): Promise<void> {
  for (const device of await attached(noted)) {
    await $`losetup --detach ${device}`
    // the kernel lets go of it with its last mount, which may be one of a host's that has just been killed
    await until(`${device} to let go of ${noted.image}`, 10, async () => !(await attached(noted)).includes(device))
  }
  await rm(path.dirname(noted.image), { recursive: true, force: true })
  await rm(record, { force: true })
}

/** The devices that are this disk: of that file, and of that name when one is noted, for a number may be somebody else's by now. */
async function attached({ image, device }: Noted): Promise<string[]> {
  const { stdout } = await $`losetup --list --json --output NAME,BACK-FILE`
  if (stdout.trim() === '') return []
  const listed = JSON.parse(stdout) as { loopdevices: { name: string; 'back-file': string | null }[] }
  return listed.loopdevices
    .filter(
      (each) =>
        (device === null || each.name === device) && [image, `${image} (deleted)`].includes(each['back-file'] ?? ''),
    )
    .map(({ name }) => name)
}
