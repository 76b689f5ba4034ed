import { mistake, type Reading } from '../reading.ts'
import { type Located, valueAt } from '../tree.ts'
import { wrongPath } from '../paths.ts'

/** Values that YAML has already turned into something else than what stands in the file. */
export function checkValues(reading: Reading): void {
  const { root, apps } = reading.entries
  for (const [name, app] of apps) {
    const environment = valueAt(root, ['apps', name, 'environment'])
    if (environment?.kind === 'map')
      for (const [variable, { value }] of environment.entries)
        if (changedByYaml(value))
          mistake(
            reading,
            ['apps', name, 'environment', variable],
            `YAML reads this as the number ${String(value.kind === 'scalar' ? value.value?.toString() : '')}`,
            'put it in quotes to have it as it stands',
          )
    for (const [index, path] of (app.unprotected ?? []).entries()) {
      const wrong = path.startsWith('/')
        ? `is relative to the ${app.service === undefined ? 'state directory of the app' : 'folder of its database'}`
        : path.split('/').includes('..')
          ? wrongPath(path)
          : null
      if (wrong !== null) mistake(reading, ['apps', name, 'unprotected', index], wrong)
    }
  }
}

/** `0123`, `1.10`, `1e3`: numbers whose text is not what comes out when they are written again. */
function changedByYaml(value: Located): boolean {
  return value.kind === 'scalar' && typeof value.value === 'number' && String(value.value) !== value.text
}
