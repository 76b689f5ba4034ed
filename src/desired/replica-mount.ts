import path from 'node:path'
import type { App, FileReplica, Replica } from '../inventory/model.ts'
import { render } from '../templates/render.ts'
import type { Resource } from './resources.ts'
import { deviceUnitName, mountUnitName } from './storage.ts'

// nofail: the boot goes on without it. Nobody runs or opens anything special from a replica.
const common = ['nofail', 'nosuid', 'nodev', 'noexec', 'noatime']
// A share that is away is waited for, instead of writes getting lost; and that a file is not there is asked of the server each
// time, for that is how the newest owner object is found (objects.sh).
const ofShare = ['hard', 'lookupcache=positive']

/** The mount point of an app's replica; null for a bucket. */
export function replicaRoot(replica: Replica): string | null {
  return replica.type === 'file' ? replica.path : null
}

/**
 * What the units of an app may write to for its replica. Where streamside mounts it, that place alone: once it is unmounted, what lies
 * below is read-only for them. What somebody else mounts may be closed to root (FUSE), and systemd then starts no unit that names it: the
 * folder above, and who may write below is a matter of the bare directory (replicas.sh looks at it).
 */
export function replicaWritable(replica: Replica): string | null {
  if (replica.type !== 'file') return null
  return replica.mount === null ? path.posix.dirname(replica.path) : replica.path
}

/** What mounts a replica that the inventory describes: the bare directory, the unit, and what the kernel needs for it. */
export function replicaMountResources(app: App, replica: Replica): Resource[] {
  if (replica.type !== 'file' || replica.mount === null) return []
  const { mount } = replica
  const unit = mountUnitName(replica.path)
  const isShare = mount.kind === 'nfs'
  return [
    ...(isShare ? [{ kind: 'package', name: 'nfs-common' } as const] : []),
    ...bareDirectory(replica),
    {
      kind: 'file',
      path: `/etc/systemd/system/${unit}`,
      mode: '0644',
      owner: 'root',
      group: 'root',
      content: render('systemd/replica.mount.hbs', {
        replica: replica.name,
        what: mount.kind === 'nfs' ? mount.share : mount.device,
        where: replica.path,
        type: isShare ? 'nfs' : null,
        options: [...common, ...(isShare ? ofShare : [])].join(','),
        // It is mounted when it is plugged in, too.
        device: mount.kind === 'device' ? deviceUnitName(mount.device) : null,
      }),
      validate: 'unit',
    },
    // What is written there must not be taken away from under it: the mount is started, never restarted.
    { kind: 'unit', name: unit, enabled: true, active: true, runsFrom: [], app: app.name },
  ]
}

/**
 * Root's alone and closed: what lies in it while nothing is mounted there was written by nobody of ours. One that is there stays as
 * it is, for it may be what is mounted.
 */
function bareDirectory(replica: FileReplica): Resource[] {
  const root = { kind: 'directory', owner: 'root', group: 'root', onlyMade: true } as const
  const above: string[] = []
  for (let each = path.posix.dirname(replica.path); each !== '/'; each = path.posix.dirname(each)) above.unshift(each)
  return [
    ...above.map((folder) => ({ ...root, path: folder, mode: '0755' })),
    { ...root, path: replica.path, mode: '0000' },
  ]
}
