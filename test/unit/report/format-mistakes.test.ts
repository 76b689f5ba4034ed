import { expect, test } from 'vitest'
import { formatMistakes } from '../../../src/report/format-mistakes.ts'
import type { Mistake } from '../../../src/inventory/mistake.ts'
import { textWidth } from '../../../src/report/text-width.ts'
import { inventoryWith, loadText, mistakesOf } from '../inventory/workspace.ts'

const mistake: Mistake = {
  file: 'home.yaml',
  line: 12,
  column: 5,
  path: 'apps.notes.hots',
  message: 'unknown key; did you mean host?',
  excerpt: { text: '    hots: pi-attic', start: 4, length: 4 },
}

test('a mistake is its position, its line and a caret', () => {
  expect(formatMistakes([mistake])).toBe(
    `home.yaml:12:5: apps.notes.hots: unknown key; did you mean host?
        hots: pi-attic
        ^~~~
`,
  )
})

test('a long line is cut around the caret, which stays under what it means', () => {
  const text = `a: ${'x'.repeat(300)}, hots: pi-attic, ${'y'.repeat(300)}`
  const start = text.indexOf('hots')
  for (const columns of [40, 80, 200]) {
    const lines = formatMistakes([{ ...mistake, excerpt: { text, start, length: 4 } }], { columns }).split('\n')
    const caret = lines.findIndex((line) => /^ *\^~~~$/.test(line))
    const shown = lines[caret - 1] ?? ''
    const at = (lines[caret] ?? '').indexOf('^')
    expect(shown.slice(at, at + 4)).toBe('hots')
    expect(shown).toMatch(/^ {4}….*…$/)
    for (const line of lines) expect(textWidth(line)).toBeLessThanOrEqual(columns)
  }
})

test('tabs and wide characters do not move the caret', () => {
  const text = '\tname: 日本語, hots: x'
  const out = formatMistakes([{ ...mistake, excerpt: { text, start: text.indexOf('hots'), length: 4 } }]).split('\n')
  const before = (out[1] ?? '').slice(0, (out[1] ?? '').indexOf('hots'))
  expect((out[2] ?? '').indexOf('^')).toBe(textWidth(before))
})

test('nothing of a file reaches the terminal but as text', () => {
  const evil = '\u001b]0;title\u0007\u001b[2J\u202e\u009b31m\r\n\u0000'
  const out = formatMistakes([
    { ...mistake, file: evil, path: evil, message: evil, hint: evil, excerpt: { text: evil, start: 0, length: 99 } },
  ])
  // oxlint-disable-next-line no-control-regex
  expect(out).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]/)
  expect(out).toContain('\\e]0;title')
})

test('more mistakes than anyone reads are counted', () => {
  const out = formatMistakes(
    Array.from({ length: 150 }, () => mistake),
    { most: 10 },
  )
  expect(out.match(/unknown key/g)).toHaveLength(10)
  expect(out).toMatch(/… and 140 more\n$/)
})

test('a secret in the open is refused, and not shown with any mistake of its line', async () => {
  const literal = 'AKIA-not-to-be-seen'
  const documents = {
    'in its place': inventoryWith().replace('!secret nas-key', `${literal}, bogus: 1`),
    'in quotes': inventoryWith().replace('!secret nas-key', `"${literal} \\" x", bogus: 1`),
    'in a file that is no YAML': inventoryWith().replace('!secret nas-key', `${literal}, ]`),
    'below a misspelt key': inventoryWith().replace(
      'secret-access-key: !secret nas-secret',
      `secret-acess-key: ${literal}`,
    ),
    'in several lines': inventoryWith().replace('!secret nas-key', `"x\n    ${literal}\n    y", bogus: 1`),
    'as the name of a secret': inventoryWith().replace('!secret nas-key', `!secret "/${literal}"`),
    'with an anchor': inventoryWith().replace('!secret nas-key', `&k ${literal}, bogus: 1`),
  }
  for (const [name, text] of Object.entries(documents)) {
    const mistakes = await mistakesOf(loadText(text))
    expect(formatMistakes(mistakes) + JSON.stringify(mistakes), name).not.toContain(literal)
  }
})
