import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { packRelease, type PackedRelease } from '../../../src/artifacts/release.ts'

/** A folder of a test's own, with a cache in it. */
export interface Workshop {
  work: string
  cacheDirectory: string
  /** Lays a tree: text = file, `-> x` = link, null = folder; a name that ends in `*` is executable. Returns its root. */
  lay(name: string, tree: Record<string, string | Buffer | null>): string
  pack(path: string): Promise<PackedRelease>
  remove(): void
}

export function openWorkshop(): Workshop {
  const work = mkdtempSync(join(tmpdir(), 'streamside-test-'))
  const cacheDirectory = join(work, 'cache')
  return {
    work,
    cacheDirectory,
    lay(name, tree) {
      const root = join(work, name)
      for (const [path, content] of Object.entries(tree)) {
        const full = join(root, path.replace(/\*$/, ''))
        mkdirSync(content === null ? full : dirname(full), { recursive: true })
        if (content === null) continue
        if (typeof content === 'string' && content.startsWith('-> ')) symlinkSync(content.slice(3), full)
        else {
          writeFileSync(full, content)
          chmodSync(full, path.endsWith('*') ? 0o700 : 0o600)
        }
      }
      return root
    },
    pack: (path) => packRelease({ kind: 'path', path }, { cacheDirectory }),
    remove() {
      rmSync(work, { recursive: true })
    },
  }
}

/** A program of this machine, with its output. */
export function tool(command: string, args: string[], cwd: string): Buffer {
  return execFileSync(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
}
