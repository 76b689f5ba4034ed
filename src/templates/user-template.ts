import { closed, compileOptions, engine } from './engine.ts'

/** A template of the user's that cannot be rendered: where in it, from 1 each, and why. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError'
  readonly line: number
  readonly column: number
  /** Columns that the expression in question takes in its line. */
  readonly width: number

  constructor(place: Position, message: string, cause?: unknown) {
    super(message, { cause })
    this.line = place.line
    this.column = place.column
    this.width = place.width
  }
}

interface Position {
  line: number
  column: number
  width: number
}

/**
 * Renders a template of the user's with the context, in strict mode.
 * @throws TemplateError with the position of what is wrong: of a mistake of syntax, else of the expression that was being
 * evaluated
 */
export function renderText(source: string, context: object): string {
  const raw = /\{\{\{|\{\{~?&/.exec(source)
  if (raw)
    throw new TemplateError(positionAt(source, raw.index, raw[0].length), '{{{ and {{& are not allowed; write {{')
  let at: Position = { line: 1, column: 1, width: 1 }
  const places: Position[] = []
  try {
    const program = engine.parse(source)
    mark(program, places)
    const helpers = {
      [marker]: (index: number) => {
        at = places[index] ?? at
        return ''
      },
    }
    return engine.compile(program, compileOptions)(closed(context), { helpers })
  } catch (error) {
    if (!(error instanceof Error)) throw error
    throw syntaxError(source, error) ?? new TemplateError(statedPlace(error) ?? at, words(error), error)
  }
}

// Handlebars has no hook that says where it is: before each statement goes one of ours that does. No template can name it.
const marker = '@where'

function mark(program: hbs.AST.Program, places: Position[]): void {
  // compile() works out blank lines a second time, and there looks for the block of an {{else if}} in the first place.
  const { chained } = program as { chained?: boolean }
  program.body = program.body.flatMap((statement) => {
    for (const inner of ['program', 'inverse'] as const)
      if (inner in statement) {
        const part = (statement as Partial<hbs.AST.BlockStatement>)[inner]
        if (part) mark(part, places)
      }
    if (chained === true || statement.type === 'ContentStatement' || statement.type === 'CommentStatement')
      return [statement]
    places.push(positionOf(statement.loc))
    return [markAt(places.length - 1, statement.loc), statement]
  })
}

function markAt(index: number, loc: hbs.AST.SourceLocation): hbs.AST.MustacheStatement {
  const path: hbs.AST.PathExpression = {
    type: 'PathExpression',
    data: false,
    depth: 0,
    parts: [marker],
    original: marker,
    loc,
  }
  const place: hbs.AST.NumberLiteral = { type: 'NumberLiteral', value: index, original: index, loc }
  const hash: hbs.AST.Hash = { type: 'Hash', pairs: [], loc }
  const strip: hbs.AST.StripFlags = { open: false, close: false }
  return { type: 'MustacheStatement', path, params: [place], hash, escaped: true, strip, loc }
}

function positionOf({ start, end }: hbs.AST.SourceLocation): Position {
  return { line: start.line, column: start.column + 1, width: end.line === start.line ? end.column - start.column : 2 }
}

/** Handlebars' own exceptions may say where: `lineNumber` from 1, `column` from 0. */
function statedPlace(error: Error): Position | null {
  const { lineNumber, column } = error as { lineNumber?: unknown; column?: unknown }
  return typeof lineNumber === 'number' && typeof column === 'number'
    ? { line: lineNumber, column: column + 1, width: 2 }
    : null
}

function words(error: Error): string {
  return error.message.replace(/ - \d+:\d+$/, '')
}

const unexpected: Record<string, string> = {
  EOF: 'the template ends before {{ or a block is closed',
  INVALID: 'this character has no place in an expression',
  INVERSE: '{{else}} stands outside of a block',
  OPEN_ENDBLOCK: 'this closes a block that is not open',
  CLOSE: 'the expression ends too early',
}

/**
 * The parser tells a mistake of syntax in prose only: `Parse error on line N:`, up to 20 characters before the place with
 * line breaks left out, dashes of that length with a caret, and what it expected (showPosition() of jison's lexer).
 */
function syntaxError(source: string, error: Error): TemplateError | null {
  const said = /^(?:Parse|Lexical) error on line (\d+)[.:].*\n(.*)\n(-*)\^(?:\n.*got '(\w+)')?/.exec(error.message)
  if (!said) return null
  const [, line = '1', shown = '', dashes = '', got = ''] = said
  const before = shown.slice(0, dashes.length).replace(/^\.\.\.(?=.{20}$)/, '')
  const offset = offsetAfter(source, before, Number(line))
  const ends = got === 'INVALID' && !source.includes('}}', offset)
  return new TemplateError(
    positionAt(source, offset, 1),
    unexpected[ends ? 'EOF' : got] ?? 'not the syntax of Handlebars',
    error,
  )
}

/** Where a text ends in the source, line breaks aside; of several places the one nearest to a line. */
function offsetAfter(source: string, text: string, line: number): number {
  if (text === '') return 0
  const offsets = Array.from(source.matchAll(/[^\n]/g), (match) => match.index)
  const flat = source.replaceAll('\n', '')
  let best = source.length
  let distance = Infinity
  for (let at = flat.indexOf(text); at !== -1; at = flat.indexOf(text, at + 1)) {
    const offset = (offsets[at + text.length - 1] ?? source.length - 1) + 1
    const away = Math.abs(positionAt(source, offset, 1).line - line)
    if (away < distance) [best, distance] = [offset, away]
  }
  return best
}

function positionAt(source: string, offset: number, width: number): Position {
  const before = source.slice(0, offset)
  return { line: before.split('\n').length, column: offset - before.lastIndexOf('\n'), width }
}
