import path from 'node:path'
import { Problem } from '../problem.ts'
import { notCarried } from '../templates/quote.ts'
import { currentLink } from './places.ts'

/** Why systemd could not start a command as it stands. */
export interface WrongCommand {
  /** Which word of it, from 0. */
  word: number
  found: string
  next: string
}

/** argv of a command of an app on the host: a relative path starts at the release, a bare word is looked up in PATH. */
function onHost(app: string, command: readonly string[]): string[] {
  const [program = '', ...args] = command
  const inRelease = program.includes('/') && !program.startsWith('/')
  return [inRelease ? path.posix.join(currentLink(app), program) : program, ...args]
}

/** What systemd would make something else of, or null. */
export function wrongCommand(app: string, command: readonly string[]): WrongCommand | null {
  const words = onHost(app, command)
  const [program = ''] = command
  const [resolved = ''] = words
  // systemd.service(5), "Special executable prefixes": quotes do not keep them from it, and `+` would run it as root.
  if (/^[-@:+!|]/.test(resolved))
    return {
      word: 0,
      found: `systemd takes the ${resolved[0]} at the beginning of ${program} for a prefix`,
      next: 'write its path instead',
    }
  // string_is_safe() in its string-util.c
  // oxlint-disable-next-line no-control-regex
  const unsafe = /[\x00-\x1f\x7f"'\\]/.exec(resolved)
  if (unsafe)
    return {
      word: 0,
      found: `the program ${JSON.stringify(program)} holds ${JSON.stringify(unsafe[0])}, which systemd takes in none`,
      next: 'give it another name in the release',
    }
  for (const [word, text] of words.entries()) {
    const wrong = notCarried(text)
    if (wrong !== null) return { word, found: `${JSON.stringify(text)} ${wrong}`, next: 'mend it in the inventory' }
  }
  return null
}

/**
 * argv of a command of the app on the host.
 * @throws Problem `command` when systemd could not start it as it stands (the loader has looked; this is for inventories made
 * otherwise)
 */
export function resolvedCommand(app: { name: string }, command: readonly string[]): string[] {
  const wrong = wrongCommand(app.name, command)
  if (wrong !== null)
    throw new Problem({
      code: 'command',
      doing: `reading the command of ${app.name}`,
      found: wrong.found,
      next: wrong.next,
      app: app.name,
      exit: 2,
    })
  return onHost(app.name, command)
}
