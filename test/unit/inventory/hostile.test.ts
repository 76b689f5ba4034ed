import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { loadChecked } from '../../../src/commands/load.ts'
import { formatMistakes } from '../../../src/report/format-mistakes.ts'
import { InventoryProblem, type Mistake } from '../../../src/inventory/mistake.ts'
import { deepest, mostValues } from '../../../src/inventory/locate.ts'
import { decode } from '../../../src/inventory/source.ts'
import { good, hostileDocument } from './hostile-documents.ts'
import { inventoryWith, keys } from './workspace.ts'

const folder = mkdtempSync(join(tmpdir(), 'streamside-hostile-'))
afterAll(() => rmSync(folder, { recursive: true }))

// One document may take a while on a machine that is busy with other tests; a loop that grows with its square takes minutes.
const longestSeconds = 30

/** Loads the document as the user's command would; what comes back has been looked through. */
async function load(document: string | Uint8Array): Promise<Mistake[] | null> {
  const path = join(folder, 'home.yaml')
  writeFileSync(path, document)
  const began = performance.now()
  let mistakes: Mistake[] | null = null
  let said = ''
  try {
    const { inventory, warnings } = await loadChecked(path, { cwd: folder, env: keys })
    said = formatMistakes(warnings, { label: 'warning' })
    for (const secret of Object.values(keys)) expect(JSON.stringify(inventory)).not.toContain(secret)
    expectPositions(warnings, document)
  } catch (error) {
    if (!(error instanceof InventoryProblem)) throw error
    mistakes = error.mistakes
    expect(mistakes.length).toBeGreaterThan(0)
    expectPositions(mistakes, document)
    said = formatMistakes(mistakes, { columns: mistakes.length % 2 === 0 ? 80 : 40, most: 2000 }) + shownError(error)
  }
  expect((performance.now() - began) / 1000).toBeLessThan(longestSeconds)
  // oxlint-disable-next-line no-control-regex
  expect(said).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/)
  for (const secret of Object.values(keys)) expect(said).not.toContain(secret)
  return mistakes
}

function shownError({ doing, found, next, message }: InventoryProblem): string {
  return [doing, found, next, message].join('\n')
}

function expectPositions(mistakes: Mistake[], document: string | Uint8Array): void {
  const lines = decode(Buffer.from(document)).text.split('\n')
  const astray = mistakes.filter(
    ({ file, line, column, message }) =>
      !(
        file === 'home.yaml' &&
        message !== '' &&
        line >= 1 &&
        line <= lines.length &&
        column >= 1 &&
        column <= (lines[line - 1] ?? '').length + 1
      ),
  )
  expect(astray).toEqual([])
}

test('the document that most of them are made from is sound', async () => {
  expect(await load(good)).toBeNull()
})

// More of them, and others: HOSTILE_DOCUMENTS=100000 HOSTILE_SEED=7 vitest run --project unit test/unit/inventory/hostile
const documents = Number(process.env['HOSTILE_DOCUMENTS'] ?? 10_000)
const seed = process.env['HOSTILE_SEED']

test(
  'of 10,000 documents each is loaded or refused in words, in its place, without harm',
  async () => {
    let refused = 0
    await fc.assert(
      fc.asyncProperty(hostileDocument, async (document) => {
        if ((await load(document)) !== null) refused++
      }),
      { numRuns: documents, ...(seed === undefined ? {} : { seed: Number(seed) }) },
    )
    // A generator that made nothing but nonsense would say little about the checks behind the parser.
    expect(refused).toBeGreaterThan(documents / 2)
    expect(refused).toBeLessThan(documents)
  },
  documents * 12,
)

describe('a document that is made to hurt is refused', () => {
  const big = 1024 * 1024 - 10
  const bomb = (levels: number, width: number) =>
    [
      'a0: &a0 [x]',
      ...Array.from({ length: levels }, (_, n) => `a${n + 1}: &a${n + 1} [${Array(width).fill(`*a${n}`).join(', ')}]`),
    ].join('\n')
  const documents: Record<string, [string | Uint8Array, RegExp]> = {
    'flow lists a megabyte deep': ['['.repeat(big), new RegExp(`more than ${deepest} levels`)],
    'flow mappings a megabyte deep': ['{a: '.repeat(big / 4), new RegExp(`more than ${deepest} levels`)],
    'block lists a megabyte deep': ['- '.repeat(big / 2), new RegExp(`more than ${deepest} levels`)],
    'keys of keys': ['? '.repeat(big / 2), new RegExp(`more than ${deepest} levels`)],
    'a staircase of mappings': [
      Array.from({ length: 1000 }, (_, n) => `${' '.repeat(n)}a:`).join('\n'),
      new RegExp(`more than ${deepest} levels`),
    ],
    'an alias bomb': [bomb(40, 10), new RegExp(`more than ${mostValues} values`)],
    'a deep alias chain': [bomb(200, 1), /levels deep/],
    'an alias to itself': ['apps: &a { b: *a }', /holds itself/],
    'a hundred thousand keys': [
      Array.from({ length: 100_000 }, (_, n) => `k${n}:`).join('\n'),
      new RegExp(`more than ${mostValues} values`),
    ],
    'a quote that is never closed': [`a: "${'x'.repeat(big)}`, /quote|Missing/],
    'a key of a megabyte': [`${'k'.repeat(big)}: 1`, /unknown key|1024/],
    'a line of a megabyte': [inventoryWith().replace('site: home', `site: ${'x '.repeat(500_000)}`), /site/],
    'a hundred thousand anchors': [`[${'&a x, '.repeat(100_000)}]`, new RegExp(`more than ${mostValues} values`)],
    'a hundred thousand tags': [`[${'!x y, '.repeat(100_000)}]`, /unknown tag !x/],
    'a hundred thousand mistakes of syntax': ['a: b: c\n'.repeat(100_000), /./],
    'more than a megabyte': ['#'.repeat(1024 * 1024 + 1), /larger than 1 MiB/],
    'a binary': [Uint8Array.from([0x7f, 0x45, 0x4c, 0x46, 0, 1, 2, 3]), /not a text file/],
    'bytes that are no UTF-8': [Uint8Array.from([0x61, 0x3a, 0x20, 0xff, 0xfe]), /not UTF-8/],
    'UTF-16': [Uint8Array.from([0xff, 0xfe, 0x61, 0]), /UTF-16/],
    nothing: ['', /empty/],
    'comments only': ['# nothing\n', /empty/],
    'two documents': [`${inventoryWith()}---\nversion: 1\n`, /second YAML document/],
    'a tab': ['version: 1\nhosts:\n\ta: {}\n', /tab/],
    'YAML 1.1': ['%YAML 1.1\n---\nversion: 1\n', /YAML 1\.2/],
    'a prototype': [inventoryWith('  __proto__: { host: pi-attic }\n'), /__proto__ cannot be a key/],
  }
  for (const [name, [document, message]] of Object.entries(documents))
    test(name, async () => {
      const mistakes = await load(document)
      expect(mistakes?.map((mistake) => mistake.message).join('\n')).toMatch(message)
    })
})

test('a byte order mark and Windows line ends do not matter', async () => {
  const text = inventoryWith('  {}\n').replace('apps:\n  {}\n', '')
  expect(await load(`\ufeff${text.replaceAll('\n', '\r\n')}`)).toBeNull()
})
