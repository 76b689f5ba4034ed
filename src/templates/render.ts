import { readFileSync } from 'node:fs'
import Handlebars from 'handlebars'
import { Secret } from '../inventory/secret.ts'
import { environmentLine, shellWord, systemdExecWord, systemdWord } from './quote.ts'

/** Where the templates lie, in a checkout (src/) and in the published package (dist/) alike. */
export const templatesDirectory = new URL('../../templates/', import.meta.url)

const engine = Handlebars.create()

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

const compiled = new Map<string, HandlebarsTemplateDelegate>()

/**
 * Renders `templates/<name>` with the context.
 * Throws TypeError when the template names something the context lacks, or prints anything but text, numbers, booleans.
 */
export function render(name: string, context: object): string {
  let template = compiled.get(name)
  if (!template) {
    template = compile(readFileSync(new URL(name, templatesDirectory), 'utf8'), name)
    compiled.set(name, template)
  }
  return template(closed(context))
}

/** Renders a template of the user's. Throws Error with the engine's own words on a bad one. */
export function renderText(source: string, context: object, name: string): string {
  return compile(source, name)(closed(context))
}

/** A shell program or jq program that goes to hosts as it is. */
export function hostProgram(name: string): string {
  return readFileSync(new URL(`host/${name}`, templatesDirectory), 'utf8')
}

function compile(source: string, name: string): HandlebarsTemplateDelegate {
  if (source.includes('{{{') || /\{\{~?&/.test(source)) throw new SyntaxError(`${name}: {{{ and {{& are not allowed`)
  return engine.compile(source, { strict: true, preventIndent: true })
}

/**
 * `strict` misses `{{#if x}}`, `{{#each x}}` and helper arguments: a context that throws on what it does not hold sees
 * every one of them.
 */
function closed<T extends object>(value: T): T {
  return new Proxy(value, {
    get(target, key, receiver) {
      const found: unknown = Reflect.get(target, key, receiver)
      // Handlebars turns the context into text for its own message on a missing name.
      const own = typeof key === 'symbol' || ['constructor', 'toString', 'valueOf'].includes(key)
      if (own || Array.isArray(target)) return found
      if (!Object.hasOwn(target, key))
        throw new TypeError(`the template asks for ${key}, which its context does not hold`)
      return found !== null && typeof found === 'object' && !(found instanceof Secret) ? closed(found) : found
    },
  })
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
