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

/**
 * One word of a systemd setting that splits words (ExecStart=, Environment=, ReadWritePaths= …): double quotes, C escapes,
 * `%` doubled because specifiers are expanded everywhere. systemd.syntax(7), systemd.unit(5) "Specifiers".
 */
export function systemdWord(value: string): string {
  if (value.includes('\0')) throw new RangeError('a systemd setting cannot hold a NUL character')
  return `"${escapeC(value).replaceAll('%', '%%')}"`
}

/** One word of an Exec line: like `systemdWord`, and `$` doubled because Exec lines expand variables. systemd.service(5) */
export function systemdExecWord(value: string): string {
  return systemdWord(value).replaceAll('$', '$$$$')
}

/**
 * One line of an EnvironmentFile=: NAME="value". Within double quotes systemd takes `\` before `"`, `\`, `` ` ``, `$` and a
 * newline as an escape, and everything else, newlines included, literally (systemd.exec(5), "EnvironmentFile=").
 */
export function environmentLine(name: string, value: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) throw new RangeError(`${name} is not a name for an environment variable`)
  if (value.includes('\0')) throw new RangeError(`the environment variable ${name} cannot hold a NUL character`)
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
    else if (code < 0x20 || code === 0x7f) out += `\\x${code.toString(16).padStart(2, '0')}`
    else out += char
  }
  return out
}
