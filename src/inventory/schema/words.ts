import { z } from 'zod'

/** What a parameter expansion may begin with (POSIX 2.6.2); `$` before anything else is itself. */
const expansion = /^\$[({A-Za-z_0-9@*#?$!-]/

const shellSyntax = [
  { pattern: /^\$\(/, name: '$(' },
  { pattern: /^`/, name: '`' },
  { pattern: expansion, name: '$NAME' },
  { pattern: /^&&/, name: '&&' },
  { pattern: /^\|\|?/, name: '|' },
  { pattern: /^[<>]/, name: '> or <' },
  { pattern: /^[;&]/, name: '; or &' },
  { pattern: /^[()]/, name: '( or )' },
  { pattern: /^[*?](?=\s|$|[./])/, name: '*' },
]

/**
 * Splits a command as a shell splits words: blanks (line breaks are blanks here), single and double quotes, backslashes
 * (POSIX 2.2). Nothing is expanded and no shell runs it, so what only a shell would understand is refused, with the way to have it.
 */
export function splitWords(command: string): { words: string[] } | { wrong: string } {
  const words: string[] = []
  let word: string | null = null
  let at = 0
  while (at < command.length) {
    const char = command[at] ?? ''
    if (/\s/.test(char)) {
      if (word !== null) words.push(word)
      word = null
      at++
      continue
    }
    const quoted = char === "'" || char === '"' ? readQuoted(command, at) : null
    if (quoted) {
      if ('wrong' in quoted) return quoted
      word = (word ?? '') + quoted.text
      at = quoted.end
      continue
    }
    if (command.startsWith('\\\n', at)) {
      at += 2
      continue
    }
    if (char === '\\') {
      if (at + 1 >= command.length) return { wrong: 'ends in a backslash that escapes nothing' }
      word = (word ?? '') + command[at + 1]
      at += 2
      continue
    }
    const rest = joined(command, at)
    const shell =
      word === null && (char === '~' || char === '#')
        ? { name: `${char} at the start of a word` }
        : shellSyntax.find(({ pattern }) => pattern.test(rest))
    if (shell) return { wrong: `no shell runs this command, so ${shell.name} means nothing in it\n${useShell}` }
    word = (word ?? '') + char
    at++
  }
  if (word !== null) words.push(word)
  return { words }
}

/** What follows a place, lines that a backslash continues joined: a shell does that before it looks for `$NAME` and the like. */
function joined(command: string, at: number): string {
  return command.slice(at, at + 40).replaceAll('\\\n', '')
}

const useShell = `for a shell write a list: ["sh", "-c", "exec …"]; to have the characters themselves, quote them`

function readQuoted(command: string, start: number): { text: string; end: number } | { wrong: string } {
  const quote = command[start] ?? ''
  let text = ''
  for (let at = start + 1; at < command.length; at++) {
    const char = command[at] ?? ''
    if (char === quote) return { text, end: at + 1 }
    const next = command[at + 1]
    // POSIX 2.2.3: within double quotes a backslash escapes these four and a line break only.
    if (quote === '"' && char === '\\' && next !== undefined && '$`"\\\n'.includes(next)) {
      text += next === '\n' ? '' : next
      at++
    } else if (quote === '"' && (char === '`' || expansion.test(joined(command, at))))
      return { wrong: `no shell runs this command, so ${char} is not expanded in it\n${useShell}` }
    else text += char
  }
  return { wrong: `the quote ${quote} is not closed` }
}

/** A command: one string that is split into words, or a list that is taken as it is. Yields argv. */
export function command() {
  return z.union([z.string(), z.array(z.string())]).transform((value, context): string[] => {
    const split = typeof value === 'string' ? splitWords(value) : { words: value }
    const wrong =
      'wrong' in split
        ? split.wrong
        : (split.words[0] ?? '') === ''
          ? 'names no program'
          : split.words.some((word) => word.includes('\0'))
            ? 'cannot hold a NUL character'
            : null
    if (wrong !== null) context.addIssue({ code: 'custom', message: wrong })
    return 'wrong' in split ? [] : split.words
  })
}
