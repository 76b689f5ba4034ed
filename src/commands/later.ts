import { exitCodes, Problem } from '../problem.ts'

/**
 * Commands that messages may name and that are not built yet: they say so instead of being unknown. A name goes from here
 * when its command comes.
 */
export const laterCommands = ['move', 'drill'] as const

/** The refusal of a command or option that is not built yet. Nothing was done. */
export function notBuiltYet(what: string): Problem {
  return new Problem({
    code: 'not-supported-yet',
    doing: `running streamside ${what}`,
    found: 'this release does not have it yet',
    next: 'nothing was changed; the data in the replica and on the host stay as they are until it is there (docs/how-it-works.md says what lies where)',
    exit: exitCodes.usage,
  })
}
