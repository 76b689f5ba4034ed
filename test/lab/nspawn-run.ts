import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, statfs, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { runFolder } from './paths.ts'
import { $ } from './shell.ts'

const folder = '/run/systemd/nspawn'
const mark = path.join(runFolder, 'nspawn-run-is-ours')
const tmpfsMagic = 0x01021994

/** nspawn passes mounts to its containers through this folder, which must be a tmpfs; where /run is none, the lab mounts one. */
export async function mountNspawnRun(): Promise<void> {
  await mkdir(folder, { recursive: true })
  if ((await statfs(folder)).type === tmpfsMagic) return
  await mkdir(runFolder, { recursive: true })
  await writeFile(mark, '')
  await $`mount -t tmpfs -o mode=0755 tmpfs ${folder}`
}

/** Undoes `mountNspawnRun`, if it was the lab that mounted; for when the last instance has gone down. */
export async function unmountNspawnRun(): Promise<void> {
  if (!existsSync(mark)) return
  while ((await readFile('/proc/mounts', 'utf8')).includes(` ${folder} tmpfs `)) await $`umount ${folder}`
  await rm(mark)
}
