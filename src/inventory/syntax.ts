import type { YAMLError } from 'yaml'
import { shown } from './show.ts'

/** What the YAML library found, in words for someone who does not know YAML's grammar. */
export function explainSyntax(error: YAMLError): { message: string; hint?: string } {
  // Some of the library's texts quote the source.
  const own = shown(error.message, 160)
  switch (error.code) {
    case 'TAB_AS_INDENT':
      return { message: 'a tab where YAML wants spaces', hint: 'indent with spaces only' }
    case 'BAD_INDENT':
    case 'BLOCK_AS_IMPLICIT_KEY':
      return {
        message: own,
        hint: 'keys of one mapping begin in the same column; a value with ": " in it needs quotes',
      }
    case 'MULTILINE_IMPLICIT_KEY':
      return { message: own, hint: 'is a colon missing at the end of this line, or a quote not closed?' }
    case 'MISSING_CHAR':
      return { message: own, hint: 'a bracket, a quote or a comma is missing here or above' }
    case 'BAD_SCALAR_START':
      return { message: own, hint: 'put the value in quotes' }
    case 'BAD_DQ_ESCAPE':
      return { message: own, hint: "within double quotes \\ begins an escape; single quotes take it as it is: 'a\\b'" }
    case 'KEY_OVER_1024_CHARS':
      return { message: 'a key of more than 1024 characters; is a quote not closed?' }
    default:
      return { message: own }
  }
}
