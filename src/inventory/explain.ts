import type { z } from 'zod'
import type { Notes } from './mistake.ts'
import { nearest } from './nearest.ts'
import { noArchitecture } from './schema/release.ts'
import { knownKeys, secretWanted } from './schema/scalars.ts'
import { shown } from './show.ts'
import { type Located, placeOf, valueAt } from './tree.ts'

type Issue = z.core.$ZodIssue

/** The words for what zod found, given to `safeParse`. Of unknown keys it lists the known ones, for `noteIssues` to pick from. */
export function issueText(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      if (issue.input === undefined) return 'missing'
      return `expected ${article(issue.expected)}, found ${kindOf(issue.input)}`
    case 'invalid_value': {
      const values = issue.values.map(String)
      const near = typeof issue.input === 'string' ? nearest(issue.input, values) : undefined
      if (issue.input === undefined) return 'missing'
      return `must be ${values.join(' or ')}${near ? `; did you mean ${near}?` : ''}`
    }
    case 'too_small':
      if (issue.origin === 'string' || issue.origin === 'array') return 'empty'
      return `must be at least ${issue.minimum}`
    case 'too_big':
      return issue.origin === 'string' ? `longer than ${issue.maximum} characters` : `must be at most ${issue.maximum}`
    case 'unrecognized_keys':
      return knownKeys(issue) ?? ''
    case 'invalid_key':
      return 'not a valid name'
    case 'not_multiple_of':
      return 'must be a whole number'
    default:
      return 'not valid'
  }
}

/**
 * Writes zod's issues about the value at `path` down as findings, each at the key or value that it is about.
 * Returns the paths below `path` that have one.
 */
export function noteIssues(
  issues: readonly Issue[],
  root: Located,
  path: readonly PropertyKey[],
  notes: Notes,
): PropertyKey[][] {
  const bad: PropertyKey[][] = []
  for (const issue of issues.flatMap(flatten)) {
    const full = [...path, ...issue.path]
    if (issue.code === 'unrecognized_keys') {
      const known = issue.message.split(' ')
      for (const key of issue.keys) {
        const near = nearest(key, known)
        const message = near
          ? `unknown key; did you mean ${near}?`
          : known.length <= 6
            ? `unknown key; known here: ${known.join(', ')}`
            : 'unknown key'
        notes.mistakes.push({ place: placeOf(root, [...full, key], 'key'), path: [...full, key], message })
        bad.push([...issue.path, key])
      }
      continue
    }
    bad.push([...issue.path])
    const found = valueAt(root, full)
    if (found?.kind === 'scalar' && found.unknown) continue
    if (found?.kind === 'scalar' && typeof found.value === 'symbol' && issue.code !== 'invalid_key') {
      notes.mistakes.push({ place: found.place, path: full, message: '!secret cannot be used here' })
      continue
    }
    const [message = 'not valid', hint] = issue.message.split('\n')
    const isKey = issue.code === 'invalid_key' || message === 'not yet supported'
    if (message === secretWanted) {
      if (found === undefined) {
        notes.mistakes.push({ place: placeOf(root, full, 'key'), path: full, message: 'missing', hint: secretHint })
        continue
      }
      notes.concealed.push(found.place)
      notes.mistakes.push({ place: placeOf(root, full, 'value'), path: full, message, hint: secretHint })
      continue
    }
    if (found?.kind === 'scalar' && issue.code === 'invalid_type' && message.startsWith('expected text, found the')) {
      notes.mistakes.push({
        place: found.place,
        path: full,
        message: `expected text, and YAML reads ${shown(found.text, 24)} as a ${typeof found.value}`,
        hint: `put it in quotes: "${shown(found.text, 24)}"`,
      })
      continue
    }
    notes.mistakes.push({
      place: placeOf(root, full, isKey ? 'key' : 'value'),
      path: full,
      message,
      ...(hint === undefined ? {} : { hint }),
    })
  }
  return bad
}

const secretHint =
  'its value comes from the environment variable of that name, secrets.yaml, secrets.sops.yaml or a command under secrets'

/** Issues within unions and names brought to the surface: the ones of the branch that the writer most likely meant. */
function flatten(issue: Issue): Issue[] {
  if (issue.code === 'invalid_key') {
    const inner = issue.issues[0]
    return [inner ? { ...issue, message: inner.message } : issue]
  }
  if (issue.code !== 'invalid_union') return [issue]
  const branches = issue.errors.map((branch) =>
    branch.map((each) => ({ ...each, path: [...issue.path, ...each.path] })),
  )
  const fitting = branches.filter((branch) => !branch.some((each) => isShape(each, issue.path.length)))
  if (fitting.length === 0) {
    const secret = branches.flat().find((each) => each.message === secretWanted)
    const expected = [
      ...new Set(
        branches
          .flat()
          .filter((each) => each !== secret)
          .flatMap(expectation),
      ),
    ]
    const found = branches
      .flat()
      .find((each) => each.code === 'invalid_type')
      ?.message.match(/found .*/)?.[0]
    const missing = branches.flat().some((each) => each.message === 'missing')
    const list = expected.length > 1 ? `${expected.slice(0, -1).join(', ')} or ${expected.at(-1)}` : expected.join('')
    return [
      {
        code: 'custom',
        path: issue.path,
        message: missing ? 'missing' : `expected ${list}${found ? `, ${found}` : ''}`,
        input: undefined,
      },
    ]
  }
  // Fewest complaints first; unknown keys weigh more than missing ones, so that `{ url }` is a download without checksum.
  const weight = (branch: Issue[]) =>
    branch.reduce((sum, each) => {
      if (each.code === 'unrecognized_keys') return sum + 1.5 * each.keys.length
      return each.message === noArchitecture ? sum : sum + 1
    }, 0)
  const best = fitting.toSorted((a, b) => weight(a) - weight(b))[0] ?? []
  return best.filter((each) => best.length === 1 || each.message !== noArchitecture).flatMap(flatten)
}

/** True when the value as a whole is of another kind than the branch wants. */
function isShape(issue: Issue, depth: number): boolean {
  if (issue.path.length > depth) return false
  return issue.code === 'invalid_type' || issue.code === 'invalid_value' || issue.message === secretWanted
}

function expectation(issue: Issue): string[] {
  if (issue.code === 'invalid_type') return [article(issue.expected)]
  if (issue.code === 'invalid_value') return issue.values.map((value) => String(value))
  return []
}

function article(expected: string): string {
  switch (expected) {
    case 'string':
      return 'text'
    case 'number':
      return 'a number'
    case 'int':
      return 'a whole number'
    case 'boolean':
      return 'true or false'
    case 'array':
      return 'a list'
    case 'object':
    case 'record':
      return 'a mapping'
    default:
      return expected
  }
}

function kindOf(value: unknown): string {
  if (value === null) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'string') return 'text'
  if (typeof value === 'number' || typeof value === 'boolean') return `the ${typeof value} ${shown(String(value))}`
  if (typeof value === 'symbol') return 'a secret'
  return 'a mapping'
}
