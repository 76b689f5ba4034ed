import { access } from 'node:fs/promises'
import { join } from 'node:path'
import type { Notes } from '../mistake.ts'
import { displayName, newSource } from '../source.ts'
import { sopsSecretsFile, type SecretsFile } from './file.ts'
import { failureText, runProgram } from './program.ts'

const seconds = 120

/**
 * Decrypts `secrets.sops.yaml` beside the inventory with the user's own `sops`; null when there is no such file. The plain
 * text stays in memory. SOPS itself asks for what it needs (age key, PGP agent, cloud key service).
 */
export async function readSopsFile(
  { folder, cwd, env }: { folder: string; cwd: string; env: NodeJS.ProcessEnv },
  notes: Notes,
): Promise<SecretsFile | null> {
  const path = join(folder, sopsSecretsFile)
  try {
    await access(path)
  } catch {
    return null
  }
  const source = newSource(path, displayName(path, cwd), '', false)
  const values = new Map<string, string>()
  const refuse = (message: string, hint: string) => {
    notes.mistakes.push({ place: { source, start: 0, end: 1 }, path: [], message, hint })
    return { source, values }
  }
  // -d is understood by every release of SOPS; JSON leaves no question about types and escapes.
  const argv = ['sops', '-d', '--output-type', 'json', path]
  const answer = await runProgram(argv, { cwd: folder, env, seconds, mayAsk: true })
  if ('failed' in answer)
    return answer.failed === 'missing'
      ? refuse('is encrypted, and sops is not installed', 'install it from https://getsops.io, or put sops on PATH')
      : refuse(`could not be decrypted: sops ${failureText(answer.failed, seconds)}`, `try it: sops -d ${source.name}`)
  let data: unknown
  try {
    data = JSON.parse(answer.stdout.toString('utf8'))
  } catch {
    return refuse('was decrypted to something that is no JSON', `look at it with: sops -d ${source.name}`)
  }
  if (typeof data !== 'object' || data === null || Array.isArray(data))
    return refuse('was decrypted to something else than lines NAME: value', `look at it with: sops ${source.name}`)
  for (const [name, value] of Object.entries(data)) {
    if (typeof value === 'string') values.set(name, value)
    else if (typeof value === 'number' || typeof value === 'boolean') values.set(name, String(value))
  }
  return { source, values }
}
