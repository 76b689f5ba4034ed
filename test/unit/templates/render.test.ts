import { describe, expect, test } from 'vitest'
import { Secret } from '../../../src/inventory/secret.ts'
import { renderText, TemplateError } from '../../../src/templates/user-template.ts'

const rendered = (source: string, context: object) => renderText(source, context)

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

describe('a template that cannot be rendered says where, and why', () => {
  const context = {
    app: { name: 'notes', port: 8080 },
    env: { TOKEN: 'x' },
    databases: { main: '/var/lib/notes/notes.db' },
    list: ['a'],
  }
  test.each([
    ['a misspelt name', 'a\n b {{app.nme}}', 2, 4, 'there is no app.nme; did you mean app.name?'],
    ['a name that is nowhere', '{{zebra}}', 1, 1, 'there is no zebra; there is app, env, databases, list'],
    ['one in a condition, between others', '{{app.name}}\n{{#if env.TOKN}}\nx{{/if}}', 2, 1, 'there is no env.TOKN'],
    ['one within a block', '{{#each list}}\n  {{this}} {{../app.prt}}\n{{/each}}', 2, 12, 'there is no app.prt'],
    ['one after else', '{{#if app.port}}{{app.port}}{{else}}{{app.x}}{{/if}}{{env.x}}', 1, 53, 'there is no env.x'],
    ['one given to a helper', 'x\n\n\t{{sh env.TOKN}}', 3, 2, 'there is no env.TOKN; did you mean env.TOKEN?'],
    ['a helper that is given a list', '\n{{word list}}', 2, 1, 'the template helper word wants text'],
    ['what is no text', 'a {{app}}', 1, 3, 'a template printed object, not text'],
    ['an expression that is not closed', 'x\n\n  {{ a b', 3, 8, 'the template ends before'],
    ['a block that is not closed', '{{#if app}}\n foo', 2, 5, 'the template ends before'],
    ['a block closed by another', 'x\n{{#if app}}{{/each}}', 2, 4, "if doesn't match each"],
    ['a stray quote', 'x\na {{"}} b', 2, 5, 'this character has no place'],
    ['a stray else', 'a{{else}}', 1, 2, '{{else}} stands outside of a block'],
    ['raw output', 'a\nb {{{app.name}}}', 2, 3, '{{{ and {{& are not allowed'],
    ['a partial', '\n {{> header}}', 2, 2, 'The partial header could not be found'],
  ])('%s', (_, source, line, column, message) => {
    try {
      rendered(source, context)
      throw new Error('it was rendered')
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error
      expect([error.line, error.column]).toEqual([line, column])
      expect(error.message.startsWith(message), error.message).toBe(true)
    }
  })

  test('and one that can be is rendered as if nobody watched', () => {
    const source =
      'a\n{{#if app.port}}\n  p={{app.port}}\n{{else if env.TOKEN}}\n  t\n{{/if}}\n{{#each list}}\n- {{this}}\n{{/each}}\n'
    expect(rendered(source, context)).toBe('a\n  p=8080\n- a\n')
  })
})
