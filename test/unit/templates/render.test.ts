import { describe, expect, test } from 'vitest'
import { Secret } from '../../../src/inventory/secret.ts'
import { renderText } from '../../../src/templates/render.ts'

const rendered = (source: string, context: object) => renderText(source, context, 'test')

describe('templates', () => {
  test('print text as it is, not escaped for HTML', () => {
    expect(rendered('{{a}}', { a: `<a href="x">&'` })).toBe(`<a href="x">&'`)
  })

  test('print the value of a secret, where the file is meant to hold it', () => {
    expect(rendered('key={{key}}', { key: new Secret('key', 'hunter2') })).toBe('key=hunter2')
  })

  test.each([
    ['a name that is not there', '{{missing}}'],
    ['one below an object', '{{a.missing}}'],
    ['one in a condition', '{{#if missing}}x{{/if}}'],
    ['one in a loop', '{{#each missing}}x{{/each}}'],
    ['one given to a helper', '{{sh missing}}'],
  ])('refuse %s', (_, source) => {
    expect(() => rendered(source, { a: { b: 1 } })).toThrow(/missing/)
  })

  test('refuse to print what is no text', () => {
    expect(() => rendered('{{a}}', { a: { b: 1 } })).toThrow(/not text/)
    expect(() => rendered('{{a}}', { a: null })).toThrow(/not text/)
  })

  test('refuse the two ways around quoting', () => {
    expect(() => rendered('{{{a}}}', { a: 'x' })).toThrow(/not allowed/)
    expect(() => rendered('{{& a}}', { a: 'x' })).toThrow(/not allowed/)
  })

  test('cannot reach prototypes', () => {
    expect(() => rendered('{{a.constructor.name}}', { a: {} })).toThrow()
    expect(() => rendered('{{__proto__}}', {})).toThrow()
  })
})
