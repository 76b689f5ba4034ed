import { readFileSync } from 'node:fs'
import { closed, compileOptions, engine } from './engine.ts'

/** Where the templates lie, in a checkout (src/) and in the published package (dist/) alike. */
export const templatesDirectory = new URL('../../templates/', import.meta.url)

const compiled = new Map<string, HandlebarsTemplateDelegate>()

/**
 * Renders `templates/<name>` with the context.
 * Throws TypeError when the template names something the context lacks, or prints anything but text, numbers, booleans.
 */
export function render(name: string, context: object): string {
  let template = compiled.get(name)
  if (!template) {
    template = engine.compile(readFileSync(new URL(name, templatesDirectory), 'utf8'), compileOptions)
    compiled.set(name, template)
  }
  return template(closed(context))
}

/** A shell program or jq program that goes to hosts as it is. */
export function hostProgram(name: string): string {
  return readFileSync(new URL(`host/${name}`, templatesDirectory), 'utf8')
}
