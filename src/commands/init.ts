import { constants } from 'node:fs'
import { copyFile, mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
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
import { type Starter, starterInventory, starterSecrets } from '../inventory/starter.ts'
import { type ExitCode, exitCodes, Problem } from '../problem.ts'
import { terminalQuestions } from '../report/questions.ts'
import { shellWord } from '../templates/quote.ts'
import type { InitOptions } from './init-options.ts'
import { askStarter, splitHost } from './init-questions.ts'
import { splitPackages } from './init-rules.ts'
import { loadChecked } from './load.ts'

/**
 * `streamside init`: writes a first inventory that passes `check`, by asking or from flags. The keys of the bucket are
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
  if (!options.force) await refuseExisting(path, cwd, options.inventory === undefined)

  const folder = dirname(path)
  const keys = await keysThere(folder, cwd, env)
  if (!interactive) refuseMissing(options, keys.missing)
  const starter = interactive
    ? await askStarter(options, { folder, cacheDirectory: cacheDirectory(env) })
    : starterFromFlags(options)
  await mkdir(folder, { recursive: true })
  const secrets = await bucketKeys(keys)
  const text = starterInventory(starter)
  await checked(path, text, cwd, { ...env, ...asVariables(secrets) })
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

/** All that flags and environment leave open, in one go. */
function refuseMissing(options: InitOptions, keys: string[]): void {
  const ofApp = ['release', 'command', 'packages', 'port', 'database', 'health'] as const
  const app = options.app !== undefined || ofApp.some((flag) => options[flag] !== undefined)
  const flags = [
    ...(options.host.length === 0 ? ['--host NAME=ADDRESS'] : []),
    ...(options.bucket === undefined ? ['--bucket NAME'] : []),
    ...(app && options.app === undefined ? ['--app NAME'] : []),
    ...(app && options.release === undefined ? ['--release PATH'] : []),
    ...(app && options.command === undefined ? ['--command COMMAND'] : []),
  ]
  if (flags.length === 0 && keys.length === 0) return
  const missing = `${flags.join(', ')} ${flags.length === 1 ? 'is' : 'are'} missing`
  const unset = `nothing says what the bucket's keys are (${keys.map((name) => variableOf(name)).join(', ')} not set)`
  throw new Problem({
    code: 'init-incomplete',
    doing: 'writing a first inventory from flags',
    found: [...(flags.length > 0 ? [missing] : []), ...(keys.length > 0 ? [unset] : [])].join(', and '),
    next:
      (keys.length > 0 ? 'set the keys in the environment, never as flags; ' : '') +
      `${flags.length > 0 ? 'give the flags, or ' : ''}run streamside init on a terminal and be asked`,
    exit: exitCodes.usage,
  })
}

function starterFromFlags(options: InitOptions): Starter {
  const hosts = options.host.map((text) => splitHost(text))
  return {
    site: options.site ?? 'home',
    user: options.user ?? null,
    hosts,
    replica: {
      endpoint: options.endpoint ?? null,
      region: options.region ?? 'us-east-1',
      bucket: options.bucket ?? '',
      prefix: options.prefix ?? options.site ?? 'home',
    },
    app:
      options.app === undefined
        ? null
        : {
            name: options.app,
            host: hosts[0]?.name ?? '',
            release: options.release ?? '',
            command: options.command ?? '',
            packages: splitPackages(options.packages ?? ''),
            port: options.port ?? null,
            database: options.database ?? null,
            health: options.health ?? null,
          },
  }
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
async function bucketKeys({ found, missing }: Keys): Promise<Map<string, Secret>> {
  // No live table is on the screen that would have to make room.
  const questions = terminalQuestions({ suspended: (ask) => ask() })
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
