/** A line of /proc/self/mountinfo (proc_pid_mountinfo(5)). */
export interface Mount {
  /** MAJOR:MINOR; made up by file systems that have several devices, or none. */
  id: string
  /** What of the file system is seen there; `/` is all of it. */
  root: string
  path: string
  /** Of this mount, and of the file system below it: either may be read-only. */
  options: string[]
  type: string
  source: string
}

/** Reads mountinfo; lines that are not whole are left out. */
export function parseMounts(text: string): Mount[] {
  return text.split('\n').flatMap((line) => {
    const fields = line.split(' ')
    const end = fields.indexOf('-', 6)
    const [, , id, root, path, own] = fields
    const [type, source, whole] = end < 0 ? [] : fields.slice(end + 1)
    if (!id || !root || !path || !own || !type || source === undefined || whole === undefined) return []
    return [
      {
        id,
        root: unescaped(root),
        path: unescaped(path),
        options: [...own.split(','), ...whole.split(',')],
        type,
        source: unescaped(source),
      },
    ]
  })
}

/** The mount that a path lies on: the deepest one above it, and of several on one place the last. */
export function mountOf(mounts: Mount[], path: string): Mount | null {
  let found: Mount | null = null
  for (const mount of mounts) {
    const isAbove = mount.path === '/' || mount.path === path || path.startsWith(`${mount.path}/`)
    if (isAbove && (found === null || mount.path.length >= found.path.length)) found = mount
  }
  return found
}

/**
 * Whether nothing can be written there. Since Linux 6.12 an ext4 that has met an error with `errors=remount-ro` refuses writes
 * without becoming `ro`; from 6.15 on it says `emergency_ro` instead (fs/ext4/super.c). `shutdown` is what it says after worse.
 */
export function isReadOnly({ options }: Mount): boolean {
  return options.some((option) => ['ro', 'emergency_ro', 'shutdown'].includes(option))
}

/** What /etc/fstab says of a place: null when it does not name it. */
export function declaredReadOnly(fstab: string, path: string): boolean | null {
  for (const line of fstab.split('\n')) {
    const [source = '', place = '', , options = ''] = line.trim().split(/\s+/)
    if (source.startsWith('#') || unescaped(place) !== path) continue
    return options.split(',').includes('ro')
  }
  return null
}

/** Blanks, tabs, newlines and backslashes stand as `\040` and the like in both files. */
function unescaped(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}
