import { examples } from './examples.ts'
import { inventorySchema } from './json-schema.ts'

/** A key of the inventory: its path, with `<name>` for what the user chooses, and what the schema says about it. */
export interface DocumentedKey {
  path: string
  description: string
  /** Known to the schema, and refused as not yet supported. */
  later: boolean
}

type Schema = { [key: string]: unknown; properties?: Record<string, Schema>; description?: string }

/** Every key that the schema knows, in its order, once. */
export function documentedKeys(): DocumentedKey[] {
  const root = inventorySchema() as Schema
  const found = new Map<string, DocumentedKey>()
  const walk = (schema: Schema, path: string, later: boolean): void => {
    for (const union of ['anyOf', 'oneOf', 'allOf'])
      for (const each of (schema[union] as Schema[] | undefined) ?? []) walk(each, path, later)
    for (const [key, value] of Object.entries(schema.properties ?? {})) {
      const own = path === '' ? key : `${path}.${key}`
      const description = value.description ?? ''
      const refused = later || description.startsWith('Not yet supported.')
      if (!found.has(own)) found.set(own, { path: own, description, later: refused })
      walk(value, own, refused)
    }
    const named = schema['additionalProperties']
    if (typeof named === 'object' && named !== null) walk(named as Schema, `${path}.<name>`, later)
  }
  walk(root, '', false)
  return [...found.values()].filter(({ path }) => !/\.from\.(amd64|arm64|armhf)\./.test(path))
}

const groups = [
  ['Top level', /^[a-z]+$/],
  ['`defaults`, `ssh`, `litestream`, `secrets`', /^(defaults|ssh|litestream|secrets)\./],
  ['Logging: `logs`', /^logs\./],
  ['A replica: `replicas.<name>`', /^replicas\.<name>\./],
  ['A host: `hosts.<name>`', /^hosts\.<name>\./],
  ['An app: `apps.<name>`', /^apps\.<name>\./],
] as const

/** All keys with an example each, as Markdown: the part of docs/inventory.md that nobody writes by hand. */
export function manual(): string {
  const keys = documentedKeys()
  const parts = groups.map(([title, pattern]) => {
    const rows = keys.filter(({ path, later }) => pattern.test(path) && !later)
    const lines = rows.map(({ path, description }) => {
      const key = path.replace(/^(replicas|hosts|apps)\.<name>\./, '')
      return `| \`${key}\` | ${cell(description.replaceAll('<', '\\<'))} | \`${cell(examples[path] ?? '')}\` |`
    })
    return [`### ${title}`, '', '| key | what it says | example |', '|---|---|---|', ...lines, ''].join('\n')
  })
  const later = keys.filter(
    ({ path, later: refused }) => refused && !keys.some((key) => key.later && path.startsWith(`${key.path}.`)),
  )
  const named = later.map(({ path }) => `\`${path}\``).join(', ')
  return [...parts, `### Known, and not yet supported`, '', `${named}.`, ''].join('\n')
}

/** In a table a pipe ends the cell. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}

const begin = '<!-- keys: written by npm run docs -->'
const end = '<!-- end of keys -->'

/** The manual's text with its generated part replaced. Throws when the marks are not there. */
export function withManual(text: string): string {
  const [before, rest] = text.split(begin)
  const after = rest?.split(end)[1]
  if (before === undefined || after === undefined) throw new Error(`there is no place between ${begin} and ${end}`)
  return `${before}${begin}\n\n${manual()}\n${end}${after}`
}
