import type { Replica } from '../inventory/model.ts'
import { Problem } from '../problem.ts'
import { openS3Store, storeLimits } from './s3-store.ts'
import type { DataStore, StoreLimits } from './store.ts'

/**
 * Opens a replica without a host in between: a bucket. A directory is on its hosts alone.
 * Throws Problem `ca-unreadable`, `replica-on-hosts`.
 */
export async function openDirectly(replica: Replica, limits: StoreLimits = storeLimits): Promise<DataStore> {
  if (replica.type === 's3') return openS3Store(replica, limits)
  throw new Problem({
    code: 'replica-on-hosts',
    doing: `opening replica ${replica.name}`,
    found: `it is a directory, ${replica.path}, which only its hosts have`,
    next: 'streamside status asks them',
  })
}
