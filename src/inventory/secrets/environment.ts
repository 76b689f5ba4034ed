/** Variables that every shell or service manager sets for its own purposes: no secret is looked for in them. */
const ordinary = new Set(
  `PATH HOME USER LOGNAME SHELL PWD OLDPWD TERM LANG LANGUAGE TZ EDITOR VISUAL PAGER DISPLAY HOSTNAME HOSTTYPE MAIL IFS PS1
  SHLVL UID EUID TMPDIR COLUMNS LINES CI DEBUG NODE_ENV`.split(/\s+/),
)

/** The environment variable of a secret: `nas-key` is NAS_KEY. Null when that is one with a meaning of its own. */
export function variableOf(secret: string): string | null {
  const name = secret.toUpperCase().replaceAll(/[-.]/g, '_')
  return ordinary.has(name) || name.startsWith('LC_') || name.startsWith('XDG_') ? null : name
}
