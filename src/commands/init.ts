import { constants } from 'node:fs'
import { copyFile, mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { stringify } from 'yaml'
import { cacheDirectory } from '../artifacts/cache.ts'
import { checkReleases } from '../artifacts/check-releases.ts'
import { findInventory } from '../inventory/find.ts'
import { InventoryProblem, newNotes, toMistakes } from '../inventory/mistake.ts'
import { Secret } from '../inventory/secret.ts'
import { variableOf } from '../inventory/secrets/environment.ts'
import { plainSecretsFile, readSecretsFile } from '../inventory/secrets/file.ts'
import { readSopsFile } from '../inventory/secrets/sops.ts'
import { shownPath } from '../inventory/show.ts'
import { starterInventory, starterSecrets } from '../inventory/starter.ts'
import { type ExitCode, exitCodes, Problem } from '../problem.ts'
import { terminalQuestions } from '../report/questions.ts'
import { shellWord } from '../templates/quote.ts'
import { refuseMissing, sshConfigOf, starterFromFlags } from './init-flags.ts'
import { type InitOptions, stoppingOf } from './init-options.ts'
import { askStarter } from './init-questions.ts'
import { loadChecked } from './load.ts'

/**
 * `streamside init`: writes a first inventory that passes `check`, by asking, from flags, or after a look at a host that runs
 * already (--from). The keys of the bucket are
 * taken from the environment (BACKUP_KEY, BACKUP_SECRET), or asked for without echo, and written to `secrets.yaml`, mode 0600
 * and ignored by git, so that the inventory provisions from any shell. What is there is never overwritten without --force.
 * @throws Problem `inventory-exists`, `init-incomplete`; InventoryProblem when what was said makes no sound inventory
 */
export async function runInit(options: InitOptions): Promise<ExitCode> {
  const cwd = options.cwd ?? process.cwd()
  const env = options.env ?? process.env
  const stdout = options.stdout ?? process.stdout
  const interactive = options.interactive ?? (process.stdin.isTTY && process.stderr.isTTY)
  const path = resolve(cwd, options.inventory ?? 'inventory.yaml')
  if (!options.force && options.dryRun !== true) await refuseExisting(path, cwd, options.inventory === undefined)

  const folder = dirname(path)
  // A host that is looked at says what flags and answers else have to; its bucket may be named later.
  const withBucket = options.from === undefined || options.bucket !== undefined
  const keys = withBucket ? await keysThere(folder, cwd, env) : { found: new Map(), missing: [] }
  const asks = interactive && options.from === undefined
  if (!asks) refuseMissing(options, interactive ? [] : keys.missing)
  const starter = asks
    ? await askStarter(options, { folder, cacheDirectory: cacheDirectory(env) })
    : await starterFromFlags(options, cwd)
  const secrets = await bucketKeys(keys, stoppingOf(options))
  const text = starterInventory({ ...starter, sshConfig: sshConfigOf(options, cwd, folder) })
  const variables = { ...env, ...asVariables(secrets) }
  if (options.dryRun === true) {
    const there = await stat(folder).catch(() => null)
    await checked(there ? path : join(tmpdir(), basename(path)), text, cwd, variables)
    stdout.write(text)
    return exitCodes.done
  }
  await mkdir(folder, { recursive: true })
  await checked(path, text, cwd, variables)
  await writeSecrets(folder, secrets, stdout)
  await replaceFile(path, text, stdout)
  stdout.write(`wrote ${path}\n${nextSteps(path, cwd)}`)
  return exitCodes.done
}

/** Commands that work as they are printed, from the folder where init was run. */
function nextSteps(path: string, cwd: string): string {
  const found = ['inventory.yaml', 'streamside.yaml'].some((name) => path === join(cwd, name))
  const where = found ? '' : ` --inventory ${shellWord(relative(cwd, path))}`
  return ['check', 'plan', 'provision'].map((command) => `next: streamside ${command}${where}\n`).join('')
}

async function refuseExisting(path: string, cwd: string, isDefault: boolean): Promise<void> {
  const there = await stat(path).catch(() => null)
  const found = there ? path : isDefault ? await findInventory(cwd).catch(() => null) : null
  if (found === null) return
  throw new Problem({
    code: 'inventory-exists',
    doing: 'writing a first inventory',
    found: `there is one already: ${found}`,
    next: 'streamside check looks at it; --force writes a new one and keeps the old one beside it',
    exit: exitCodes.usage,
  })
}

interface Keys {
  /** From the environment: kept as well, for the next shell does not have it. */
  found: Map<string, Secret>
  /** Names that neither the environment nor a file beside the inventory has. */
  missing: string[]
}

/** Which keys of the bucket no file beside the inventory has yet. */
async function keysThere(folder: string, cwd: string, env: NodeJS.ProcessEnv): Promise<Keys> {
  const known = await namesIn(folder, cwd, env)
  const keys: Keys = { found: new Map(), missing: [] }
  for (const name of Object.values(starterSecrets)) {
    if (known.has(name)) continue
    const value = env[variableOf(name) ?? '']
    if (value === undefined || value === '') keys.missing.push(name)
    else keys.found.set(name, new Secret(name, value))
  }
  return keys
}

/** The keys that are to be written down, asked for where they are missing. */
async function bucketKeys({ found, missing }: Keys, stopping: AbortSignal): Promise<Map<string, Secret>> {
  // No live table is on the screen that would have to make room.
  const questions = terminalQuestions({ suspended: (ask) => ask() }, stopping)
  const asked = new Map(found)
  if (questions)
    for (const name of missing)
      asked.set(name, await questions.secret(name === starterSecrets.key ? 'access key id: ' : 'secret access key: '))
  return asked
}

/** Where the loader looks first: so the inventory can be checked before anything is written. */
function asVariables(secrets: Map<string, Secret>): NodeJS.ProcessEnv {
  return Object.fromEntries([...secrets].map(([name, secret]) => [variableOf(name) ?? name, secret.reveal()]))
}

/** Names that secrets.yaml or secrets.sops.yaml hold already. One that is refused is refused before anything is added. */
async function namesIn(folder: string, cwd: string, env: NodeJS.ProcessEnv): Promise<Set<string>> {
  const notes = newNotes()
  const files = [await readSecretsFile({ folder, cwd, env }, notes), await readSopsFile({ folder, cwd, env }, notes)]
  const sources = files.flatMap((file) => (file ? [file.source] : []))
  const [first] = sources
  if (first && notes.mistakes.length > 0)
    throw new InventoryProblem(first.path, toMistakes(notes.mistakes, sources, [], shownPath))
  return new Set(files.flatMap((file) => [...(file?.values.keys() ?? [])]))
}

async function writeSecrets(
  folder: string,
  secrets: Map<string, Secret>,
  stdout: Pick<NodeJS.WriteStream, 'write'>,
): Promise<void> {
  if (secrets.size === 0) return
  const path = join(folder, plainSecretsFile)
  // git must not see the file for a moment either: it is ignored before it is there.
  await ignore(folder)
  const file = await open(
    path,
    constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW,
    0o600,
  )
  try {
    if ((await file.stat()).size === 0)
      await file.write('# Secrets of the inventory beside it: NAME: value. Keep the mode at 0600, and out of git.\n')
    for (const [name, secret] of secrets) await file.write(stringify({ [name]: secret.reveal() }, { lineWidth: 0 }))
    await file.sync()
  } finally {
    await file.close()
  }
  stdout.write(`wrote ${path} (mode 0600, in .gitignore)\n`)
}

async function ignore(folder: string): Promise<void> {
  const path = join(folder, '.gitignore')
  const before = await readFile(path, 'utf8').catch(() => '')
  if (before.split(/\r?\n/).some((line) => line === plainSecretsFile || line === `/${plainSecretsFile}`)) return
  const gap = before === '' || before.endsWith('\n') ? '' : '\n'
  await writeFile(path, `${before}${gap}${plainSecretsFile}\n`)
}

/** Loads the text as the inventory it is to become, so that nothing unsound is ever put in place. */
async function checked(path: string, text: string, cwd: string, env: NodeJS.ProcessEnv): Promise<void> {
  const draft = join(dirname(path), `.${basename(path)}.${process.pid}.yaml`)
  await writeFile(draft, text, { flag: 'wx' })
  try {
    await loadChecked(draft, { cwd, env, checks: [checkReleases(cacheDirectory(env))] })
  } catch (error) {
    if (!(error instanceof InventoryProblem)) throw error
    const mistakes = error.mistakes.map((mistake) => ({
      ...mistake,
      file: mistake.file.replace(basename(draft), basename(path)),
    }))
    throw new InventoryProblem(path, mistakes)
  } finally {
    await rm(draft)
  }
}

async function replaceFile(path: string, text: string, stdout: Pick<NodeJS.WriteStream, 'write'>): Promise<void> {
  const before = await stat(path).catch(() => null)
  if (before) {
    const kept = `${path}.before-${new Date().toISOString().replaceAll(/[:.]/g, '-')}`
    await copyFile(path, kept, constants.COPYFILE_EXCL)
    stdout.write(`kept the old one as ${kept}\n`)
  }
  const fresh = `${path}.${process.pid}.new`
  await writeFile(fresh, text, { flag: 'wx' })
  await rename(fresh, path)
}
