import { toInventory } from '../inventory/convert.ts'
import { type Draft, remark, warning } from '../inventory/reading.ts'
import { Problem } from '../problem.ts'
import { replicatedBytes } from './database-size.ts'

/** A restore needs room beside the database, Litestream keeps the newest transactions, and the WAL grows between them. */
const ephemeralFactor = 3

/** `check` is quick: a server that does not answer at once is not waited for. */
const limits = { readMs: 4000, writeMs: 4000, readPausesMs: [] }

/**
 * Warns when ephemeral storage is smaller than three times what the replica holds. What cannot be looked at is said, and is
 * no mistake: without the network everything else can be checked all the same.
 */
export async function checkEphemeralSizes(draft: Draft): Promise<void> {
  const { entries, folder, secrets } = draft
  const wanted = [...entries.apps.values()].some((app) => typeof app.storage === 'object')
  // A mistake anywhere else may be about the very replica.
  if (!wanted || draft.notes.mistakes.length > 0) return
  const inventory = toInventory({ entries, folder, files: [], secrets: new Map(secrets) })
  const checks = Object.values(inventory.apps).flatMap((app) => {
    const { storage } = app
    return storage.kind === 'ephemeral' ? app.hosts.map((host) => ({ app, host, sizeBytes: storage.sizeBytes })) : []
  })
  await Promise.all(
    checks.map(async ({ app, host, sizeBytes }) => {
      const at = ['apps', app.name, 'storage', 'ephemeral']
      try {
        const bytes = await replicatedBytes(inventory, app, host, limits)
        if (bytes === null || sizeBytes >= ephemeralFactor * bytes) return
        const where = app.instancePerHost ? ` on ${host}` : ''
        warning(
          draft,
          at,
          `less than three times the ${mebibytes(bytes)} that its databases have${where}: a restore may not fit`,
          `4 times would be ${mebibytes(4 * bytes)}`,
        )
      } catch (error) {
        if (!(error instanceof Problem)) throw error
        remark(draft, at, `whether this is three times the database could not be seen: ${error.found}`)
      }
    }),
  )
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)}M`
}
