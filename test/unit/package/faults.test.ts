import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '../../..')
const textOf = (name: string) => readFileSync(join(root, name), 'utf8')

/** The first cells of the tables of what a run may say. */
const documented = new Set(
  textOf('docs/faults.md')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .flatMap((line) =>
      [...(line.split(' | ')[0] ?? '').matchAll(/`(?:gate-)?([a-z][a-z0-9-]*)`/g)].map(([, code]) => code),
    ),
)

/** Of other things than what a run says: mistakes of zod's, failures of an S3 that become a problem, a reason without a code. */
const others = new Set(['custom', 'code', 'not-carried', 'timeout', 'unreadable', 'refused'])

/** Made of a variable. */
const made = [
  'app-unknown',
  'host-unknown',
  'replica-full',
  'replica-read-only',
  'replica-denied',
  'unexpected',
  'no-files',
  'stale-files',
]

const word = '[a-z][a-z0-9]*(?:-[a-z0-9]+)*'

/** Codes that stand in files, where `pattern` finds the text that names them. */
function codesIn(files: string, pattern: RegExp, quoted = false): string[] {
  const found = globSync(files, { cwd: root })
    .flatMap((name) => [...textOf(name).matchAll(pattern)].map(([, text = '']) => text))
    .flatMap((text) =>
      quoted
        ? [...text.replaceAll(/=== '[^']*'/g, '').matchAll(new RegExp(`'(${word})'`, 'g'))].map(([, code = '']) => code)
        : text,
    )
  return [...new Set(found)].filter((code) => !others.has(code)).sort()
}

const sources: [string, string[]][] = [
  ['problems, warnings and findings', codesIn('src/**/*.ts', /\bcode: ([^,\n]*)/g, true)],
  [
    'those that a function is given first',
    codesIn('src/**/*.ts', new RegExp(`\\b(?:add|problem|failed)\\(\\s*'(${word})'`, 'g')),
  ],
  ['a transaction', codesIn('templates/host/apply/*.sh', /\bfail \d+ ([a-z][a-z-]*)/g)],
  [
    "an app's gate and its checks",
    codesIn('templates/host/decide/*.jq', new RegExp(`\\b(?:refuse|alarm|one_alert)\\("(${word})"`, 'g')),
  ],
  ['those made of a variable', made],
]

test.each(sources)('docs/faults.md has every code: %s', (_, codes) => {
  expect(codes.length).toBeGreaterThan(5)
  expect(codes.filter((code) => !documented.has(code))).toEqual([])
})
