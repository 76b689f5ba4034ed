/**
 * Quoting for the three languages that configs and remote commands are written in. A value that goes through one of these
 * arrives unchanged and runs nothing; a value that cannot be carried (a NUL, a newline where the format has none) throws.
 */

/** One POSIX shell word: single quotes, which dash, bash and busybox read alike. Throws RangeError on NUL. */
export function shellWord(value: string): string {
  if (value.includes('\0')) throw new RangeError('a shell word cannot hold a NUL character')
  if (/^[A-Za-z0-9_@%+=:,./-]+$/.test(value)) return value
  return `'${value.replaceAll("'", `'\\''`)}'`
}

/** A command line of quoted words. */
export function shellWords(...values: string[]): string {
  return values.map(shellWord).join(' ')
}

// Unicode's noncharacters: systemd takes text that holds one for no UTF-8 at all and drops the whole assignment
// (unichar_is_valid() in its utf8.c).
const noncharacter = /\p{Noncharacter_Code_Point}/u

/** Why systemd cannot hand this value to a process, as the end of a sentence; null when it can. */
export function notCarried(value: string): string | null {
  if (value.includes('\0')) return 'cannot hold a NUL character'
  // It has no UTF-8: what arrived would be U+FFFD.
  if (!value.isWellFormed()) return 'cannot hold half a surrogate pair'
  return null
}

/**
 * One word of a systemd setting that splits words (ExecStart=, Environment=, ReadWritePaths= …): double quotes, C escapes,
 * `%` doubled because specifiers are expanded everywhere. systemd.syntax(7), systemd.unit(5) "Specifiers".
 */
export function systemdWord(value: string): string {
  const wrong = notCarried(value)
  if (wrong !== null) throw new RangeError(`a systemd setting ${wrong}`)
  return `"${escapeC(value).replaceAll('%', '%%')}"`
}

/**
 * One argument of an Exec line: like `systemdWord`, and `$` doubled because Exec lines expand variables. Not for the program
 * itself, in whose path systemd expands none and leaves `$$` as it is. systemd.service(5), "Command lines".
 */
export function systemdExecWord(value: string): string {
  return systemdWord(value).replaceAll('$', '$$$$')
}

/** Bytes of NAME=VALUE and its NUL: MAX_ARG_STRLEN of Linux, above which execve(2) refuses to start the program. */
const longestVariable = 131_072

/** Why an EnvironmentFile= cannot carry this value, as the end of a sentence; null when it can. */
export function notCarriedByFile(name: string, value: string): string | null {
  if (Buffer.byteLength(`${name}=${value}`) >= longestVariable)
    return `cannot be longer than ${longestVariable / 1024} KiB, name included: Linux starts no program with it`
  // There is no escape for it there, and one such value makes systemd refuse the whole file, and the start.
  const found = noncharacter.exec(value)
  if (found)
    return `cannot hold the noncharacter U+${(found[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`
  return notCarried(value)
}

/**
 * One line of an EnvironmentFile=: NAME="value". Within double quotes systemd takes `\` before `"`, `\`, `` ` ``, `$` and a
 * newline as an escape, and everything else, newlines included, literally (systemd.exec(5), "EnvironmentFile=").
 */
export function environmentLine(name: string, value: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) throw new RangeError(`${name} is not a name for an environment variable`)
  const wrong = notCarriedByFile(name, value)
  if (wrong !== null) throw new RangeError(`the environment variable ${name} ${wrong}`)
  return `${name}="${value.replaceAll(/["\\`$]/g, '\\$&')}"`
}

function escapeC(value: string): string {
  let out = ''
  for (const char of value) {
    const code = char.codePointAt(0) ?? 0
    if (char === '"' || char === '\\') out += `\\${char}`
    else if (char === '\n') out += '\\n'
    else if (char === '\t') out += '\\t'
    else if (char === '\r') out += '\\r'
    else if (code < 0x20 || code === 0x7f || noncharacter.test(char))
      for (const byte of Buffer.from(char)) out += `\\x${byte.toString(16).padStart(2, '0')}`
    else out += char
  }
  return out
}
