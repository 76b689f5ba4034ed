import { configDirectory } from '../desired/places.ts'
import type { HostState } from '../desired/host-state.ts'
import type { Change } from './change.ts'
import type { Manifest } from './manifest.ts'

/** Apps that streamside has put on a host and the inventory has there no more, by name. */
export function leavingApps(state: HostState, recorded: Manifest): string[] {
  const apps = new Set(state.apps.map((app) => app.name))
  return recorded.apps.filter((app) => !apps.has(app))
}

/**
 * What comes first when an app leaves: it is stopped, the replica is proven to hold everything, and the host lets go of it
 * (ownership.md, "Removed from the inventory"). Its units and files then go like any leftover. Its data and its replica stay.
 */
export function letGo(app: string): Change {
  return {
    summary: { kind: 'app', name: app, action: 'remove', reason: 'no longer in the inventory: stop, proof, release' },
    step: { verb: 'leave', fields: [app] },
  }
}

/** The folders of an app that hold nothing of the user's: releases, and configuration with its keys. */
export function purged(app: string): Change[] {
  return [`/opt/${app}`, configDirectory(app)].map((path) => ({
    summary: { kind: 'directory', name: path, action: 'remove', reason: 'no longer in the inventory' },
    step: { verb: 'purge', fields: [path] },
  }))
}
