/**
 * Text from elsewhere (a host's output, a file's name), made harmless for a terminal: escape sequences, control characters
 * and those that turn the direction of writing are shown instead of obeyed. Newlines and tabs stay.
 */
export function harmless(text: string): string {
  return text.replaceAll(/(?![\n\t])[\p{Cc}\p{Bidi_Control}\u2028\u2029\ufeff]/gu, shown)
}

/** The same for text that must stay on one line. */
export function harmlessLine(text: string): string {
  return harmless(text.replaceAll(/\r?\n|\r|\t/g, ' '))
}

function shown(char: string): string {
  const code = char.codePointAt(0) ?? 0
  // The Unicode pictures of the control characters: ␛ for escape.
  if (code < 0x20) return String.fromCodePoint(0x2400 + code)
  if (code === 0x7f) return '␡'
  return `\\u${code.toString(16).padStart(4, '0')}`
}
