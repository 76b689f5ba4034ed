import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Secret } from '../../../src/inventory/secret.ts'
import { createRedactor, redactAll } from '../../../src/report/redactor.ts'
import { environmentLine, shellWord, systemdExecWord, systemdWord } from '../../../src/templates/quote.ts'

/** Every way in which a value may turn up in what is printed. */
const encodings: Record<string, (value: string) => string> = {
  'as it is': (value) => value,
  JSON: (value) => JSON.stringify({ key: value }),
  base64: (value) => Buffer.from(value).toString('base64'),
  base64url: (value) => Buffer.from(value).toString('base64url'),
  hex: (value) => Buffer.from(value).toString('hex'),
  'a URL': (value) => `https://x.test/?key=${encodeURIComponent(value)}&b=1`,
  'a form': (value) => new URLSearchParams({ key: value }).toString(),
  'a shell word': shellWord,
  'a systemd setting': systemdWord,
  'an Exec line': systemdExecWord,
  'an environment file': (value) => environmentLine('KEY', value),
}

const value = fc
  .oneof(
    fc.string({ minLength: 4, maxLength: 40, unit: fc.constantFrom(...Array.from('abcXYZ019 "\'\\$%&+/=`~!#()*\nä')) }),
    fc.string({ minLength: 4, maxLength: 40, unit: 'grapheme-composite' }),
  )
  .filter(
    (text) =>
      text.isWellFormed() && text.length >= 4 && !text.includes('\0') && text.trim() !== '' && !'***'.includes(text),
  )

describe('a redactor', () => {
  test.each(Object.entries(encodings))('takes a secret out where it stands as %s', (_, encode) => {
    fc.assert(
      fc.property(value, (secret) => {
        const shown = encode(secret)
        const redacted = createRedactor([new Secret('s', secret)])(`before ${shown} after`)
        expect(redacted).toContain('***')
        expect(redacted).not.toContain(secret)
        // Taken out whole: nothing but what surrounds it in this encoding of another value is left.
        expect(redacted).not.toContain(shown)
      }),
      { numRuns: 200 },
    )
  })

  test('takes a shell word out as a real shell would have read it', () => {
    const secret = `it's "a" $secret\\ %d \`x\``
    const redact = createRedactor([new Secret('s', secret)])
    const traced = execFileSync('sh', ['-c', `set -x; : ${shellWord(secret)}`, 'sh'], {
      stdio: 'pipe',
      encoding: 'utf8',
    })
    expect(redact(traced)).not.toContain('$secret')
    expect(redact(`+ : ${shellWord(secret)}`)).toBe(`+ : '***'`)
  })

  test('takes the longer of two out whole when one holds the other', () => {
    expect(createRedactor([new Secret('a', 'pass'), new Secret('b', 'password')])('password pass')).toBe('*** ***')
  })

  test('takes a key file out line by line, as a diff shows it', () => {
    const key = '-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END KEY-----\n'
    const diff = key
      .split('\n')
      .map((line) => `+${line}`)
      .join('\n')
    expect(createRedactor([new Secret('key', key)])(diff)).not.toMatch(/MIIE|kqhk/)
  })

  test('takes out a value that is as long as an environment variable may be', () => {
    const value = 'long "$x" % \\ '.repeat(9_000)
    expect(createRedactor([new Secret('long', value)])(`before ${JSON.stringify(value)} after`)).toBe(
      'before "***" after',
    )
  })

  test.each([
    ['longer than an environment variable may be', 'long "$x" % \\ '.repeat(12_000)],
    ['with a noncharacter', 'hunter2\uFDD0'],
    ['with half a surrogate pair', 'hunter2\uD800'],
  ])('takes out a value that no environment could carry: %s', (_, value) => {
    expect(createRedactor([new Secret('long', value)])(`before ${JSON.stringify(value)} after ${value}`)).toBe(
      'before "***" after ***',
    )
  })

  test('leaves values alone that are too short to be told from innocent text', () => {
    expect(createRedactor([new Secret('s', 'abc'), new Secret('empty', '')])('abcdef')).toBe('abcdef')
  })

  test('keeps what it prints of events readable: only free text is searched', () => {
    const redact = createRedactor([new Secret('s', 'host-step'), new Secret('t', 'pi-attic')])
    const event = { type: 'host-step', host: 'pi-attic', step: 'host-step', detail: 'on pi-attic', seconds: 3 }
    expect(redactAll(event, redact)).toEqual({ ...event, detail: 'on ***' })
  })
})
