import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Notes } from '../mistake.ts'
import { parseYaml } from '../parse.ts'
import { decode, displayName, largestFile, newSource, type Source } from '../source.ts'
import { runProgram } from './program.ts'

export const plainSecretsFile = 'secrets.yaml'
export const sopsSecretsFile = 'secrets.sops.yaml'

export interface SecretsFile {
  source: Source
  values: Map<string, string>
}

interface Where {
  folder: string
  cwd: string
  env: NodeJS.ProcessEnv
}

/**
 * Reads `secrets.yaml` beside the inventory, a mapping of names to text; null when there is none. It is refused when
 * anyone but its owner may read it, when it is a symbolic link (what is checked and what is read must be one file, so the
 * open file is what is checked), and when git tracks it. Its lines are never shown.
 */
export async function readSecretsFile(where: Where, notes: Notes): Promise<SecretsFile | null> {
  const path = join(where.folder, plainSecretsFile)
  const name = displayName(path, where.cwd)
  const empty = newSource(path, name, '', false)
  const refuse = (message: string, hint: string) => {
    notes.mistakes.push({ place: { source: empty, start: 0, end: 1 }, path: [], message, hint })
    return { source: empty, values: new Map<string, string>() }
  }
  let bytes: Buffer
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    try {
      const found = await file.stat()
      if (!found.isFile()) return refuse('is not a file', 'secrets.yaml is a file of lines NAME: value')
      if (process.getuid && found.uid !== process.getuid() && found.uid !== 0)
        return refuse('belongs to another user, who can change it', `chown it to yourself: sudo chown "$USER" ${name}`)
      if ((found.mode & 0o077) !== 0)
        return refuse(
          `can be read by others (mode ${(found.mode & 0o777).toString(8).padStart(4, '0')})`,
          `chmod 600 ${name}; and change the keys in it if others have an account here`,
        )
      if (found.size > largestFile) return refuse('larger than 1 MiB', 'it holds one line for each secret')
      bytes = await file.readFile()
    } finally {
      await file.close()
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (code === 'ENOENT') return null
    if (code === 'ELOOP') return refuse('is a symbolic link', 'put the file itself here')
    if (code !== '') return refuse(`cannot be read (${code})`, 'it must be readable by you')
    throw error
  }
  if (await isTracked(path, where.env))
    return refuse(
      'is tracked by git',
      `git rm --cached ${name}, add it to .gitignore, and change the keys in it: they stand in the history`,
    )
  const { text, wrong } = decode(bytes)
  const source = newSource(path, name, text, false)
  if (wrong) {
    const { offset, ...rest } = wrong
    notes.mistakes.push({ place: { source, start: offset, end: offset + 1 }, path: [], ...rest })
    return { source, values: new Map() }
  }
  return { source, values: readPairs(source, notes) }
}

/** NAME: value lines. Values are text as written, so that 0123 stays 0123. */
function readPairs(source: Source, notes: Notes): Map<string, string> {
  const values = new Map<string, string>()
  const before = notes.mistakes.length
  const { root } = parseYaml(source, notes)
  // The parser's words may quote the line, and the line may be a secret.
  for (const finding of notes.mistakes.slice(before)) {
    finding.message = 'this line is not YAML, or not of the form NAME: value'
    finding.path = []
    finding.hint = 'put values with : # or quotes in them in single quotes'
  }
  if (!root) return values
  const refuse = (place: typeof root.place, path: string[], message: string) => {
    notes.mistakes.push({ place, path, message })
  }
  if (root.kind !== 'map') {
    if (root.kind === 'list' || root.value !== null) refuse(root.place, [], 'expected lines of the form NAME: value')
    return values
  }
  for (const [name, { key, value }] of root.entries) {
    if (value.kind !== 'scalar') refuse(key, [], 'a secret is text, not a list or a mapping')
    else if (typeof value.value === 'symbol') refuse(key, [], 'a secret cannot be another secret')
    else if (value.text === '') refuse(key, [], 'a secret cannot be empty')
    else values.set(name, value.text)
  }
  return values
}

/** True when git tracks the file. Without git, or outside of a work tree, nothing is tracked. */
async function isTracked(path: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  // Within a git hook GIT_DIR and its like point at another work tree. A repository's own settings must not run programs
  // here (core.fsmonitor), nor may its owner matter (safe.directory).
  const clean = Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('GIT_')))
  const argv = ['git', '-c', 'safe.directory=*', '-c', 'core.fsmonitor=false', 'ls-files', '--error-unmatch', '--']
  const answer = await runProgram([...argv, basename(path)], {
    cwd: dirname(path),
    env: clean,
    seconds: 20,
    mayAsk: false,
  })
  return 'stdout' in answer
}
