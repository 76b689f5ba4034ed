import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import path from 'node:path'
import { cloudInitFiles } from './cloud-init.ts'
import { commandLine } from './command-line.ts'
import type { CardFile, FirstBoot } from './first-boot.ts'
import { firstRunFiles } from './first-run.ts'
import { cardMark, type Image } from './image.ts'

export interface Written {
  files: string[]
  /** What has to be added to a cmdline.txt that is not there; null = nothing. */
  missing: string | null
}

/** The files of a card, the one that sets the others to work last. */
export function cardFiles(image: Image, boot: FirstBoot): CardFile[] {
  return image === 'trixie' ? cloudInitFiles(boot) : firstRunFiles(boot)
}

/**
 * Writes the files of a card to a folder, a mounted boot partition for one.
 * @throws Error of the system: no room, read-only
 */
export function writeCard(folder: string, image: Image, boot: FirstBoot): Written {
  const files = cardFiles(image, boot)
  for (const { name, content } of files) put(path.join(folder, name), marked(name, content, boot.host))
  const written = files.map(({ name }) => name)
  const country = boot.card.wifi?.country ?? null
  const kind = image === 'trixie' ? 'cloud-init' : 'firstrun'
  const cmdline = path.join(folder, 'cmdline.txt')
  if (!existsSync(cmdline)) {
    const words = commandLine('', kind, country).trim()
    return { files: written, missing: words === '' ? null : words }
  }
  const before = readFileSync(cmdline, 'utf8')
  const after = commandLine(before, kind, country)
  if (after === before) return { files: written, missing: null }
  put(cmdline, after)
  return { files: [...written, 'cmdline.txt'], missing: null }
}

/** After the first line, which says what kind of file it is. */
function marked(name: string, content: string, host: string): string {
  const mark = `${cardMark} for ${host}: the next time, this file is written over.\n`
  if (name === 'network-config') return mark + content
  if (!['user-data', 'firstrun.sh'].includes(name)) return content
  const first = content.indexOf('\n') + 1
  return content.slice(0, first) + mark + content.slice(first)
}

/** Whole or not at all, and on the card: people pull it out as soon as the command has ended. */
function put(file: string, content: string): void {
  const fresh = `${file}.new`
  const fd = openSync(fresh, 'w', 0o600)
  try {
    writeSync(fd, content)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(fresh, file)
}
