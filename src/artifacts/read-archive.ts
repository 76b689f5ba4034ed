import { digestOfFile } from './file-digest.ts'
import type { Compression } from './decompress.ts'
import { readTar } from './read-tar.ts'
import { readZip } from './read-zip.ts'
import { entryPath, releaseProblem, type Reading } from './release-entry.ts'
import type { ReadRelease } from './read-source.ts'

const tarSuffixes: [RegExp, Compression][] = [
  [/\.tar$/i, 'none'],
  [/\.(tar\.gz|tgz)$/i, 'gzip'],
  [/\.(tar\.xz|txz)$/i, 'xz'],
  [/\.(tar\.zst|tzst)$/i, 'zstd'],
]

/** Packed in a way that nobody means to ship as it is, so it is not taken for a program. */
const notSupported = /\.(gz|bz2|xz|zst|lz|lzma|lz4|br|7z|rar|tbz2?|deb|rpm|apk|dmg|exe|msi|iso|img)$/i

/**
 * Reads a release that is one file: by its name an archive, else a program or script that is the whole release. The name
 * decides, not the first bytes: a .jar, .phar or .pyz is a zip archive and is meant to be shipped whole.
 * Throws Problem.
 */
export async function readArchive(
  file: { path: string; name: string; modified: number },
  work: string,
  reading: Reading,
): Promise<ReadRelease> {
  const { path, name } = file
  for (const [suffix, compression] of tarSuffixes)
    if (suffix.test(name)) return readTar(path, compression, work, reading)
  if (/\.zip$/i.test(name)) return readZip(path, work, reading)
  if (notSupported.test(name))
    throw releaseProblem(
      reading,
      `${name} is neither a supported archive nor a program`,
      name.toLowerCase().endsWith('.deb')
        ? 'a Debian package is not a release: name it under packages:, or unpack it (dpkg-deb -x)'
        : 'pack it as .tar, .tar.gz, .tar.xz, .tar.zst or .zip, or name the program itself',
      'release-format',
    )
  const entry = entryPath(name, reading)
  if (entry === null)
    throw releaseProblem(reading, 'its address names no file', 'name the file itself', 'release-format')
  const { sha256, size, machine } = await digestOfFile(path)
  return {
    entries: [{ type: 'file', path: entry, mode: '0755', size, sha256, machine }],
    content: new Map([[entry, path]]),
    newest: file.modified,
  }
}
