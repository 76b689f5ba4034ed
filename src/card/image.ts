import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'

/** How a fresh image is told about its first boot. */
export const images = ['trixie', 'bookworm'] as const
export type Image = (typeof images)[number]

/** What streamside writes says so: what else stands there is somebody's own. */
export const cardMark = '# Written by streamside card'

/**
 * What lies in a boot partition: images with cloud-init bring its files along; older ones have a kernel command line alone.
 * @returns null for what tells nothing, as an empty folder
 */
export function imageIn(folder: string): Image | null {
  if (['user-data', 'meta-data'].some((name) => existsSync(path.join(folder, name)))) return 'trixie'
  return existsSync(path.join(folder, 'cmdline.txt')) ? 'bookworm' : null
}

/** A file there that holds settings of somebody's own, and would be written over; null = there is none. */
export function taken(folder: string, names: readonly string[]): string | null {
  return names.map((name) => path.join(folder, name)).find((file) => existsSync(file) && !isFree(file)) ?? null
}

/** Comments only, as the image brings it, one of ours, or nothing. meta-data and the like hold no settings that people make. */
function isFree(file: string): boolean {
  if (['meta-data', 'ssh', 'cmdline.txt'].includes(path.basename(file))) return true
  const text = readFileSync(file, 'utf8')
  // without a password: the image's own is asked for, or ours
  if (path.basename(file) === 'userconf.txt') return /^[^:]*:\*\s*$/.test(text)
  return text.includes(cardMark) || text.split('\n').every((line) => /^\s*(#|$)/.test(line))
}
