import { Problem } from '../problem.ts'
import type { ObservedPath } from './observed.ts'
import type { ProbeRequest } from './probe.ts'

/**
 * A path that is no link, from what `stat` said of it: mode, owner, group, size, type.
 * @param sha256 of a file; `unread` when it could not be read
 * @param content base64, where it was asked for
 */
export function observedPath(stat: string[], sha256: string, content: string | undefined): ObservedPath {
  const [mode = '', owner = '', group = '', size, type = ''] = stat
  const common = { mode: mode.padStart(4, '0'), owner, group }
  if (!type.startsWith('regular')) return { type: type === 'directory' || type === 'mount' ? type : 'other', ...common }
  return {
    type: 'file',
    ...common,
    size: Number(size),
    sha256,
    content: content === undefined ? null : Buffer.from(content, 'base64'),
  }
}

/**
 * What look.sh saw below the apps' own folders, by path. But for what is closed to the app's user it runs as that user, so an app
 * that was broken into may have made it say anything: what it says of paths that are not this user's is an error, and silence is one.
 * @param records user, index of the path, kind, and what belongs to that kind
 * @throws Problem `app-folder-unread`
 */
export function ownPaths(records: string[][], request: ProbeRequest, host: string): Map<string, ObservedPath> {
  const said = new Map<number, string[]>()
  for (const [user = '', index = '', ...rest] of records) {
    const asked = request.paths[Number(index)]
    if (!/^\d+$/.test(index) || asked?.as !== user || said.has(Number(index)))
      throw unread(host, user, asked?.path ?? `path ${index}`, 'what answered spoke of paths that it was not asked for')
    said.set(Number(index), rest)
  }
  const seen = new Map<string, ObservedPath>()
  request.paths.forEach(({ path, as }, index) => {
    if (as === 'root') return
    const [kind, ...fields] = said.get(index) ?? []
    if (kind === 'link') seen.set(path, { type: 'link', target: Buffer.from(fields[0] ?? '', 'base64').toString() })
    else if (kind === 'stat')
      seen.set(path, observedPath(fields, fields[5] ?? 'unread', fields[6] === '-' ? undefined : fields[6]))
    else if (kind !== 'none') throw unread(host, as, path, 'there was no whole answer within 40 s')
  })
  return seen
}

function unread(host: string, user: string, path: string, found: string): Problem {
  return new Problem({
    code: 'app-folder-unread',
    doing: `looking at ${path} on ${host} as its user ${user}`,
    found,
    next: `see what runs as ${user} on ${host} (ps -u ${user}) and what lies in its folders: something there is in the way`,
    host,
    app: user,
  })
}
