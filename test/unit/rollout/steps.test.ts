import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sharedPrograms } from '../../../src/plan/payload.ts'
import { hostProgram } from '../../../src/templates/render.ts'

let payload: string
beforeAll(() => {
  payload = mkdtempSync(path.join(tmpdir(), 'streamside-steps-'))
})
afterAll(() => rmSync(payload, { recursive: true }))

const part = (name: string) =>
  new RegExp(`^${name}\\(\\) \\{[^]*?^\\}`, 'm').exec(hostProgram('apply/apply.sh'))?.[0] ?? ''

test('a step of a transaction may go over the steps itself: each comes once, with its number and all of its fields', () => {
  const lines = ['keep\tweb\ta b\\tc\\n', 'roll\tweb\t', 'reload', 'keep\tweb\tlast', 'roll\tother\tx']
  writeFileSync(path.join(payload, 'steps'), lines.map((line) => `${line}\n`).join(''))
  const program = `tab=$(printf '\\t'); ${['decode', 'each', 'with_fields'].map(part).join('\n')}
    kept() { printf '  kept'; printf ' <%s>' "$@"; echo; }
    rolled() { each keep kept; printf 'rolled'; printf ' <%s>' "$@"; echo; }
    each roll rolled; each none rolled`
  const said = execFileSync('sh', ['-euc', program], { encoding: 'utf8', env: { payload, PATH: process.env['PATH'] } })
  const kept = '  kept <1> <web> <a b\tc\n>\n  kept <4> <web> <last>\n'
  expect(said).toBe(`${kept}rolled <2> <web> <>\n${kept}rolled <5> <other> <x>\n`)
})

test('no two parts of apply.sh have a function of the same name: the later one would take the place of the other', () => {
  const parts = [...hostProgram('apply/apply.sh').matchAll(/^\. \.\/(\S+)$/gm)].map(([, name = '']) => name)
  expect(parts).toContain('roll.sh')
  const shared = new Set(sharedPrograms)
  const names = ['apply.sh', ...parts].flatMap((name) =>
    [...hostProgram(shared.has(name) ? name : `apply/${name}`).matchAll(/^([a-z_]+)\(\)/gm)].map(
      ([, each = '']) => each,
    ),
  )
  expect(names.filter((name, n) => names.indexOf(name) !== n)).toEqual([])
})
