import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeField } from '../../../src/host/host-encoding.ts'
import { environmentLine, shellWord, shellWords, systemdExecWord, systemdWord } from '../../../src/templates/quote.ts'

/** Any text a file name or a value may hold: no NUL, no lone surrogates. */
const text = fc
  .oneof(
    fc.string({ unit: 'grapheme', maxLength: 40 }),
    fc.string({
      unit: fc.constantFrom(
        "'",
        '"',
        '$',
        '`',
        '\\',
        '%',
        ' ',
        '\n',
        '\t',
        '\r',
        ';',
        '&',
        '|',
        '*',
        '~',
        '!',
        '#',
        '-',
        'é',
        '💾',
        'x',
      ),
      maxLength: 20,
    }),
  )
  .filter((value) => !value.includes('\0'))

describe('shell words', () => {
  test('every value arrives in dash unchanged and runs nothing', () => {
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 40 }), (values) => {
        const script = `for word in ${shellWords(...values)}; do printf '%s\\0' "$word"; done`
        const got = execFileSync('sh', ['-c', script]).toString().split('\0').slice(0, -1)
        expect(got).toEqual(values)
      }),
      { numRuns: 150 },
    )
  })

  test('an empty value is still a word', () => {
    expect(shellWord('')).toBe("''")
  })

  test('a NUL is refused, for no argument can hold one', () => {
    expect(() => shellWord('a\0b')).toThrow(RangeError)
  })
})

describe('fields of the host protocol', () => {
  test("printf %b on the host gives back what the operator's side encoded", () => {
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 40 }), (values) => {
        const fields = values.map(encodeField)
        expect(fields.join('')).not.toMatch(/[\n\t]/)
        // the very lines of templates/host/probe.sh and apply.sh
        const script = `while IFS= read -r line; do case $line in *\\\\*) line=$(printf '%b_' "$line"); line=\${line%_} ;; esac; printf '%s\\0' "$line"; done`
        const input = fields.map((field) => `${field}\n`).join('')
        const got = execFileSync('sh', ['-c', script], { input }).toString().split('\0').slice(0, -1)
        expect(got).toEqual(values)
      }),
      { numRuns: 150 },
    )
  })
})

describe('systemd words', () => {
  test('stay on one line, quoted, with specifiers doubled', () => {
    fc.assert(
      fc.property(text, (value) => {
        const word = systemdWord(value)
        expect(word).not.toMatch(/[\n\r\t]/)
        expect(word.startsWith('"') && word.endsWith('"')).toBe(true)
        expect(word.replaceAll('%%', '')).not.toContain('%')
        expect(unquoteC(word.slice(1, -1)).replaceAll('%%', '%')).toBe(value)
      }),
    )
  })

  test('double the dollar on Exec lines only', () => {
    expect(systemdExecWord('$HOME')).toBe('"$$HOME"')
    expect(systemdWord('$HOME')).toBe('"$HOME"')
  })

  test('carry what systemd would take for no UTF-8 as bytes', () => {
    expect(systemdWord('a\uFFFEb')).toBe('"a\\xef\\xbf\\xbeb"')
    expect(() => systemdWord('\uD800')).toThrow(RangeError)
  })
})

describe('environment files', () => {
  test('a value that systemd or Linux would not hand over is refused', () => {
    for (const value of ['\0', '\uD800', '\uFDD0', '\u{1FFFF}', 'x'.repeat(131_070)])
      expect(() => environmentLine('A', value)).toThrow(RangeError)
    expect(() => environmentLine('A', 'x'.repeat(131_069))).not.toThrow()
  })

  test('a name that a shell or systemd would not take is refused', () => {
    for (const name of ['', '1A', 'A B', 'A=B', 'A\nB', 'é'])
      expect(() => environmentLine(name, 'x')).toThrow(RangeError)
  })

  test('values keep newlines, quotes and backslashes by the rules of systemd.exec(5)', () => {
    expect(environmentLine('A', 'a"b\\c$d`e\nf')).toBe('A="a\\"b\\\\c\\$d\\`e\nf"')
  })
})

/** The C escapes of systemd.syntax(7), read back. */
function unquoteC(quoted: string): string {
  return quoted.replaceAll(/\\(x[0-9a-f]{2}|.)/g, (_, escape: string) => {
    if (escape.startsWith('x') && escape.length === 3) return String.fromCodePoint(Number.parseInt(escape.slice(1), 16))
    return { n: '\n', t: '\t', r: '\r' }[escape] ?? escape
  })
}
