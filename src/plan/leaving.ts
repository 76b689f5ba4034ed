import { configDirectory, gateConfigPath } from '../desired/places.ts'
import type { HostState } from '../desired/host-state.ts'
import type { Change } from './change.ts'
import type { Manifest, ManifestService } from './manifest.ts'
import type { Rename } from './renames.ts'

/** Apps that streamside has put on a host and the inventory has there no more, by name. */
export function leavingApps(state: HostState, recorded: Manifest): string[] {
  const apps = new Set([...state.apps, ...state.later].map((app) => app.name))
  return recorded.apps.filter((app) => !apps.has(app))
}

/**
 * What comes first when an app leaves: it is stopped, the replica is proven to hold everything, and the host lets go of it
 * (ownership.md, "Removed from the inventory"), be it for another name. Its units and files then go like any leftover. Its data and its replica stay.
 */
export function letGo(app: string, recorded: Manifest, rename?: Rename): Change {
  const service = recorded.services?.[app]
  const reason = `${whyGone(rename?.to)}${isReplicated(app, recorded) ? ': stop, proof, release' : ''}`
  return {
    summary: {
      kind: 'app',
      name: app,
      action: rename === undefined ? 'remove' : 'stop',
      reason: service === undefined ? reason : `${reason}; ${service.unit} is given back as it was`,
    },
    step: {
      verb: 'leave',
      fields: [
        app,
        service?.unit ?? `${app}.service`,
        service === undefined ? 'removed' : 'given-back',
        ...(rename === undefined ? [] : [rename.to, ...rename.halves]),
      ],
    },
  }
}

/** Why there is nothing to be under a name any more. */
export function whyGone(to?: string): string {
  return to === undefined ? 'no longer in the inventory' : `its app is called ${to} now`
}

/** Whether an app on record has databases, and so a replica to let go of. */
export function isReplicated(app: string, { files, replicas }: Manifest): boolean {
  return files[gateConfigPath(app)] !== undefined || replicas?.[app] !== undefined
}

/** The name that an app on record has in the replica. */
export function instanceOnRecord(app: string, { replicas }: Manifest): string | undefined {
  return replicas?.[app]?.split(', ').at(-1)
}

/** An adopted service goes on without us, as it did before: after the drop-in is gone and systemd has read that. */
export function givenBack({ unit, enabled, active }: ManifestService, isOurs: boolean): Change[] {
  // Laid by us, it goes with its unit file.
  if (isOurs) return []
  const change = (action: 'update' | 'start', verb: 'disable' | 'start', reason: string): Change => ({
    summary: { kind: 'unit', name: unit, action, reason },
    step: { verb, fields: [unit] },
  })
  return [
    ...(enabled ? [] : [change('update', 'disable', 'not enabled, as before it was adopted')]),
    ...(active ? [change('start', 'start', 'it goes on without streamside')] : []),
  ]
}

/** The folders of an app that hold nothing of the user's: releases, and configuration with its keys. */
export function purged(app: string, to?: string): Change[] {
  return [`/opt/${app}`, configDirectory(app)].map((path) => ({
    summary: {
      kind: 'directory',
      name: path,
      action: 'remove',
      reason: `${whyGone(to)}; what streamside has not put there stays`,
    },
    step: { verb: 'purge', fields: [path] },
  }))
}
