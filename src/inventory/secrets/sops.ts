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
  const answer = await runProgram(argv, {
    cwd: folder,
    env,
    seconds,
    mayAsk: true,
    waiting: `waiting for sops to decrypt ${source.name}`,
  })
  if ('failed' in answer)
    return answer.failed === 'missing'
      ? refuse('is encrypted, and sops is not installed', 'install it from https://getsops.io, or put sops on PATH')
      : refuse(...whySopsFailed(answer.failed, source.name))
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

/** What a failure of sops means and what to do, by its exit status: cmd/sops/codes/codes.go, tried with 3.7.3. */
function whySopsFailed(failed: string, file: string): [message: string, hint: string] {
  const look = `sops -d ${file}  says more`
  switch (failed) {
    case 'exit status 128':
      return [
        'could not be decrypted: none of your keys fits it',
        `with age: put your key into ~/.config/sops/age/keys.txt, or name its file in SOPS_AGE_KEY_FILE; ${look}`,
      ]
    case 'exit status 25':
    case 'exit status 51':
      return ['could not be decrypted: it was changed after sops wrote it', `change it with sops ${file} only; ${look}`]
    default:
      return [`could not be decrypted: sops ${failureText(failed, seconds)}`, look]
  }
}
