import { expect, test } from 'vitest'
import { baseResources, versionLink } from '../../../src/desired/base.ts'

test('every folder that programs of root lie in is looked at, and nobody else may write to it', () => {
  for (const gated of [true, false]) {
    const resources = baseResources(gated)
    const version = resources.find((each) => each.kind === 'link' && each.path === versionLink)
    const folders = new Map(resources.flatMap((each) => (each.kind === 'directory' ? [[each.path, each]] : [])))
    const target = version?.kind === 'link' ? version.target : ''
    expect(folders.has(target)).toBe(true)
    expect(folders.has(`${target}/decide`)).toBe(gated)
    for (const each of resources) {
      if (each.kind !== 'file') continue
      const folder = folders.get(each.path.replace(/\/[^/]+$/, ''))
      expect(folder).toMatchObject({ mode: '0755', owner: 'root', group: 'root' })
    }
  }
})
