import path from 'node:path'
import type { App } from '../inventory/model.ts'
import { render } from '../templates/render.ts'
import type { Resource } from './resources.ts'

/**
 * The folder of an app with `storage: { ephemeral: SIZE }` that becomes a tmpfs: the one that holds its databases, so that
 * the rest of the state directory stays on the card. null for persistent storage. The inventory has made sure that all
 * databases of such an app lie in one folder.
 */
export function ephemeralFolder(app: App): string | null {
  const first = Object.values(app.databases)[0]
  return app.storage.kind === 'ephemeral' && first !== undefined ? path.posix.dirname(first) : null
}

/** Whether an app's databases live in memory. */
export function isEphemeral(app: App): boolean {
  return app.storage.kind === 'ephemeral'
}

/** The mount of ephemeral storage; what it forgets at a power cut the gate brings back from the replica. */
export function storageResources(app: App, account: { uid: number; gid: number }): Resource[] {
  const folder = ephemeralFolder(app)
  if (folder === null || app.storage.kind !== 'ephemeral') return []
  const unit = mountUnitName(folder)
  return [
    {
      kind: 'file',
      path: `/etc/systemd/system/${unit}`,
      mode: '0644',
      owner: 'root',
      group: 'root',
      content: render('systemd/ephemeral.mount.hbs', {
        app: app.name,
        folder,
        sizeBytes: app.storage.sizeBytes,
        uid: account.uid,
        gid: account.gid,
      }),
      validate: 'unit',
    },
    // Restarted only where its app is stopped for it (plan/moves.ts): nobody unmounts what an app runs on.
    { kind: 'unit', name: unit, enabled: true, active: true, runsFrom: [], app: app.name },
  ]
}

/** The name systemd demands for the mount unit of a path; systemd.unit(5), "String Escaping for Inclusion in Unit Names". */
export function mountUnitName(folder: string): string {
  return `${escapedPath(folder)}.mount`
}

/** The unit that stands for a device, as mountUnitName. */
export function deviceUnitName(device: string): string {
  return `${escapedPath(device)}.device`
}

function escapedPath(folder: string): string {
  return Buffer.from(folder.replace(/^\/+|\/+$/g, ''), 'utf8')
    .reduce<string[]>((out, byte, index) => {
      const char = String.fromCharCode(byte)
      if (char === '/') out.push('-')
      else if (/[A-Za-z0-9:_]/.test(char) || (char === '.' && index > 0)) out.push(char)
      else out.push(`\\x${byte.toString(16).padStart(2, '0')}`)
      return out
    }, [])
    .join('')
}
