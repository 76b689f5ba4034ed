import path from 'node:path'
import { stateDirectory } from '../inventory/model.ts'
import type { LookedAt } from './left.ts'
import { acceptedPath } from './request.ts'

/**
 * `unprotected:` names the file of a database itself: that it may not be there, and in no replica, is known. A folder above it says
 * nothing of it: what is accepted there is what lies beside it.
 */
export function isAccepted(
  app: Pick<LookedAt, 'name' | 'databases' | 'service' | 'unprotected'>,
  database: string,
): boolean {
  const name = nameToAccept(app, database)
  return name !== null && app.unprotected.some((each) => acceptedPath(each) === name)
}

/** How `unprotected:` would name the file of a database; null when it cannot, for it lies elsewhere. */
export function nameToAccept(app: Pick<LookedAt, 'name' | 'databases' | 'service'>, database: string): string | null {
  const file = app.databases[database] ?? ''
  const folders = new Set(Object.values(app.databases).map((each) => path.posix.dirname(each)))
  const folder = app.service === null ? stateDirectory(app.name) : path.posix.dirname(file)
  // a service with several folders may not have `unprotected:`
  if (app.service !== null && folders.size > 1) return null
  return file.startsWith(`${folder}/`) ? file.slice(folder.length + 1) : null
}
