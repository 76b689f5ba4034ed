import { readFile } from 'node:fs/promises'
import { onOperator } from '../inventory/paths.ts'
import { type Draft, mistake } from '../inventory/reading.ts'
import { displayName, newSource } from '../inventory/source.ts'
import { placeOf } from '../inventory/tree.ts'
import { renderText, TemplateError } from '../templates/user-template.ts'
import { draftApps } from './draft-app.ts'
import { type TemplateApp, templateContext } from './user-files.ts'

/** Renders the files of apps as provision does, on each of their hosts, and writes down what is wrong with a template. */
export async function checkTemplates(draft: Draft): Promise<void> {
  for (const { app } of draftApps(draft)) {
    const { name, environment, databases } = app
    for (const [target, file] of Object.entries(draft.entries.apps.get(name)?.files ?? {})) {
      const at = ['apps', name, 'files', target, 'from']
      const path = onOperator(draft.folder, file.from)
      const text = await textOf(path, (why) => mistake(draft, at, why))
      // What an unreadable part of the app would have given the template is not known.
      if (text === null || file.template === false || environment === null || databases === null) continue
      noteFirst(draft, { ...app, environment, databases }, { path, text, at })
    }
  }
}

/** The text of a file, or null. That it is missing, or a folder, has been said by the check of local files. */
async function textOf(path: string, refuse: (why: string) => void): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : null
    if (code === null) throw error
    if (!['ENOENT', 'ENOTDIR', 'EISDIR'].includes(code)) refuse(`cannot be read (${code})`)
    return null
  }
}

interface Template {
  path: string
  text: string
  /** Where the inventory names it. */
  at: readonly PropertyKey[]
}

/** One mistake a template: the engine stops at the first, and on most hosts it is the same. */
function noteFirst(draft: Draft, app: TemplateApp, template: Template): void {
  for (const host of hostsOf(draft, app.name))
    try {
      renderText(template.text, templateContext(app, host))
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error
      const source = newSource(template.path, displayName(template.path, draft.cwd), template.text)
      const start = source.offsetOf(error.line, error.column)
      const named = placeOf(draft.entries.root, template.at, 'value')
      const { line, column } = named.source.lineAt(named.start)
      draft.notes.mistakes.push({
        place: { source, start, end: start + error.width },
        path: template.at.slice(0, -1),
        message: error.message,
        hint: `${named.source.name}:${line}:${column} names this template; template: false copies it as it is`,
      })
      return
    }
}

/** The hosts that an app is said to run on; one that is not to be found stands for itself. */
function hostsOf(draft: Draft, name: string): { name: string; address: string }[] {
  const { apps, hosts } = draft.entries
  const entry = apps.get(name)
  const names = [entry?.host ?? [], entry?.hosts ?? []].flat()
  return (names.length > 0 ? names : ['host']).map((host) => ({
    name: host,
    address: hosts.get(host)?.address ?? host,
  }))
}
