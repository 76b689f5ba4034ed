import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { harmless, harmlessLine } from '../../../src/report/harmless.ts'
import { columnsOf, pad, textWidth, truncate, wrap } from '../../../src/report/text-width.ts'

const anyText = fc.string({ unit: 'grapheme', maxLength: 40 }).map(harmlessLine)

describe('the width of a text on a terminal', () => {
  test.each([
    ['pi-attic', 8],
    ['größe', 5],
    ['e\u0301', 1],
    ['东京', 4],
    ['ｆｕｌｌ', 8],
    ['한국', 4],
    ['👍', 2],
    ['👩‍👩‍👧', 2],
    ['❤️', 2],
    ['…│', 2],
    ['', 0],
  ])('of %j is %d', (text, width) => {
    expect(textWidth(text)).toBe(width)
  })

  test('is never more than asked for after cutting, and exactly that after filling up', () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 0, max: 50 }), (text, columns) => {
        const cut = truncate(text, columns)
        expect(textWidth(cut)).toBeLessThanOrEqual(columns)
        expect(textWidth(pad(cut, columns))).toBe(columns)
        if (textWidth(text) <= columns) expect(cut).toBe(columns === 0 ? '' : text)
      }),
    )
  })

  test('shows that something was cut off', () => {
    expect(truncate('a long detail', 8)).toBe('a long …')
    expect(truncate('东京都', 4)).toBe('东…')
  })
})

describe('wrapping', () => {
  test('keeps every word, in order, and breaks only what does not fit', () => {
    const words = fc.array(fc.stringMatching(/^[a-z/.東]{1,12}$/), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(words, fc.integer({ min: 5, max: 40 }), (words, columns) => {
        const lines = wrap(words.join(' '), columns)
        expect(lines.join(' ').split(' ')).toEqual(words)
        for (const line of lines) if (textWidth(line) > columns) expect(line).not.toContain(' ')
        for (const [index, line] of lines.entries()) {
          const next = lines[index + 1]?.split(' ')[0]
          if (next !== undefined) expect(textWidth(`${line} ${next}`)).toBeGreaterThan(columns)
        }
      }),
    )
  })

  test('keeps the line breaks that are there', () => {
    expect(wrap('one two\n\nthree', 80)).toEqual(['one two', '', 'three'])
  })
})

describe('text from elsewhere', () => {
  test('cannot steer a terminal', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        // oxlint-disable-next-line no-control-regex -- control characters are what it looks for
        expect(harmless(text)).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/)
        expect(harmlessLine(text)).not.toMatch(/[\n\r\t]/)
      }),
    )
  })

  test('is shown for what it is', () => {
    expect(harmless('\u001b[2J\u001b]0;owned\u0007\r\n\u0085\u202egpj.exe')).toBe(
      '␛[2J␛]0;owned␇␍\n\\u0085\\u202egpj.exe',
    )
    expect(harmless('grün\tund blau\n')).toBe('grün\tund blau\n')
  })
})

test('a terminal that says it has no columns has as many as a pipe', () => {
  expect([{ columns: 0 }, {}, { columns: 132 }].map(columnsOf)).toEqual([80, 80, 132])
})
