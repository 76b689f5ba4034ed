import { open } from 'node:fs/promises'

/** The Debian package of an interpreter that a bare host does not have; sh, bash and perl are on each (Essential: yes). */
const packageOf: Record<string, string> = {
  python3: 'python3',
  node: 'nodejs',
  nodejs: 'nodejs',
  ruby: 'ruby',
  php: 'php-cli',
  lua: 'lua5.4',
  tclsh: 'tcl',
}

/** The program that the kernel would run for a file with this beginning (`#!`, env followed), without its folder; or null. */
export function interpreterOf(beginning: string): string | null {
  const words =
    /^#![ \t]*([^\n]*)/
      .exec(beginning)?.[1]
      ?.trim()
      .split(/[ \t]+/) ?? []
  const name = (path: string | undefined) => path?.split('/').at(-1) || null
  if (name(words[0]) !== 'env') return name(words[0])
  // env(1): -S splits the rest, and NAME=VALUE may stand before the program
  return name(words.slice(1).find((word) => !word.startsWith('-') && !word.includes('=')))
}

/** The package that the program at a path on this machine needs as its interpreter; null when it is no script of a known one. */
export async function interpreterPackage(path: string): Promise<string | null> {
  const file = await open(path, 'r')
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(256), 0, 256, 0)
    const interpreter = interpreterOf(buffer.toString('utf8', 0, bytesRead))
    const known = interpreter?.replace(/^(python3|lua|ruby|php)[.0-9]+$/, '$1') ?? ''
    return Object.hasOwn(packageOf, known) ? (packageOf[known] ?? null) : null
  } finally {
    await file.close()
  }
}
