/**
 * Text of unknown origin made fit for a terminal: nothing in a file, a name or a value may move the cursor, change
 * colours or reorder what a person reads.
 */

// Control, format (bidi overrides, zero width) and surrogate code points, and the two Unicode line separators.
const harmful = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

const named: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\0': '\\0', '\x1b': '\\e' }

/** The text with every control, format and lone surrogate character written as a visible escape. */
export function harmless(text: string): string {
  return text.replaceAll(
    harmful,
    (char) => named[char] ?? `\\u{${(char.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}}`,
  )
}

/** The text made harmless and cut to `limit` characters, for names and values within a message. */
export function shown(text: string, limit = 60): string {
  return harmless(text.length > limit ? `${text.slice(0, limit - 1)}…` : text)
}

/** A path of keys as it reads in a message: `apps.notes.hosts[1]`; keys that are no plain words stand in quotes. */
export function shownPath(path: readonly PropertyKey[]): string {
  let out = ''
  for (const key of path) {
    if (typeof key === 'number') out += `[${key}]`
    else {
      const text = String(key)
      const word = /^[\w@-]{1,60}$/.test(text) ? text : `"${shown(text, 40)}"`
      out += out === '' ? word : `.${word}`
    }
  }
  return out
}
