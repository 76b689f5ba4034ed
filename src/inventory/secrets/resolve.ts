import type { Entries } from '../entries.ts'
import type { Notes } from '../mistake.ts'
import { nearest } from '../nearest.ts'
import { Secret } from '../secret.ts'
import { shown } from '../show.ts'
import type { Place } from '../source.ts'
import type { Located } from '../tree.ts'
import { variableOf } from './environment.ts'
import { plainSecretsFile, readSecretsFile, sopsSecretsFile, type SecretsFile } from './file.ts'
import { failureText, runProgram } from './program.ts'
import { readSopsFile } from './sops.ts'

export interface SecretsOptions {
  folder: string
  cwd: string
  env: NodeJS.ProcessEnv
  /** Whether a word may stand in a part of the inventory that could not be read. */
  mayHold: (word: string) => boolean
}

/** Seconds a command under `secrets` may take: it may wait for a finger on a sensor. */
const commandSeconds = 30

interface Use {
  name: string
  place: Place
  path: readonly PropertyKey[]
}

/**
 * The value of every `!secret NAME`, each looked up once: in the environment, in the command that `secrets` gives for it,
 * in `secrets.yaml`, in `secrets.sops.yaml`; the first that has it counts, so that a CI job's environment needs none of the
 * others. A secret that is nowhere is a mistake at each place that uses it.
 */
export async function resolveSecrets(
  entries: Entries,
  options: SecretsOptions,
  notes: Notes,
): Promise<Map<string, Secret>> {
  const uses = secretUses(entries.root)
  const before = notes.mistakes.length
  const files = await openFiles(options, notes)
  const refused = () => notes.mistakes.slice(before).some(({ place }) => !place.source.showsLines)
  const secrets = new Map<string, Secret>()
  for (const name of new Set(uses.map((use) => use.name))) {
    const found = await findSecret(name, entries, options, files)
    if ('value' in found && !found.value.includes('\0') && found.value !== '') {
      secrets.set(name, new Secret(name, found.value))
      continue
    }
    // It may well stand in the file that was refused, or a command for it in what could not be read of the inventory; saying
    // that it is nowhere would lead astray.
    const unread = options.mayHold('secrets') && options.mayHold(name)
    if (!('value' in found) && found.nowhere && (unread || refused())) continue
    const message =
      'value' in found
        ? `the secret ${name} ${found.value === '' ? 'is empty' : 'holds a NUL byte'} in ${found.from}`
        : found.message
    const hint = 'value' in found ? undefined : found.hint
    for (const use of uses) if (use.name === name) noteOnce(notes, use, message, hint)
  }
  for (const use of uses) checkKey(use, secrets.get(use.name), notes)
  return secrets
}

/** Every `!secret` outside of mistakes, in document order. */
function secretUses(root: Located, path: readonly PropertyKey[] = []): Use[] {
  if (root.kind === 'scalar')
    return typeof root.value === 'symbol' ? [{ name: root.value.description ?? '', place: root.place, path }] : []
  if (root.kind === 'list') return root.items.flatMap((item, index) => secretUses(item, [...path, index]))
  return [...root.entries].flatMap(([key, { value }]) => secretUses(value, [...path, key]))
}

async function openFiles(options: SecretsOptions, notes: Notes): Promise<() => Promise<SecretsFile[]>> {
  // secrets.yaml is looked at even when nothing is read from it: one that others can read is a danger by being there.
  const plain = await readSecretsFile(options, notes)
  let all: SecretsFile[] | undefined
  return async () => (all ??= [plain, await readSopsFile(options, notes)].filter((file) => file !== null))
}

type Found = { value: string; from: string } | { message: string; hint?: string; nowhere?: boolean }

async function findSecret(
  name: string,
  entries: Entries,
  { folder, env }: SecretsOptions,
  files: () => Promise<SecretsFile[]>,
): Promise<Found> {
  const variable = variableOf(name)
  const fromEnvironment = variable === null ? undefined : env[variable]
  if (variable !== null && fromEnvironment !== undefined)
    return { value: fromEnvironment, from: `the environment variable ${variable}` }

  const command = entries.secrets.get(name)?.command
  if (command) {
    const program = shown(command[0] ?? '')
    const waiting = `waiting for the command of secret ${shown(name)} (${program})`
    const answer = await runProgram(command, { cwd: folder, env, seconds: commandSeconds, mayAsk: true, waiting })
    if ('stdout' in answer) {
      const text = answer.stdout.toString('utf8')
      if (!Buffer.from(text, 'utf8').equals(answer.stdout))
        return { message: `the command for the secret ${name} (${program}) printed something that is no UTF-8 text` }
      return { value: text.replace(/\r?\n$/, ''), from: `the output of ${program}` }
    }
    return {
      message: `the command for the secret ${name} (${program}) ${failureText(answer.failed, commandSeconds)}`,
      hint: 'run it by hand to see what it says; its words are not repeated here, they may hold the secret',
    }
  }

  const opened = await files()
  for (const file of opened) {
    const value = file.values.get(name)
    if (value !== undefined) return { value, from: file.source.name }
  }
  const names = opened.flatMap((file) => [...file.values.keys()])
  const near = nearest(name, [...names, ...entries.secrets.keys()])
  const looked = [
    variable === null ? null : `the environment variable ${variable}`,
    ...[plainSecretsFile, sopsSecretsFile].map((file) => {
      const there = opened.find(({ source }) => source.path.endsWith(`/${file}`))
      return there ? there.source.name : `${file} (there is none)`
    }),
    'a command under secrets',
  ].filter((each) => each !== null)
  return {
    nowhere: true,
    message: `no value for the secret ${name}${near ? `; did you mean ${shown(near)}?` : ''}`,
    hint: `looked for in ${looked.join(', ')}`,
  }
}

/** Access keys stand in one line of a file that curl or systemd reads: a line break in one would be another setting. */
function checkKey({ name, place, path }: Use, secret: Secret | undefined, notes: Notes): void {
  if (secret === undefined || path.at(0) === 'apps') return
  // oxlint-disable-next-line no-control-regex
  if (/[\x00-\x1f\x7f]/.test(secret.reveal()))
    notes.mistakes.push({
      place,
      path,
      message: `the secret ${name} holds a line break or another control character, which a key or password cannot`,
    })
}

/** Where something is wrong already, that the secret cannot be found as well says nothing more. */
function noteOnce(notes: Notes, { place, path }: Use, message: string, hint: string | undefined): void {
  const there = notes.mistakes.some(({ place: each }) => each.source === place.source && each.start === place.start)
  if (!there) notes.mistakes.push({ place, path, message, ...(hint === undefined ? {} : { hint }) })
}
