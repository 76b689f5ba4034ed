import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { type LabHost, putFile, runInHost } from '../lab/index.ts'
import { mainPid } from './host-state.ts'

/** What an intruder who runs as an app has with him. */
export interface Intruder {
  /** The app, and so the user; `root` for one who may do anything. */
  app: string
  user?: 'root'
  /** Within the app's sandbox, or outside of it with the app's rights. */
  inside: boolean
  /** As setpriv names them, e.g. `net_bind_service`; default none. */
  capabilities?: string[]
}

/**
 * Tries to get at the keys of an app's backups (keys-thief.py): Litestream's process, its control socket, and `files`. What
 * came of each: `read: …`, or the name of the error.
 */
export async function steal(host: LabHost, intruder: Intruder, files: string[]): Promise<Record<string, string>> {
  const { app, inside, capabilities = [] } = intruder
  const program = '/usr/local/bin/thief'
  await putFile(host, program, await readFile(path.join(import.meta.dirname, 'keys-thief.py')), { mode: '0755' })
  const set = ['-all', ...capabilities.map((name) => `+${name}`)].join()
  const rights = ['bounding-set', 'inh-caps', 'ambient-caps'].map((kind) => `--${kind}=${set}`)
  const as =
    intruder.user === 'root'
      ? []
      : ['setpriv', '--reuid', app, '--regid', app, '--clear-groups', '--no-new-privs', ...rights, '--']
  const enter = inside ? ['nsenter', '--target', await mainPid(host, app), '--mount', '--'] : []
  const litestream = [await mainPid(host, `${app}-litestream`), `/run/streamside/socket/${app}/litestream.sock`]
  const argv = [...enter, ...as, '/usr/bin/python3', program, ...litestream, ...files]
  return JSON.parse((await runInHost(host, argv)).stdout) as Record<string, string>
}
