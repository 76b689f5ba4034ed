import Handlebars from 'handlebars'
import { nearest } from '../inventory/nearest.ts'
import { Secret } from '../inventory/secret.ts'
import { environmentLine, shellWord, systemdExecWord, systemdWord } from './quote.ts'

/** Handlebars as configs need it: nothing is escaped for HTML, and nothing is printed that is no text. */
export const engine = Handlebars.create()

// Handlebars escapes for HTML by default, which breaks every config; and with `noEscape` it would print "[object Object]"
// and add adjacent numbers. So: text and numbers as they are, everything else is an error in the template.
engine.Utils.escapeExpression = (value: unknown): string => {
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (value instanceof Secret) return value.reveal()
  if (value instanceof Handlebars.SafeString) return value.toString()
  throw new TypeError(`a template printed ${value === null ? 'null' : typeof value}, not text`)
}

engine.registerHelper({
  word: (value: unknown) => systemdWord(text(value, 'word')),
  words: (values: unknown) => list(values, 'words').map(systemdWord).join(' '),
  exec: (values: unknown) => {
    const [program = '', ...args] = list(values, 'exec')
    return [systemdWord(program), ...args.map(systemdExecWord)].join(' ')
  },
  env: (name: unknown, value: unknown) => environmentLine(text(name, 'env'), text(value, 'env')),
  specifiers: (value: unknown) => text(value, 'specifiers').replaceAll('%', '%%'),
  sh: (value: unknown) => shellWord(text(value, 'sh')),
  json: (value: unknown) => JSON.stringify(value),
})

/** How every template is compiled. */
export const compileOptions = { strict: true, preventIndent: true } as const

/**
 * `strict` misses `{{#if x}}`, `{{#each x}}` and helper arguments: a context that throws on what it does not hold sees
 * every one of them. Throws TypeError with the nearest name that it does hold.
 */
export function closed<T extends object>(value: T, path = ''): T {
  return new Proxy(value, {
    // So that `strict` leaves the answer to `get`, which knows more names.
    has: () => true,
    get(target, key, receiver) {
      const found: unknown = Reflect.get(target, key, receiver)
      // Handlebars turns the context into text for its own message on a missing name.
      const own = typeof key === 'symbol' || ['constructor', 'toString', 'valueOf'].includes(key)
      if (own || Array.isArray(target)) return found
      if (!Object.hasOwn(target, key))
        throw new TypeError(`there is no ${path}${key}${alternatives(target, key, path)}`)
      return found !== null && typeof found === 'object' && !(found instanceof Secret)
        ? closed(found, `${path}${key}.`)
        : found
    },
  })
}

function alternatives(target: object, key: string, path: string): string {
  const names = Object.keys(target)
  const near = nearest(key, names)
  if (near !== undefined) return `; did you mean ${path}${near}?`
  return names.length > 0 && names.length <= 8 ? `; there is ${names.map((name) => path + name).join(', ')}` : ''
}

function text(value: unknown, helper: string): string {
  if (typeof value === 'string') return value
  if (typeof value === 'number') return String(value)
  if (value instanceof Secret) return value.reveal()
  throw new TypeError(`the template helper ${helper} wants text, not ${typeof value}`)
}

function list(values: unknown, helper: string): string[] {
  if (!Array.isArray(values)) throw new TypeError(`the template helper ${helper} wants a list`)
  return values.map((value) => text(value, helper))
}
