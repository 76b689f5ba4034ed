import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { splitWords } from '../../../src/inventory/schema/words.ts'
import { shellWords } from '../../../src/templates/quote.ts'

test('words that were quoted for a shell come apart as they were', () => {
  const word = fc.string({ unit: 'binary', maxLength: 12 }).filter((text) => !text.includes('\0'))
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 6 }), (words) => {
      expect(splitWords(shellWords(...words))).toEqual({ words })
    }),
    { numRuns: 2000 },
  )
})

test('what is accepted means the same to sh', () => {
  const piece = fc.constantFrom(
    'a',
    'B',
    '1',
    ' ',
    '  ',
    "'",
    '"',
    '\\',
    '$',
    '-',
    '=',
    '/',
    '.',
    '%',
    '{',
    '}',
    '#x',
    '~x',
    'é',
    '$(',
    '\\\n',
    ',',
    ':',
  )
  const commands = fc
    .sample(fc.array(piece, { minLength: 1, maxLength: 10 }), { numRuns: 3000, seed: 1 })
    .map((pieces) => `x${pieces.join('')}`)
    // To a shell a line break ends the command; here it is a blank.
    .filter((command) => !/(?<!\\)(\\\\)*\n/.test(command) && 'words' in splitWords(command))
  // Each word in a line of its own, an empty line after each command; one sh for all of them.
  const script = commands.map((command) => `printf '%s\\n' ${command}\nprintf '\\n'\n`).join('')
  const answers = execFileSync('sh', ['-f'], { input: script, encoding: 'utf8' })
  const ours = commands.map((command) => {
    const split = splitWords(command)
    return 'words' in split ? `${split.words.join('\n')}\n\n` : ''
  })
  expect(commands.length).toBeGreaterThan(500)
  expect(answers).toBe(ours.join(''))
})

describe('what only a shell understands is refused:', () => {
  for (const command of [
    'a | b',
    'a > b',
    'a < b',
    'a && b',
    'a; b',
    'a &',
    'a $(b)',
    'a `b`',
    'a $HOME',
    'a ${B}',
    'a "$(b)"',
    'a "$B"',
    'a *.txt',
    'a ~/b',
  ])
    test(command, () => {
      expect(splitWords(command)).toMatchObject({ wrong: expect.stringContaining('no shell runs this command') })
    })
})

test('the same within single quotes, or after a backslash, is itself', () => {
  expect(splitWords(`a '| > $(b) *' \\| \\$HOME "a|b;c"`)).toEqual({
    words: ['a', '| > $(b) *', '|', '$HOME', 'a|b;c'],
  })
})

test('a quote that is not closed is named', () => {
  expect(splitWords(`a 'b`)).toEqual({ wrong: "the quote ' is not closed" })
  expect(splitWords('a \\')).toEqual({ wrong: 'ends in a backslash that escapes nothing' })
})
