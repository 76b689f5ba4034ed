import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { refusalOf } from '../../../src/node-version.ts'

test('a Node that is too old is told by its number, whatever its length', () => {
  for (const old of ['12.22.12', '18.19.0', '20.20.2', '22.9.0', '22.17.1', '21.18.0'])
    expect(refusalOf(old), old).toMatch(
      `streamside needs Node >= 22.18, this is v${old}; get a newer one from https://`,
    )
  for (const fine of ['22.18.0', '22.20.1', '23.0.0', '24.21.0', '100.0.0', '23.0.0-nightly2024'])
    expect(refusalOf(fine), fine).toBeNull()
})

test('it is the version that the package asks of npm', () => {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')
  const { engines } = JSON.parse(text) as { engines: { node: string } }
  expect(refusalOf('1.0.0')).toContain(`Node ${engines.node.replace('>=', '>= ')},`)
})
